"""Turns at the decoders: one person never holds all of them while another waits, and nobody is refused for another."""

from __future__ import annotations

import pytest

from retrieval.ingest.turns import TURN_SECONDS, Asker, Job, Shares, Turns


def job(name, *, patient=False):
    return Job(Asker(name, patient=patient), work=lambda: None)


def put(turns, *names, patient=False):
    """Put in one job for each name; return whose had to leave the line."""
    left = []
    for name in names:
        turns.add(job(name, patient=patient))
        left += iter(turns.leave, None)
    return [each.asker.name for each in left]


def taken(turns):
    """The jobs that may begin now."""
    return list(iter(turns.take, None))


def names(jobs):
    return [each.asker.name for each in jobs]


def one_at_a_time(turns, count, *, seconds=TURN_SECONDS):
    """Whose jobs run when each ends before the next begins."""
    order = []
    for _ in range(count):
        (running,) = taken(turns)
        order.append(running.asker.name)
        turns.done(running, seconds=seconds)
    return "".join(order)


def test_alone_one_person_has_every_place():
    turns = Turns(Shares(places=3, spare=1))
    put(turns, *"aaaaa")
    assert names(taken(turns)) == ["a", "a", "a"]


def test_who_comes_when_all_is_held_has_a_spare_place_at_once():
    turns = Turns(Shares(places=2, spare=1))
    put(turns, *"aaa")
    taken(turns)
    put(turns, "b", "a", "b")
    assert names(taken(turns)) == ["b"]


def test_without_a_spare_place_another_waits_for_the_end_of_a_slow_picture():
    turns = Turns(Shares(places=2, spare=0))
    put(turns, *"aaa")
    taken(turns)
    put(turns, "b")
    assert taken(turns) == []


def test_the_next_free_place_is_for_whoever_has_fewest():
    turns = Turns(Shares(places=2, spare=0))
    put(turns, *"aaaa")
    first, _ = taken(turns)
    put(turns, "b")
    turns.done(first, seconds=9)
    assert names(taken(turns)) == ["b"]


def test_people_take_turns_whoever_sent_how_many():
    turns = Turns(Shares(places=1, spare=0))
    put(turns, *"aaaabbc")
    assert one_at_a_time(turns, 7) == "abcabaa"


def test_one_who_sends_again_and_again_does_not_pass_one_who_waits():
    turns = Turns(Shares(places=1, spare=0))
    put(turns, *"aaab")
    order = ""
    for _ in range(6):
        order += one_at_a_time(turns, 1)
        if order[-1] == "b":
            put(turns, "b")
    assert order == "ababab"


def test_a_turn_is_many_quick_pictures():
    turns = Turns(Shares(places=1, spare=0))
    put(turns, *"abababab")
    assert one_at_a_time(turns, 8, seconds=TURN_SECONDS / 2) == "aabbaabb"


def test_files_of_one_person_begin_in_order():
    turns = Turns(Shares(places=1))
    jobs = [job("a") for _ in range(4)]
    for each in jobs:
        turns.add(each)
    found = []
    while running := turns.take():
        found.append(running)
        turns.done(running, seconds=0)
    assert found == jobs


def test_beyond_the_line_the_latest_of_who_sent_most_leaves_it():
    turns = Turns(Shares(places=1, line=3))
    assert put(turns, *"aaaa") == ["a"]
    assert put(turns, "b") == ["a"]
    assert put(turns, "b") == ["b"]
    assert put(turns, "c") == ["a"]
    assert names(job for jobs in turns._waiting.values() for job in jobs) == ["a", "b", "c"]


def test_when_all_have_the_same_the_newcomer_leaves():
    turns = Turns(Shares(places=1, line=2))
    assert put(turns, *"abc") == ["c"]


def test_without_the_line_everybody_waits():
    assert put(Turns(Shares(places=1)), *"a" * 100) == []


def test_the_patient_are_never_refused_and_do_not_lengthen_the_line():
    turns = Turns(Shares(places=1, line=1))
    assert put(turns, *"aaaa", patient=True) == []
    assert put(turns, "b") == []
    assert put(turns, "c") == ["c"]


def test_who_gave_up_is_passed_over():
    turns = Turns(Shares(places=1, spare=0, line=2))
    gone = job("a")
    turns.add(gone)
    gone.future.cancel()
    assert put(turns, "b", "c") == []
    assert names(taken(turns)) == ["b"]


def test_nothing_is_kept_of_people_who_are_gone():
    turns = Turns(Shares(places=1, spare=0))
    put(turns, *"abab")
    one_at_a_time(turns, 4)
    assert not any([turns._waiting, turns._running, turns._ended, turns._turns, turns._used])


@pytest.mark.parametrize("places", [1, 2, 5])
def test_nobody_waits_while_a_place_is_free(places):
    turns = Turns(Shares(places=places))
    put(turns, *"abcab" * 10)
    assert len(taken(turns)) >= places
