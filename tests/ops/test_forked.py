"""A forked program is one of its own: session, files, signals, end; asked and ended like one that was executed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import manage
from imagesearch.embedded import supervisor
from imagesearch.embedded.process import Service, end
from imagesearch.embedded.signs import started
from imagesearch.embedded.site import THREADS
from imagesearch.embedded.supervisor import Supervisor
from imagesearch.management.commands import up

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are forked on Linux alone")

ROOT = Path(__file__).parents[2]
LOADED = "import sys; seen = []"
PROGRAM = """
import atexit, json, os, signal, sys, threading, time
import loaded
said = sys.argv[1]
if said == "facts":
    sys.stdout = sys.stderr = None  # as Celery, which puts its own there
    number = os.open("/dev/null", os.O_RDONLY)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    print(json.dumps({
        "name": __name__, "argv": sys.argv[1:], "seen": loaded.seen, "session": os.getsid(0) == os.getpid(),
        "open": sorted(int(one) for one in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{one}")),
        "given": os.environ["GIVEN"], "title": open("/proc/self/cmdline").read().rstrip("\\0"), "free": number,
        "handler": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "blocked": [int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    }))
elif said == "late":
    atexit.register(print, "at exit", end="")
    threading.Thread(target=lambda: (threading.main_thread().join(), print("thread"))).start()
    raise ValueError("late \\udcff")
elif said == "sentence":
    sys.exit("It will not.")
elif said == "number":
    sys.exit(7)
elif said == "raise":
    raise ValueError("broken")
elif said == "sleep":
    time.sleep(600)
"""
PARENT = """
import json, os, signal, subprocess, sys
import loaded
from imagesearch.embedded.forked import Forked
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what runs in the background
loaded.seen.append("before")
signal.signal(signal.SIGTERM, lambda *_: print("handled by the parent's code"))
held = open("held", "w")
os.dup2(held.fileno(), 200)
found = {}
me = os.getpid()
for said in ("facts", "late", "sentence", "number", "raise"):
    with open(said + ".log", "ab") as log:
        one = Forked([sys.executable, "-m", "program", said], log=log.fileno(), env={"GIVEN": "x"}, first=lambda: None)
    found[said] = one.wait(60), one.poll()
with open("sleep.log", "ab") as log:
    for number in (signal.SIGTERM, signal.SIGKILL):
        one = Forked([sys.executable, "-m", "program", "sleep"], log=log.fileno(), env={}, first=lambda: None)
        try:
            one.wait(0)
            found["patience"] = "ended"
        except subprocess.TimeoutExpired:
            found["patience"] = one.poll()
        one.send_signal(number)
        found[number.name] = one.wait(60)
        one.kill()
one = Forked([sys.executable, "-m", "program", "number"], log=2, env={}, first=lambda: os._exit(3))
found["first"] = one.wait(60)
try:
    with open("/dev/full", "ab") as log:
        one = Forked([sys.executable, "-m", "program", "raise"], log=log.fileno(), env={}, first=lambda: None)
finally:
    if os.getpid() != me:
        open("escaped", "w").close()
found["full"] = one.wait(60)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
one = Forked([sys.executable, "-m", "program", "number"], log=2, env={}, first=lambda: None)
found["untold"] = one.wait(60)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forked")
    for name, text in (("loaded", LOADED), ("program", PROGRAM), ("parent", PARENT)):
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def ended(folder):
    """How each of them ended."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    run = subprocess.run(
        [sys.executable, str(folder / "parent.py")], cwd=folder, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert "parent's code" not in run.stdout
    return json.loads(run.stdout)


def said(folder, name):
    return (folder / f"{name}.log").read_text()


def test_it_goes_on_with_what_was_loaded_and_holds_nothing_else(ended, folder):
    facts = json.loads(said(folder, "facts"))
    assert ended["facts"] == [0, 0]
    assert facts["seen"] == ["before"]
    assert (facts["name"], facts["argv"], facts["given"]) == ("__main__", ["facts"], "x")
    assert facts["title"] == f"{sys.executable} -m program facts"
    assert facts["session"]
    assert facts["free"] == 3  # the parent's files are closed, and whoever replaces standard output closes nothing
    assert facts["open"] == [0, 1, 2, 3]
    assert facts["handler"]
    assert facts["interrupt"]
    assert facts["blocked"] == []


def test_its_threads_and_exit_functions_end_as_in_any_program(ended, folder):
    assert ended["late"] == [1, 1]
    assert said(folder, "late").splitlines()[-3:] == ["ValueError: late \\udcff", "thread", "at exit"]


def test_its_end_is_told_as_by_any_program(ended, folder):
    assert (ended["number"], ended["sentence"], ended["raise"]) == ([7, 7], [1, 1], [1, 1])
    assert said(folder, "sentence") == "It will not.\n"
    assert said(folder, "raise").splitlines()[-1] == "ValueError: broken"
    assert ended["first"] == 3
    assert ended["untold"] == 0  # as subprocess says where nobody is told


def test_none_goes_on_as_its_parent_when_its_error_cannot_be_written(ended, folder):
    assert ended["full"] == 1
    assert not (folder / "escaped").exists()


def test_signals_reach_it_and_not_the_handlers_of_its_parent(ended, folder):
    assert (ended["SIGTERM"], ended["SIGKILL"]) == (-signal.SIGTERM, -signal.SIGKILL)
    assert ended["patience"] is None
    assert said(folder, "sleep") == ""


class Asked(Exception):
    """The signal came."""


@pytest.fixture
def service(tmp_path):
    """A program that asks for nothing and has its own log."""
    return Service("Cat", ["cat", "/proc/self/status"], log=tmp_path / "cat.log")


def test_a_signal_during_a_start_waits_until_the_process_is_noted(monkeypatch, service):
    def interrupted(service):
        signal.raise_signal(signal.SIGUSR1)  # to this thread: those of a test run would take what is for the process
        return started(service)

    def ask(*_):
        raise Asked

    site = Supervisor(print)
    before = signal.signal(signal.SIGUSR1, ask)
    monkeypatch.setattr(supervisor, "started", interrupted)
    try:
        with pytest.raises(Asked):
            site.start(service)
        with pytest.raises(Asked):
            site.run(service)
        old = site.groups[0][0].process
        with pytest.raises(Asked):
            site.groups[0][0].launch()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [len(group) for group in site.groups] == [1, 1]
    assert site.groups[0][0].process is not old
    assert [end(group[0].process, seconds=60) for group in site.groups] == [True, True]
    assert old.wait(60) == 0
    assert "SigBlk:\t0000000000000000" in service.log.read_text()  # one that is executed lets go of them too


def test_what_the_system_refuses_to_start_is_said_and_tried_again(monkeypatch, service):
    def refused():
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    sentences = []
    site = Supervisor(sentences.append)
    site.start(service)
    running = site.groups[0][0]
    running.process.wait(60)
    running.service, running.due = replace(service, forked=True), 0.0
    monkeypatch.setattr(os, "fork", refused)
    site.look_after(running)
    assert sentences == ["Cat does not start: [Errno 11] Resource temporarily unavailable"]
    site.look_after(running)
    assert running.due


def test_programs_are_forked_with_the_threads_that_they_are_to_have(monkeypatch):
    told = {}
    monkeypatch.setenv("OMP_NUM_THREADS", "999")
    monkeypatch.setattr(sys, "argv", ["manage.py", "up"])
    monkeypatch.setattr(manage, "execute_from_command_line", lambda _argv: told.update(os.environ))
    manage._run()
    assert told["OMP_NUM_THREADS"] == THREADS["OMP_NUM_THREADS"]


def test_a_signal_that_was_lost_while_code_was_loaded_is_remembered(monkeypatch):
    def swallow():
        with contextlib.suppress(up.Stopped):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(up.site, "load_code", swallow)
    with up._signals(), pytest.raises(up.Stopped):
        up._load_code()
    monkeypatch.setattr(up.site, "load_code", list)
    with up._signals():
        up._load_code()
