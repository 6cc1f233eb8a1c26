"""What a command tells of its progress: bars on a terminal, lines in a log, nothing when it is to be quiet."""

from __future__ import annotations

import io

import pytest

from retrieval.management import bars
from retrieval.management.bars import Bars


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    return now


def told(monkeypatch, stream: io.StringIO, clock, *, quiet: bool = False) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    with Bars(quiet=quiet) as progress:
        for done in range(1, 31):
            clock[0] += 1
            progress("reading", done, 30)
        progress.say("Read.")
    return stream.getvalue()


def test_without_a_terminal_there_are_lines_now_and_then(monkeypatch, clock):
    assert told(monkeypatch, io.StringIO(), clock).splitlines() == [
        "1 of 30: reading", "11 of 30: reading", "21 of 30: reading", "30 of 30: reading", "Read."
    ]  # fmt: skip


def test_on_a_terminal_there_is_a_bar(monkeypatch, clock):
    shown = told(monkeypatch, Terminal(), clock)
    assert "30/30" in shown
    assert "of 30" not in shown


def test_quiet_is_quiet(monkeypatch, clock):
    assert told(monkeypatch, io.StringIO(), clock, quiet=True) == told(monkeypatch, Terminal(), clock, quiet=True) == ""
