"""The supervisor, with short shell programs in place of servers."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from imagesearch import ready, servers
from imagesearch.embedded import site
from imagesearch.embedded import supervisor as module
from imagesearch.embedded.process import Service, StartError, end
from imagesearch.embedded.signs import Signs, started
from imagesearch.embedded.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
SECONDS = 20


def shell(name, script, folder, **changes):
    """A service that runs a shell script."""
    return replace(Service(name, ["/bin/sh", "-c", script], folder / f"{name}.log"), **changes)


def wait_for(condition):
    """Wait until something is so; the test fails when it does not come."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def is_alive(pid):
    """Is there such a process, not counting those that only wait to be read?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def said():
    """What the supervisor said."""
    return []


@pytest.fixture
def supervisor(said):
    """A supervisor that is stopped after the test."""
    found = Supervisor(said.append)
    yield found
    found.stop()


def test_group_starts_in_order_and_waits_for_each(supervisor, tmp_path):
    events = []

    def service(name):
        flag = tmp_path / name
        return shell(
            name, f"touch {flag}; exec sleep 60", tmp_path,
            prepare=lambda: events.append(f"prepare {name}"), answers=flag.exists,
            settle=lambda: events.append(f"settle {name}"),
        )  # fmt: skip

    supervisor.start(service("a"))
    supervisor.start(service("b"))
    assert events == ["prepare a", "settle a", "prepare b", "settle b"]


def test_a_service_that_ends_at_once_stops_the_start_with_its_last_words(supervisor, tmp_path):
    with pytest.raises(StartError, match=r"broken does not start\. Its last words: no such thing"):
        supervisor.start(shell("broken", "echo no such thing; exit 3", tmp_path, answers=lambda: False))


def test_a_service_that_is_silent_stops_the_start(supervisor, tmp_path):
    with pytest.raises(StartError, match=r"mute does not start: no sign of life for 0\.2 s\."):
        supervisor.start(shell("mute", "exec sleep 60", tmp_path, answers=lambda: False, silent_seconds=0.2))


@pytest.mark.parametrize(
    "work", ["echo word", "(while kill -0 $$; do :; done)", "head -c 2000000 /dev/zero >/dev/null"]
)
def test_words_a_child_at_work_and_bytes_are_signs_of_life_and_to_be_there_is_none(tmp_path, monkeypatch, work):
    monkeypatch.setattr("imagesearch.embedded.signs.LOOK_SECONDS", 0.0)
    go, log = tmp_path / "go", tmp_path / "log"
    os.mkfifo(go)
    signs = started(Service("slow", ["/bin/sh", "-c", f"read -r line < {go}; {work}; exec sleep 60"], log))
    signs.silent()
    before = signs.last
    assert signs.silent() > 0
    assert signs.last == before
    go.write_text("now\n")
    wait_for(lambda: signs.silent() < SECONDS and signs.last > before)
    signs.process.kill()
    end(signs.process, seconds=SECONDS)


def test_a_slow_service_is_waited_for_as_long_as_it_gets_on(supervisor, tmp_path, monkeypatch):
    monkeypatch.setattr(Signs, "silent", lambda self: 0.0)
    flag = tmp_path / "flag"
    script = f"sleep 1; touch {flag}; exec sleep 60"
    supervisor.start(shell("slow", script, tmp_path, answers=flag.exists, silent_seconds=0.1))


def test_words_of_an_earlier_start_are_not_its_last(supervisor, tmp_path):
    (tmp_path / "quiet.log").write_text("of yesterday\n")
    with pytest.raises(StartError, match=r"quiet does not start\. Its last words: nothing\. More in"):
        supervisor.start(shell("quiet", "exit 3", tmp_path, answers=lambda: False))


def test_while_it_waits_it_says_for_whom(supervisor, tmp_path, said, monkeypatch):
    monkeypatch.setattr(module, "SAY_SECONDS", 0.0)
    flag = tmp_path / "flag"
    script = f"echo loading; sleep 0.5; touch {flag}; exec sleep 60"
    supervisor.start(shell("slow", script, tmp_path, answers=flag.exists), shell("quick", "exec sleep 60", tmp_path))
    assert said[-1].startswith("Still waiting for slow (")
    assert "Its last words: loading" in said[-1]


def test_a_service_of_a_group_that_ends_is_named_while_another_is_still_awaited(supervisor, tmp_path):
    dies = shell("dies", "echo no room; exit 3", tmp_path, answers=lambda: False)
    with pytest.raises(StartError, match=r"dies does not start\. Its last words: no room"):
        supervisor.start(shell("slow", "exec sleep 60", tmp_path, answers=lambda: False), dies)


def test_what_serves_already_is_kept_running_while_the_next_starts(supervisor, tmp_path, said, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    starts, flag = tmp_path / "starts", tmp_path / "flag"
    supervisor.start(shell("database", f"echo x >> {starts}; exec sleep 60", tmp_path, answers=starts.exists))
    database = supervisor.groups[0][0]
    database.pause = 0.01
    database.process.kill()
    script = f"while [ $(wc -l < {starts}) -lt 2 ]; do sleep 0.05; done; touch {flag}; exec sleep 60"
    supervisor.start(shell("web", script, tmp_path, answers=flag.exists))
    assert said[0].startswith("database ended with status -9;")


def test_a_service_that_falls_silent_when_started_again_is_ended_and_tried_anew(supervisor, tmp_path, said):
    flag = tmp_path / "flag"
    flag.touch()
    supervisor.start(shell("fragile", "exec sleep 60", tmp_path, answers=flag.exists, silent_seconds=0.1))
    running = supervisor.groups[0][0]
    flag.unlink()
    running.process.kill()
    running.process.wait()
    running.due = 0.0
    supervisor.look_after(running)

    def ended():
        supervisor.look_after(running)
        return any("starts again" in sentence for sentence in said)

    wait_for(ended)
    assert said[0].startswith("fragile does not start: no sign of life for 0.1 s.")


def test_a_preparation_that_fails_is_named_and_a_silent_one_is_waited_for(supervisor, tmp_path):
    supervisor.run(shell("silent", "sleep 0.5", tmp_path, silent_seconds=0.1))
    with pytest.raises(StartError, match=r"Preparation failed\. Its last words: no such table"):
        supervisor.run(shell("Preparation", "echo no such table; exit 1", tmp_path))


def test_a_program_without_an_address_says_itself_that_it_works(supervisor, tmp_path):
    file = tmp_path / "ready"
    file.touch()  # of the last start
    words = [sys.executable, "-c", "from imagesearch import ready; ready.say(); input()"]
    service = replace(Service("worker", ["/bin/sh", "-c", "exit 3"], tmp_path / "log"), env={"PYTHONPATH": str(ROOT)})
    with pytest.raises(StartError, match="worker does not start"):
        supervisor.start(ready.told_by(service, file))
    supervisor.start(ready.told_by(replace(service, argv=["/bin/sh", "-c", f"{shlex.join(words)}; sleep 60"]), file))
    assert file.exists()


def test_later_groups_stop_first(tmp_path, said):
    supervisor = Supervisor(said.append)
    order = tmp_path / "order"
    script = "trap 'echo {0} >> {1}; exit 0' TERM; touch {1}.{0}; while :; do sleep 0.05; done"
    for name in ("database", "web"):
        supervisor.start(
            shell(name, script.format(name, order), tmp_path, answers=order.with_name(f"order.{name}").exists)
        )
    supervisor.stop()
    assert order.read_text().split() == ["web", "database"]
    assert said == []


def test_a_service_that_will_not_stop_is_killed_with_its_children(tmp_path, said):
    supervisor = Supervisor(said.append)
    child = tmp_path / "child"
    script = f"trap '' TERM; sleep 60 & echo $! > {child}.new; mv {child}.new {child}; while :; do sleep 0.05; done"
    holds = "What it held is back in line."
    supervisor.start(shell("stubborn", script, tmp_path, answers=child.exists, stop_seconds=0.3, holds=holds))
    supervisor.stop()
    assert said == [f"stubborn was killed, as it did not stop by itself. {holds}"]
    wait_for(lambda: not is_alive(int(child.read_text())))


def test_the_whole_stop_has_one_deadline_and_keeps_time_for_those_who_come_last(tmp_path, said):
    """The database needs a second to end; the stubborn worker has a budget that would use all of it up."""
    supervisor = Supervisor(said.append)
    budgets = {"stop_seconds": 60, "stop_least": 3}
    supervisor.start()
    database = (
        f"trap 'sleep 1; touch {tmp_path}/saved; exit 0' TERM; touch {tmp_path}/runs; while :; do sleep 0.05; done"
    )
    supervisor.start(shell("database", database, tmp_path, answers=(tmp_path / "runs").exists, **budgets))
    worker = f"trap '' TERM; touch {tmp_path}/works; while :; do sleep 0.05; done"
    supervisor.start(shell("worker", worker, tmp_path, answers=(tmp_path / "works").exists, stop_seconds=60))
    began = time.monotonic()
    supervisor.stop(within=4)
    assert said == ["worker was killed, as it did not stop by itself."]
    assert (tmp_path / "saved").exists()
    assert time.monotonic() - began < 30


def test_the_parts_of_a_site_fit_into_its_stop(tmp_path):
    """Workers take all they may, and the web server and the databases still have what they need, within 30 s."""
    programs, databases = site.programs(), [servers.postgres(tmp_path).service(), servers.valkey(tmp_path).service()]
    needed = programs.pop("web").stop_least + max(service.stop_least for service in databases)
    assert max(service.stop_seconds for service in programs.values()) + needed <= site.WHOLE_STOP_SECONDS < 30
    assert min(service.stop_seconds for service in databases) > site.WHOLE_STOP_SECONDS


def test_an_ended_service_starts_again_with_growing_pauses(supervisor, tmp_path, said):
    supervisor.start(shell("fragile", "echo oops; exit 1", tmp_path))
    running = supervisor.groups[0][0]
    running.pause = 0.01

    def looked_after(times):
        supervisor.look_after(running)
        return len(said) >= times

    wait_for(lambda: looked_after(3))
    assert [sentence.split("starts again in ")[1].split()[0] for sentence in said[:3]] == ["0.01", "0.02", "0.04"]
    assert said[0].startswith("fragile ended with status 1;")
    assert "Its last words: oops. More in " in said[0]


def test_the_children_of_a_killed_service_go_before_it_starts_again(supervisor, tmp_path, said):
    child = tmp_path / "child"
    script = f"sleep 60 & echo $! > {child}.new; mv {child}.new {child}; wait"
    supervisor.start(shell("parent", script, tmp_path, answers=child.exists))
    running = supervisor.groups[0][0]
    running.process.kill()
    wait_for(lambda: running.ended)
    supervisor.look_after(running)
    wait_for(lambda: not is_alive(int(child.read_text())))


def test_without_ending_orphans_a_child_works_on_beside_its_successor(supervisor, tmp_path, monkeypatch):
    child = tmp_path / "child"
    script = f"sleep 60 & echo $! > {child}.new; mv {child}.new {child}; wait"
    supervisor.start(shell("parent", script, tmp_path, answers=child.exists))
    running, orphan = supervisor.groups[0][0], int(child.read_text())
    running.process.kill()
    wait_for(lambda: running.ended)
    with monkeypatch.context() as patch:
        patch.setattr(module, "end_orphans", lambda process: None)
        supervisor.look_after(running)
    assert is_alive(orphan)
    os.kill(orphan, signal.SIGKILL)


def test_without_the_supervisor_a_killed_service_stays_away(supervisor, tmp_path):
    supervisor.start(shell("parent", "sleep 60", tmp_path))
    running = supervisor.groups[0][0]
    first = running.process.pid
    running.process.kill()
    wait_for(lambda: running.ended)
    time.sleep(module.FIRST_PAUSE)
    assert running.process.pid == first
    supervisor.look_after(running)
    running.due = 0.0
    supervisor.look_after(running)
    assert running.process.pid != first


def test_a_service_that_cannot_start_again_yet_does_not_end_the_supervisor(supervisor, tmp_path, said):
    supervisor.start(shell("fragile", "exit 1", tmp_path))
    running = supervisor.groups[0][0]
    running.process.wait()

    def refuse():
        raise StartError("Another one answers.")

    running.service, running.due = replace(running.service, prepare=refuse), 0.0
    supervisor.look_after(running)
    assert said[-1] == "Another one answers."


def test_pause_has_a_limit_and_falls_back_after_a_steady_time(supervisor, tmp_path, said, monkeypatch):
    supervisor.start(shell("fragile", "exit 1", tmp_path))
    running = supervisor.groups[0][0]
    running.process.wait()
    running.pause = module.LONGEST_PAUSE
    supervisor.look_after(running)
    assert running.pause == module.LONGEST_PAUSE
    monkeypatch.setattr(module, "STEADY_SECONDS", -1.0)
    running.due = None
    supervisor.look_after(running)
    assert f"again in {module.FIRST_PAUSE:g} s" in said[-1]


def test_a_long_log_is_set_aside(supervisor, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOG_BYTES", 100)
    script = "head -c 200 /dev/zero; read -r line < $0; echo after"
    go = tmp_path / "go"
    os.mkfifo(go)
    supervisor.start(shell("wordy", "", tmp_path, argv=["/bin/sh", "-c", script, str(go)]))
    running = supervisor.groups[0][0]
    log = running.service.log
    wait_for(lambda: log.stat().st_size == 200)
    supervisor.look_after(running)
    assert log.with_suffix(".log.1").stat().st_size == 200
    go.write_text("now\n")
    wait_for(lambda: log.read_bytes() == b"after\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_nothing_outlives_a_killed_supervisor(tmp_path):
    script = f"""
import time
from pathlib import Path
from imagesearch.embedded.process import Service
from imagesearch.embedded.supervisor import Supervisor
Supervisor(print).start(Service("sleeper", ["sleep", "60"], Path({str(tmp_path / "log")!r})))
"""
    words = [sys.executable, "-c", script + "print('up', flush=True)\ntime.sleep(60)"]
    parent = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "up\n"
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    assert len(children) == 1
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not is_alive(int(children[0])))
