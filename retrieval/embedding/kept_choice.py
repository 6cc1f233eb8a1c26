"""Which graph runs an encoder best on this machine, once that was measured: the next start needs no torch."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from retrieval import whole_files
from retrieval.embedding import openvino_cpu
from retrieval.embedding.spec import EncoderSpec
from retrieval.openvino_core import core, ov

logger = logging.getLogger(__name__)

# Where one of these is, torch may run on more than the CPU, and is asked at each start.
ACCELERATORS = tuple(Path(path) for path in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd"))


@dataclass(frozen=True)
class Choice:
    """The name of a graph's folder in the cache, and the precision it runs in."""

    graph: str
    precision: str


def keep(choice: Choice, *, spec: EncoderSpec, weights_sha256: str, cache: Path) -> None:
    """Write a choice down for ``runtime``. ``weights_sha256`` is empty for an encoder without weights.

    Where that cannot be done, on a full disk or while another program does it, the encoder runs all the same: the next
    start measures again, and the log says why.
    """
    path = _path(spec, weights_sha256, cache)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole_files.write(path, json.dumps(asdict(choice)))
    except OSError as error:
        logger.warning("The choice of a runtime for %s cannot be kept: %s", spec.backbone, error)


def known(spec: EncoderSpec, *, weights_sha256: str, cache: Path) -> bool:
    """Tell whether a choice is kept for this encoder on this machine."""
    return not _accelerated() and _path(spec, weights_sha256, cache).exists()


def runtime(spec: EncoderSpec, *, weights_sha256: str, cache: Path) -> openvino_cpu.OpenVINORuntime | None:
    """What was chosen for this encoder on this machine; None when it has to be measured, here or again."""
    if _accelerated():
        return None
    try:
        choice = Choice(**json.loads(_path(spec, weights_sha256, cache).read_bytes()))
        return openvino_cpu.OpenVINORuntime(openvino_cpu.read(cache / choice.graph), precision=choice.precision)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError, RuntimeError) as error:
        logger.warning("The kept choice of a runtime for %s cannot be used: %s", spec.backbone, error)
        return None


def _accelerated() -> bool:
    return sys.platform == "darwin" or any(path.exists() for path in ACCELERATORS)


def _path(spec: EncoderSpec, weights_sha256: str, cache: Path) -> Path:
    """Named after all that a choice depends on: encoder, versions, this package's own code, and the machine."""
    machine = [core().get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    about = [spec.to_dict(), weights_sha256, ov.__version__, version("torch"), *machine, os.cpu_count()]
    digest = hashlib.sha256(json.dumps([*about, code()]).encode())
    return cache / "choices" / f"{digest.hexdigest()}.json"


def code() -> str:
    """A digest of this package's own code: another one may make other graphs."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
