"""Progress bars for commands whose services tell what they do, how far they are, and of how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm


@contextmanager
def bars(*, leave: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (what, done, total) that shows one bar after another; silent where there is no terminal.

    With ``leave`` a bar that is full stays to be seen.
    """
    bar: tqdm[Any] = tqdm(disable=True)
    shown = ""

    def show(what: str, done: int, total: int) -> None:
        nonlocal bar, shown
        if shown != what:
            bar.close()
            bar, shown = tqdm(desc=what, total=total, disable=None, leave=leave), what
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        bar.close()
