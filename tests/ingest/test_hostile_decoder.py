"""From inside a decoder that was taken over nothing is reached, by anybody, with and without namespaces."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from retrieval.errors import UnsupportedPicture
from retrieval.ingest.fork_server import ROOT
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.process import Child, ChildLimits
from tests.ingest import hostile
from tests.ingest.hostile_acts import ACTS
from tests.ingest.test_sandbox import running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these guards")

USERS = ("root", "plain")
PLAIN = "exec setpriv --reuid=65534 --regid=65534 --clear-groups"
GUARDS = sorted({each for act in ACTS.values() for each in act.guards.split()})


@cache
def outcomes(user):
    """What became of everything that was tried by this user's decoders: guards -> act -> outcome."""
    if os.geteuid() != 0 and user == "root":
        pytest.skip("only root can run this as root")
    words = [sys.executable, "-B", "-W", "ignore", "-m", "tests.ingest.hostile"]
    if os.geteuid() == 0 and user == "plain":
        words = as_plain_user(words)
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd="/", env=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def as_plain_user(words):
    """Root's own folders, in which the interpreter may be, are opened to the user in a mount namespace alone."""
    wanted = [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT.resolve()]
    steps = ["set -e", 'cd "$(mktemp -d)"', "mount --make-rprivate /", "mount -t tmpfs none ."]
    steps += [f"mkdir {n}; mount --bind {shlex.quote(str(path))} {n}" for n, path in enumerate(wanted)]
    closed = {parent for path in wanted for parent in path.parents if not parent.stat().st_mode & 0o001}
    steps += [f"mount -t tmpfs -o mode=755 none {shlex.quote(str(folder))}" for folder in sorted(closed)]
    for number, path in enumerate(wanted):
        if closed & set(path.parents):
            steps.append(f"mkdir -p {shlex.quote(str(path))}; mount --bind {number} {shlex.quote(str(path))}")
    script = "; ".join([*steps, f"cd /; {PLAIN} {shlex.join(words)}"])
    return ["unshare", "--mount", "sh", "-c", script]


def reached(outcome):
    return {name: end for name, end in outcome.items() if not end.startswith("stopped")}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("guards", ["all", "refused"])
def test_nothing_is_reached_with_and_without_namespaces(user, guards, figure):
    found = outcomes(user)[guards]
    assert len(found) >= 35
    assert reached(found) == {}
    figure(f"{user}, namespaces {'refused' if guards == 'refused' else 'allowed'}: 0 of {len(found)} reached")


@pytest.mark.parametrize("user", USERS)
def test_without_any_guard_everything_is_reached(user):
    found = outcomes(user)["none"]
    assert {name: end for name, end in found.items() if end != "reached"} == {}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("guards", GUARDS)
def test_each_guard_stops_by_itself_what_it_is_said_to_stop(user, guards):
    found = outcomes(user)[guards]
    assert found or user == "plain"
    assert reached(found) == {}


def test_the_threat_model_lists_what_is_tried_and_what_stops_it():
    text = (ROOT / "docs" / "threat-model.md").read_text()
    for name, act in ACTS.items():
        assert f"| {name} | {', '.join(act.guards.split()).replace('+', ' with ')} |" in text
    for name in hostile.OFF:
        assert f"| {name} |" in text


def ask_to_stay(guards):
    """A child with these guards alone, and the number of the process that it left behind, as it sees it."""
    child = Child(ChildLimits(program=hostile.program(guards=guards), unprotected=True))
    with pytest.raises(UnsupportedPicture) as caught:
        child.ask(json.dumps(["stay", {}]).encode(), DecodeRequest(working_side=1))
    return child, int(caught.value.message)


def in_its_space(pid):
    space = os.stat(f"/proc/{pid}/ns/pid").st_ino
    found = []
    for other in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            found += [other] if os.stat(f"/proc/{other}/ns/pid").st_ino == space else []
    return found


def test_what_a_decoder_leaves_behind_ends_with_its_server():
    child, _ = ask_to_stay({"namespaces"})
    if not child.protection.guards["namespaces"]:
        pytest.skip("this system gives no namespaces to this process")
    members = in_its_space(child.pid)
    assert len(members) == 3  # the first process of the namespace, the child, and what it started
    child._server.close()
    ends = time.monotonic() + 60
    while any(map(running, members)) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not any(map(running, members))


def test_without_the_namespace_it_outlives_its_server():
    child, left = ask_to_stay(())
    child._server.close()
    try:
        assert running(left)
    finally:
        os.kill(left, signal.SIGKILL)
