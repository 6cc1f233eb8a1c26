"""Whom the end of a worker is told: its children, and no other worker that was forked from the same supervisor."""

from __future__ import annotations

import mmap
import os

import pytest
from celery.signals import celeryd_init

from retrieval import tasks
from retrieval.work import ending


def in_a_fork(act) -> None:
    """Do this in a process that is forked from this one, and wait for its end."""
    pid = os.fork()
    if not pid:
        try:
            act()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


@pytest.mark.parametrize(("first", "known"), [(ending.begin, [True, False]), (lambda: None, [True, True])])
def test_the_end_is_told_to_a_workers_children_and_not_to_the_next_worker(monkeypatch, first, known):
    monkeypatch.setattr(ending, "_told", mmap.mmap(-1, 1))  # as the supervisor has it
    seen = mmap.mmap(-1, 2)

    def worker(place: int, *, asked: bool) -> None:
        first()
        if asked:
            ending.say()
        in_a_fork(lambda: seen.__setitem__(place, ending.comes()))

    in_a_fork(lambda: worker(0, asked=True))
    in_a_fork(lambda: worker(1, asked=False))
    assert [bool(each) for each in seen[:]] == known


def test_a_worker_begins_so_before_it_forks():
    assert tasks.ending.begin in celeryd_init._live_receivers(None)
