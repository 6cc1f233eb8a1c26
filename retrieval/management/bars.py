"""How far a command is, on standard error: a bar for each thing done in turn, or a line now and then for a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from tqdm import tqdm

EVERY = 10.0  # seconds between two lines where nobody watches


class Bars:
    """A ``Progress``; silent if ``quiet``. With ``leave`` full bars stay to be seen.

    Without a terminal it writes lines: the first, the last of each thing, and one every ten seconds. ``unit`` is what
    is counted; bytes, "B", are shown in kB and MB.
    """

    def __init__(self, *, quiet: bool = False, leave: bool = True, unit: str = "it") -> None:
        self._quiet = quiet
        self._looks: dict[str, Any] = {"leave": leave, "unit": unit, "unit_scale": unit == "B"}
        self._what, self._said = "", float("-inf")
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def __call__(self, what: str, done: int, total: int, **beside: int) -> None:
        """Move the bar of ``what``, a new one when something else begins; show other numbers beside it."""
        if self._quiet:
            return
        if not sys.stderr.isatty():
            self._line(what, done, total, **beside)
            return
        if self._bar is None or self._what != what or done < self._bar.n:
            self._close()
            self._what = what
            self._bar = tqdm(total=total or None, desc=what, **self._looks)
        self._bar.set_postfix(beside, refresh=False)
        self._bar.update(done - self._bar.n)

    def say(self, sentence: str) -> None:
        """Write a sentence, above the bar where there is one."""
        if not self._quiet:
            tqdm.write(sentence, file=sys.stderr)

    def _line(self, what: str, done: int, total: int, **beside: int) -> None:
        now = time.monotonic()
        if (total and done >= total) or now - self._said >= EVERY:
            self._said = now
            of_all = f"{done} of {total}" if total else f"{done}"
            sys.stderr.write(", ".join([f"{of_all}: {what}", *(f"{name} {value}" for name, value in beside.items())]))
            sys.stderr.write("\n")

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
