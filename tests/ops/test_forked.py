"""A forked program is one of its own: session, files, signals, end; asked and ended like one that was executed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are forked on Linux alone")

ROOT = Path(__file__).parents[2]
LOADED = "import sys; seen = []"
PROGRAM = """
import atexit, json, os, signal, sys, threading, time
import loaded
said = sys.argv[1]
if said == "facts":
    number = os.open("/dev/null", os.O_RDONLY)
    print(json.dumps({
        "name": __name__, "argv": sys.argv[1:], "seen": loaded.seen, "session": os.getsid(0) == os.getpid(),
        "given": os.environ["GIVEN"], "title": open("/proc/self/cmdline").read().rstrip("\\0"), "free": number,
        "handler": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "blocked": [int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    }))
elif said == "late":
    atexit.register(print, "at exit", flush=True)
    threading.Thread(target=lambda: (time.sleep(.1), print("thread"))).start()
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
loaded.seen.append("before")
signal.signal(signal.SIGTERM, lambda *_: print("handled by the parent's code"))
held = open("held", "w")
found = {}
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
    assert facts["free"] == 3  # the parent's files are closed
    assert facts["handler"]
    assert facts["interrupt"]
    assert facts["blocked"] == []


def test_its_threads_and_exit_functions_end_as_in_any_program(ended, folder):
    assert ended["late"] == [0, 0]
    assert said(folder, "late").splitlines() == ["thread", "at exit"]


def test_its_end_is_told_as_by_any_program(ended, folder):
    assert (ended["number"], ended["sentence"], ended["raise"]) == ([7, 7], [1, 1], [1, 1])
    assert said(folder, "sentence") == "It will not.\n"
    assert said(folder, "raise").splitlines()[-1] == "ValueError: broken"
    assert ended["first"] == 3


def test_signals_reach_it_and_not_the_handlers_of_its_parent(ended, folder):
    assert (ended["SIGTERM"], ended["SIGKILL"]) == (-signal.SIGTERM, -signal.SIGKILL)
    assert ended["patience"] is None
    assert said(folder, "sleep") == ""
