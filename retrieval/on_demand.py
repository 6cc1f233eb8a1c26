"""Names of a room whose modules are loaded when somebody uses them: torch costs a process three seconds and 220 MB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(room: str, where: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` (PEP 562) of a room: each name and the module of it that has it, "" for modules.

    A name must not be that of another module of the room: once loaded, the module would stand in its place.
    """

    def load(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{where[name]}"), name) if where[name] else import_module(f"{room}.{name}")

    return load
