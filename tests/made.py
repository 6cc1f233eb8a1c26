"""What a first start makes that is alike for every site, graphs and static files: made once in a run, and lent on.

Making them is seconds of each start. A choice of a runtime and a collection of files each know what they were made of.
A site whose encoder does not matter takes a small one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from imagesearch import servers
from retrieval.embedding import Encoder, EncoderSpec, checkpoint
from tests.conftest import STARTED

STATIC = "static"


def small_encoder(folder: Path) -> Path:
    """Put a small encoder, ``own``, among the weights of a data folder; returns its file. It searches well enough."""
    file = folder / "weights" / "own.safetensors"
    file.parent.mkdir(mode=0o700, parents=True)
    folder.chmod(0o700)
    checkpoint.save(Encoder(EncoderSpec("mobilenet_v2", image_size=64, widths=(*[8] * 17, 16))), file)
    return file


def lend_cluster(folder: Path) -> None:
    """Put a cluster that was made and never started into a data folder, with its passwords."""
    kept = _kept() / "cluster"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parents[1]) as draft:
            replace(servers.postgres(Path(draft)), settings={"fsync": "off"}).prepare()
            _copy(Path(draft), kept)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in ("postgres", "secrets"):
        _copy(kept / part, folder / part)


def lend(folder: Path, *, static: bool = True) -> None:
    """Put what earlier sites of this run made into a data folder; graphs alone where no ``static`` files belong."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for source, part in _parts(_kept()):
        if static or part.name != STATIC:
            _copy(source, folder / part)


def keep(folder: Path) -> None:
    """Keep what a site has made for those that come later in this run."""
    for source, part in _parts(folder):
        _copy(source, _kept() / part)


def _kept() -> Path:
    return Path(os.environ[STARTED]) / "made"


def _parts(folder: Path) -> Iterator[tuple[Path, Path]]:
    """What is there, each part whole or not at all: the static files, each graph, and last what was chosen of them."""
    for pattern in (STATIC, "cache/graphs/*", "cache/graphs/choices/*"):
        for found in sorted(folder.glob(pattern)):
            if found.name != "choices":
                yield found, found.relative_to(folder)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder that is not there yet; whoever looks at the same time sees all of it or nothing."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as draft:
        copy = Path(draft) / target.name
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy2(source, copy)
        try:
            copy.rename(target)
        except OSError:
            return  # another worker was quicker
