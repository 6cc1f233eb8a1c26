"""What a weights file says of itself, without torch: its bytes checked, the texts of its header, the spec."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, deserialize

from retrieval.embedding.spec import EncoderSpec
from retrieval.errors import InvalidInput, WeightsError

SPEC_KEY = "imagesearch.spec"
MOST_BYTES = 4 * 1024**3  # the largest backbone has half a gigabyte


def read_spec(path: Path) -> EncoderSpec | None:
    """The spec that a weights file carries, or None when it carries none; raises WeightsError when unreadable.

    Only safetensors files carry one; whether another file is sound, loading it will tell.
    """
    if path.suffix != ".safetensors":
        return None
    data = checked_bytes(path)
    try:
        deserialize(data)  # type: ignore[no-untyped-call]
        said = texts(data)
    except (SafetensorError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path.name} is not a weights file: {str(error).partition(chr(10))[0]}") from error
    return own_spec(said, path.name)


def checked_bytes(path: Path, sha256: str | None = None) -> bytes:
    """The bytes of a weights file. Raises WeightsError when they cannot be, or have another SHA-256 than this."""
    try:
        if path.exists() and not path.is_file():
            raise WeightsError(f"{path.name} is not a weights file: it is a folder, a pipe or a device.")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise WeightsError(f"{path.name} is not a weights file: {size} bytes are more than {MOST_BYTES}.")
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"The weights file {path.name} cannot be read: {error.strerror}.") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise WeightsError(f"The weights file {path.name} was altered: its SHA-256 is {found}, not {sha256}.")
    return data


def texts(data: bytes) -> dict[str, str]:
    """The texts in the header of a safetensors file that was parsed before."""
    length = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return dict(header.get("__metadata__") or {})


def own_spec(said: Mapping[str, str], name: str) -> EncoderSpec | None:
    """The spec among the texts of a file, None for none. Raises WeightsError for one that is no spec."""
    try:
        spec = json.loads(said[SPEC_KEY]) if SPEC_KEY in said else None
        if spec is not None and not isinstance(spec, dict):
            raise ValueError("its spec is no table")
        return EncoderSpec.from_dict(spec) if spec is not None else None
    except (ValueError, RecursionError, InvalidInput) as error:
        raise WeightsError(f"{name} is not a weights file: {error}") from error
