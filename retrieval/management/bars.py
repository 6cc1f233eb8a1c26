"""Progress bars of commands, on standard error, one for each thing that is done in turn."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm


class Bars:
    """A progress callback: told what is being done, how many are done, and of how many."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._what = ""
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Move the bar of ``what``, a new one when something else begins."""
        if self._bar is None or self._what != what or done < self._bar.n:
            self._close()
            self._what = what
            self._bar = tqdm(total=total, desc=what, disable=True if self._quiet else None)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
