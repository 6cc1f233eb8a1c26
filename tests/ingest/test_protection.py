"""The floor: a decoder that can reach what it must not decodes nothing, unless the operator says otherwise."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from retrieval.errors import Unavailable
from retrieval.ingest import landlock, process, protection, seccomp, system_calls
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.process import Child, ChildLimits
from retrieval.ingest.protection import FLOOR, Protection
from retrieval.ingest.sandbox import PoolSettings, Sandbox
from tests.ingest import hooks, hostile
from tests.ingest.pictures import sample

# What a system without any of the guards would leave of them.
BARE = "; ".join([
    "from retrieval.ingest import confine, landlock, seccomp",
    "confine.leave_system = lambda: False",
    "confine.open_nothing_more = confine.become_nobody = lambda: None",
    "confine.limit_resources = lambda memory: None",
    "landlock.refuse_everything = lambda: 0",
    "seccomp.allow_decoding_only = lambda channel: False",
    hooks.PROGRAM,
])  # fmt: skip
UNPROTECTED = ChildLimits(program=BARE)


def test_below_the_floor_nothing_is_decoded_and_the_reason_is_said(monkeypatch):
    said = []
    protection._say.cache_clear()
    monkeypatch.setattr(protection.log, "error", lambda event, **facts: said.append((event, facts)))
    pool = Sandbox(PoolSettings(processes=1, child=UNPROTECTED))
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            pool.decode(b"good", DecodeRequest(working_side=64))
    pool.close()
    assert (caught.value.code, caught.value.status) == ("decoder_unprotected", 503)
    [(event, facts)] = said
    assert (event, facts["reached"], facts["setting"]) == (
        "decoder_unprotected", ", ".join(FLOOR), protection.SETTING
    )  # fmt: skip


def test_the_operator_may_decode_below_the_floor_and_is_told():
    pool = Sandbox(PoolSettings(processes=1, child=replace(UNPROTECTED, unprotected=True)))
    assert pool.decode(b"good", DecodeRequest(working_side=64)).format == "PNG"
    pool.close()


@pytest.mark.parametrize("missing", FLOOR)
def test_each_part_of_the_floor_counts(missing):
    held = {name: name != missing for name in FLOOR}
    assert Protection(held, {}).reached == (missing,)
    with pytest.raises(Unavailable):
        Protection(held, {}).require(allowed=False)
    Protection(held, {}).require(allowed=True)


def test_what_was_not_measured_is_not_held():
    assert Protection({}, {}).reached == FLOOR


def test_here_the_floor_holds_and_is_measured_once(monkeypatch):
    found = process.measured()
    assert found.reached == ()
    monkeypatch.setattr(process, "Child", None)
    assert process.measured() is found


def test_containers_that_refuse_namespaces_still_hold_the_floor():
    refused = f"{hostile.REFUSE_NAMESPACES}; {process.PROGRAM}"
    child = Child(ChildLimits(program=refused))
    assert child.protection.guards["namespaces"] == 0
    assert child.protection.reached == ()
    assert child.ask(sample(), DecodeRequest(working_side=16)).format == "JPEG"
    child.stop()


@pytest.mark.parametrize("name", system_calls.PROCESSORS)
def test_every_call_has_its_number_on_every_processor(name):
    numbers = system_calls.PROCESSORS[name].numbers
    wanted = {*system_calls.ALLOWED, *system_calls.FILTERED, *system_calls.DEADLY}
    assert set(numbers) == wanted
    assert len(set(numbers.values())) == len(wanted)


@pytest.mark.parametrize("name", system_calls.PROCESSORS)
def test_a_filter_is_short_enough_for_the_kernel(name):
    steps = seccomp.program(system_calls.PROCESSORS[name], channel=7, own=42)
    assert len(steps) < 4096
    assert steps[-1] == (seccomp.RETURN, 0, 0, seccomp.REFUSE)
    assert seccomp.REFUSE & 0xFFFF == errno.EPERM


def test_an_unknown_processor_has_no_filter(monkeypatch):
    monkeypatch.setattr(system_calls.platform, "machine", lambda: "riscv64")
    assert seccomp.allow_decoding_only(3) is False


@pytest.mark.parametrize(("version", "files"), [(1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (7, 16), (12, 16)])
def test_landlock_handles_all_that_its_version_knows(version, files):
    handled = [int.from_bytes(landlock.rights(version)[at : at + 8], "little") for at in (0, 8, 16)]
    assert handled == [2**files - 1, 3 if version >= 4 else 0, 3 if version >= 6 else 0]
