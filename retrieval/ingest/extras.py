"""Decoders that are not always there: packages of requirements-extras*.txt, used where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType

VIDEO = "MP4, MOV, WebM"
# What people call the files -> the package that reads them.
PACKAGES = {"HEIC": "pi_heif", "PDF": "pypdfium2", "DICOM": "pydicom", "JPEG XL": "imagecodecs", VIDEO: "av"}


def load(package: str, *, without: str = "") -> ModuleType | None:
    """Import an optional package; None where it is not installed. Called while the decoders' server still has files.

    For it a module is not installed that it does ``without``, and would load for what is never done here.
    """
    try:
        with _absent(without) if without else nullcontext():
            return importlib.import_module(package)
    except ImportError:
        return None


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Have a module be none while the block runs, for those who do not have it yet."""
    before = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before


def readable() -> tuple[str, ...]:
    """Name what is read here beyond what every site reads; nothing is imported for it."""
    return tuple(name for name, package in PACKAGES.items() if importlib.util.find_spec(package))
