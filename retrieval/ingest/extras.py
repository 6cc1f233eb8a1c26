"""Decoders that are not always there: packages of requirements-extras*.txt, used where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

VIDEO = "MP4, MOV, WebM"
# What people call the files -> the package that reads them.
PACKAGES = {"HEIC": "pi_heif", "PDF": "pypdfium2", "DICOM": "pydicom", "JPEG XL": "imagecodecs", VIDEO: "av"}


def load(package: str) -> ModuleType | None:
    """Import an optional package; None where it is not installed. Called while the decoders' server still has files."""
    try:
        return importlib.import_module(package)
    except ImportError:
        return None


def readable() -> tuple[str, ...]:
    """Name what is read here beyond what every site reads; nothing is imported for it."""
    return tuple(name for name, package in PACKAGES.items() if importlib.util.find_spec(package))
