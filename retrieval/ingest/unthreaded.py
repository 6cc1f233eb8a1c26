"""Have a library not start threads, which a decoding child must not: its call for that is bound to nothing."""

from __future__ import annotations

import ctypes
import mmap
import sys
from dataclasses import dataclass
from pathlib import Path

MAPS = Path("/proc/self/maps")
READ, WRITE = 1, 2
_nothing = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 0)  # succeeds; kept, as the library keeps its address


def bind_to_nothing(function: str, *, of: str, used_by: str) -> bool:
    """Replace what one loaded library, ``used_by``, calls under the name of a function ``of`` another one.

    Both are told by how their files' names begin. Returns False where it is not found, so that nothing was changed.
    Only the pointer in the table of calls is written, which the linker has filled in by now (an import binds at once).
    """
    libraries = _loaded(of) if sys.platform.startswith("linux") else {}
    if not libraries:
        return False
    found = getattr(ctypes.CDLL(next(iter(libraries))), function, None)
    if found is None:
        return False
    wanted = ctypes.cast(found, ctypes.c_void_p).value or 0
    return sum(_replace(span, wanted) for spans in _loaded(used_by).values() for span in spans) > 0


@dataclass(frozen=True)
class _Span:
    """A stretch of a loaded library that is no program."""

    start: int
    end: int
    writable: bool


def _loaded(name: str) -> dict[str, list[_Span]]:
    """Path of each loaded library of this name -> where its data lie."""
    found: dict[str, list[_Span]] = {}
    for line in MAPS.read_text().splitlines():
        place, rights, _, _, _, *path = line.split(maxsplit=5)
        start, end = (int(number, 16) for number in place.split("-"))
        if path and Path(path[0]).name.startswith(name) and rights.startswith("r") and "x" not in rights:
            found.setdefault(path[0], []).append(_Span(start, end, "w" in rights))
    return found


def _replace(span: _Span, wanted: int) -> int:
    """Replace this pointer wherever it lies in a span of memory; return how often."""
    size = ctypes.sizeof(ctypes.c_void_p)
    data, pattern = ctypes.string_at(span.start, span.end - span.start), wanted.to_bytes(size, sys.byteorder)
    at, count = data.find(pattern), 0
    while at >= 0:
        if at % size == 0:
            count += _write(span.start + at, writable=span.writable)
        at = data.find(pattern, at + 1)
    return count


def _write(address: int, *, writable: bool) -> bool:
    """Write the pointer to nothing, and leave the memory as it was: the linker closes a table that is full."""
    page, libc = ctypes.c_void_p(address & -mmap.PAGESIZE), ctypes.CDLL(None)
    if not writable and libc.mprotect(page, mmap.PAGESIZE, READ | WRITE) != 0:
        return False
    ctypes.c_void_p.from_address(address).value = ctypes.cast(_nothing, ctypes.c_void_p).value
    if not writable:
        libc.mprotect(page, mmap.PAGESIZE, READ)
    return True
