"""Read and write weights: checked by SHA-256 before they are parsed, never unpickled, half the size on disk."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from retrieval import whole_files
from retrieval.embedding import header
from retrieval.embedding.encoder import Encoder
from retrieval.embedding.spec import EncoderSpec
from retrieval.errors import WeightsError

COUNTER = ".num_batches_tracked"
_SHOWN = 3
MOST_ENTRIES = 10_000
# What the parsers raise about files that are none, hostile ones included.
BROKEN = (
    SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, struct.error, RuntimeError, EOFError, ValueError,
    LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, MemoryError,
)  # fmt: skip


def save(encoder: Encoder, path: Path) -> str:
    """Write the weights and their spec as one safetensors file, whole or not at all; returns its SHA-256."""
    return write(
        encoder.state_dict(), path, about={header.SPEC_KEY: json.dumps(encoder.spec.to_dict(), sort_keys=True)}
    )


def write(tensors: Mapping[str, Tensor], path: Path, *, about: Mapping[str, str]) -> str:
    """Write tensors, and texts about them, as one safetensors file, whole or not at all; returns its SHA-256.

    Matrices are stored in half precision. Vectors stay in single: they are few, and a running variance can be outside
    the range of half precision.
    """
    data = safetensors_bytes({name: _stored(value) for name, value in tensors.items()}, metadata=dict(about))
    whole_files.write(path, data)
    return hashlib.sha256(data).hexdigest()


def _stored(value: Tensor) -> Tensor:
    half = value.is_floating_point() and value.ndim > 1
    return value.detach().to("cpu", torch.half if half else value.dtype, copy=True).contiguous()


def load(path: Path, *, spec: EncoderSpec | None = None, sha256: str | None = None) -> Encoder:
    """The encoder of a weights file.

    The file is one written by ``save`` (it carries its spec), or a plain torchvision state dict as .safetensors or
    .pth (then ``spec`` is needed, and pooling and projection keep their first values). With ``sha256``, other bytes
    are refused before anything looks inside. Raises WeightsError.
    """
    tensors, about = read(path, sha256=sha256)
    spec = spec or header.own_spec(about, path.name)
    if spec is None:
        raise WeightsError(f"{path.name} does not say which encoder it is for; give its spec.")
    encoder = Encoder(spec, seed=None if _is_whole(tensors) else 0)
    _fill(encoder, tensors, path.name)
    return encoder


def read(path: Path, *, sha256: str | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a weights file and the texts about them; raises WeightsError as ``load`` does."""
    return _parse(header.checked_bytes(path, sha256), path.name)


def _parse(data: bytes, name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        if name.endswith(".safetensors"):
            return parse_safetensors(data), header.texts(data)
        _require_plain_zip(data)
        tensors = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except BROKEN as error:
        raise WeightsError(f"{name} is not a weights file: {_why(error)}") from error
    if not isinstance(tensors, Mapping) or not all(map(_is_entry, tensors.items())):
        raise WeightsError(f"{name} is not a state dict: it must map names to tensors, dense and of real numbers.")
    return dict(tensors), {}


def _why(error: Exception) -> str:
    """What a parser says, where it says it for people: an unpickler's words are of bytes and opcodes."""
    if isinstance(error, SafetensorError | ValueError):
        return str(error).partition("\n")[0]
    return "it is neither safetensors nor a state dict that torch has saved."


def _require_plain_zip(data: bytes) -> None:
    """Raise ValueError for a zip that grows when it is unpacked, which no weights file does."""
    if not data.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
    if len(entries) > MOST_ENTRIES or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("it is a zip file of another kind")
    if sum(entry.file_size for entry in entries) > len(data):
        raise ValueError("it says that it holds more than it is long")


def _is_entry(entry: tuple[Any, Any]) -> bool:
    name, value = entry
    if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
        return False
    return not (value.is_quantized or value.is_complex() or value.is_meta)


def _is_whole(tensors: Mapping[str, Tensor]) -> bool:
    """Of an encoder, not of its backbone alone."""
    return any(key.startswith("backbone.") for key in tensors)


def _fill(encoder: Encoder, tensors: Mapping[str, Tensor], name: str) -> None:
    """Put the tensors into the encoder, every one in its place; raises WeightsError naming those that do not fit."""
    whole = _is_whole(tensors)
    target = encoder if whole else encoder.backbone
    expected = target.state_dict()
    # A plain state dict also holds the classifier, which an encoder has no use for.
    given = tensors if whole else {key: value for key, value in tensors.items() if key in expected}
    # How many batches a normalisation has seen is nothing an encoder needs; many files leave it out.
    given = {**{key: value for key, value in expected.items() if key.endswith(COUNTER)}, **given}
    missing, unknown = sorted(expected.keys() - given.keys()), sorted(given.keys() - expected.keys())
    both = sorted(expected.keys() & given.keys())
    misfits = [key for key in both if expected[key].shape != given[key].shape]
    others = [key for key in both if expected[key].is_floating_point() != given[key].is_floating_point()]
    problems = {"lacks": missing, "holds unknown": unknown, "has other shapes for": misfits}
    for problem, keys in {**problems, "has another kind of numbers for": others}.items():
        if keys:
            listed = ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
            raise WeightsError(f"{name} does not fit {encoder.spec.backbone}: it {problem} {listed}.")
    target.load_state_dict(given)
    if not all(bool(value.isfinite().all()) for value in encoder.state_dict().values()):
        raise WeightsError(f"{name} holds numbers that are not finite, or a projection that was never fitted.")
