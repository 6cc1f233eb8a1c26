"""The pool among people: children are nobody else's, and slow pictures of one person keep no other waiting."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from retrieval.errors import RetrievalError, Unavailable, UnsupportedPicture
from retrieval.ingest import children as room
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.sandbox import PoolSettings, Sandbox
from retrieval.ingest.turns import Asker
from tests.ingest.test_sandbox import HOOKED

WANTED = DecodeRequest(working_side=64)
ANNA, BEN = Asker("anna"), Asker("ben")


@pytest.fixture
def started(monkeypatch):
    """The children that were started, in their order."""
    found = []

    class Noted(room.Child):
        def __init__(self, limits):
            super().__init__(limits)
            self.seen = []
            found.append(self)

        def ask(self, data, request):
            self.seen.append(data)
            return super().ask(data, request)

    monkeypatch.setattr(room, "Child", Noted)
    return found


def end(children):
    """End them so that their pictures are not tried once more, as they are where somebody kills a child."""
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)


@pytest.fixture
def pool_of(started):
    """Make a pool, by settings, whose children may take all day."""
    made = []

    def make(**settings):
        made.append(Sandbox(PoolSettings(child=replace(HOOKED, wall=86_400), **settings)))
        return made[-1]

    yield make
    for pool in made:
        ending = threading.Thread(target=pool.close)
        ending.start()
        while ending.is_alive():
            end(child for child in started if child.seen[-1:] == [b"hold"])
            ending.join(0.1)


def held(pool, count, *, asker=ANNA):
    """Put in so many pictures of a person whose decoding never ends."""
    return [pool.submit(b"hold", WANTED, asker=asker) for _ in range(count)]


def ask(pool, asker, act=b"good"):
    return pool.decode(act, WANTED, asker=asker)


def test_another_is_answered_while_one_person_s_pictures_hold_all_decoders(pool_of):
    pool = pool_of(processes=2, line=5)
    slow = held(pool, 7)
    assert [future.running() for future in slow] == [True] * 2 + [False] * 5
    for _ in range(3):
        assert ask(pool, BEN).format == "PNG"
    assert not any(future.done() for future in slow)


def test_without_a_spare_decoder_another_waits(pool_of):
    pool = pool_of(processes=2, spare=0, patience=0.01)
    held(pool, 2)
    with pytest.raises(Unavailable):
        ask(pool, BEN)


def test_beyond_the_line_one_s_own_pictures_are_refused_at_once_and_another_s_wait(pool_of):
    pool = pool_of(processes=1, spare=0, line=2)
    slow = held(pool, 100)
    ours = pool.submit(b"good", WANTED, asker=BEN)
    assert not ours.done()
    refused = [future.exception() for future in slow if future.done()]
    assert {(error.status, error.code, error.retry_after) for error in refused} == {(503, "decoders_busy", 2)}
    assert len(refused) == 98


def test_without_the_line_everything_waits(pool_of):
    pool = pool_of(processes=1, spare=0)
    assert not any(future.done() for future in held(pool, 100))


def test_a_child_sees_the_pictures_of_one_person(pool_of, started):
    pool = pool_of(processes=2)
    for asker in (ANNA, BEN, ANNA, BEN, Asker("cleo"), ANNA):
        ask(pool, asker)
    owners = [name for name, _ in pool._children._idle]
    assert sorted(owners) == ["anna", "ben", "cleo"]
    assert [len(child.seen) for child in started] == [3, 2, 1]


def test_where_all_are_one_person_a_child_sees_everybody_s(pool_of, started):
    pool = pool_of(processes=2)
    for _ in range(3):
        ask(pool, Asker("all"))
    assert [len(child.seen) for child in started] == [3]


def test_there_are_never_more_children_than_decoders(pool_of, started):
    pool = pool_of(processes=2)
    for number in range(9):
        ask(pool, Asker(f"person {number}"))
    assert sum(child.alive for child in started) == 3


def test_a_child_sees_few_pictures(pool_of, started):
    pool = pool_of(processes=1)
    for _ in range(41):
        ask(pool, ANNA)
    assert [len(child.seen) for child in started] == [20, 20, 1]


def test_a_warm_child_is_for_whoever_comes_first(pool_of, started):
    pool = pool_of(processes=2)
    pool.warm()
    ask(pool, ANNA)
    ask(pool, BEN)
    assert [len(child.seen) for child in started] == [1, 1]


@pytest.mark.parametrize("act", [b"good", b"refuse", b"segv"])
def test_what_a_picture_held_is_charged_however_it_ends(pool_of, act):
    charged = []
    try:
        ask(pool_of(), Asker("anna", charge=charged.append), act)
    except UnsupportedPicture:
        assert act != b"good"
    assert len(charged) == 1
    assert charged[0] > 0


def test_what_comes_after_the_end_is_told_so(pool_of):
    pool = pool_of(processes=1, spare=0)
    pool.close()
    with pytest.raises(RetrievalError) as caught:
        ask(pool, BEN)
    assert caught.value.code == "decoder_unavailable"
