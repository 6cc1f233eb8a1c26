"""Progress bars of commands, on standard error, one for each thing that is done in turn."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm


class Bars:
    """A ``Progress``; silent if ``quiet``, and where there is no terminal. With ``leave`` full bars stay to be seen.

    ``unit`` is what is counted; bytes, "B", are shown in kB and MB.
    """

    def __init__(self, *, quiet: bool = False, leave: bool = True, unit: str = "it") -> None:
        self._disable = True if quiet else None
        self._looks: dict[str, Any] = {"leave": leave, "unit": unit, "unit_scale": unit == "B"}
        self._what = ""
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def __call__(self, what: str, done: int, total: int, **beside: int) -> None:
        """Move the bar of ``what``, a new one when something else begins; show other numbers beside it."""
        if self._bar is None or self._what != what or done < self._bar.n:
            self._close()
            self._what = what
            self._bar = tqdm(total=total or None, desc=what, disable=self._disable, **self._looks)
        self._bar.set_postfix(beside, refresh=False)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
