"""OpenVINO without its reporter: the one core of the process, on which all networks of the CPU run."""

from __future__ import annotations

import functools
import sys

# Its package reports every import and conversion to its maker. With the reporter marked as absent, OpenVINO uses the
# empty stand-in it ships for that case. This has to come before the first import of openvino in the process.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
import openvino as ov  # noqa: E402

__all__ = ["core", "ov"]


@functools.cache
def core() -> ov.Core:
    """Return the one core of the process; made late, as its threads do not survive a fork."""
    return ov.Core()
