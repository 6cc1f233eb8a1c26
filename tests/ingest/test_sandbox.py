"""The sandbox: whatever a decoder does, its picture is refused with a code and the others go on."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import RetrievalError, TooLarge, Unavailable, UnsupportedPicture
from retrieval.ingest import children as room
from retrieval.ingest import fork_server, process, sandbox
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest, Part, Region
from retrieval.ingest.process import Child, ChildLimits
from retrieval.ingest.sandbox import PoolSettings, Sandbox
from retrieval.ingest.turns import Asker
from tests.ingest import hooks
from tests.ingest.dicoms import dicom, ramp
from tests.ingest.pictures import FORMATS, sample
from tests.ingest.test_decode import ODD
from tests.ingest.videos import CODECS, av, needs_av, video

HOOKED = ChildLimits(cpu=1, wall=20, memory=700 * 2**20, program=hooks.PROGRAM)
WANTED = DecodeRequest(working_side=64)


@pytest.fixture
def pool():
    with_hooks = Sandbox(PoolSettings(processes=2, child=HOOKED))
    yield with_hooks
    with_hooks.close()


@pytest.fixture
def children(monkeypatch):
    """The children that were started, in their order."""
    started = []

    class Noted(room.Child):
        def __init__(self, limits):
            super().__init__(limits)
            started.append(self)

    monkeypatch.setattr(room, "Child", Noted)
    return started


@pytest.fixture(scope="module")
def real():
    plain = Sandbox(PoolSettings(processes=2))
    yield plain
    plain.close()


def ask(pool, act, request=WANTED, *, asker=sandbox.SITE):
    return pool.decode(act.encode(), request, asker=asker)


@pytest.mark.parametrize(
    ("act", "code"),
    [
        ("segv", "decoder_crashed"),
        ("abort", "decoder_crashed"),
        ("kill", "decoder_crashed"),
        ("exit", "decoder_crashed"),
        ("surprise", "decoder_crashed"),
        ("nonsense", "decoder_crashed"),
        ("forbidden", "decoder_crashed"),
        ("spin", "decoder_timeout"),
        ("allocate", "decoder_memory"),
        ("refuse", "picture_damaged"),
    ],
)
def test_whatever_a_decoder_does_becomes_a_reason_and_the_others_go_on(pool, act, code):
    with pytest.raises(UnsupportedPicture) as caught:
        ask(pool, act)
    assert caught.value.code == code
    assert ask(pool, "good").format == "PNG"


def refused_in_time(pool, act, code):
    """Assert that a decoder's caller hears within seconds that this picture is refused, and why."""
    pool.warm()  # starting may take long on a busy machine, and is not what is timed
    asked = ThreadPoolExecutor(1).submit(ask, pool, act)
    done, _ = wait([asked], timeout=5)
    assert done, "its caller still waits"
    assert isinstance(asked.exception(), UnsupportedPicture), "it is no refusal"
    assert asked.exception().code == code


def test_a_decoder_that_sleeps_is_stopped():
    pool = Sandbox(PoolSettings(processes=1, child=replace(HOOKED, wall=0.5)))
    refused_in_time(pool, "sleep", "decoder_timeout")
    pool.close()


def test_a_decoder_that_claims_much_memory_gets_none(pool):
    refused_in_time(pool, "claim", "decoder_memory")


def test_a_refusal_keeps_its_class_and_the_child(pool):
    before = ask(pool, "good").width
    with pytest.raises(TooLarge):
        ask(pool, "too large")
    assert ask(pool, "good").width == before


@pytest.mark.parametrize("victim", ["child", "server"])
def test_a_child_killed_from_outside_does_not_cost_the_picture(pool, children, victim):
    before = ask(pool, "good").width
    os.kill(children[0].pid if victim == "child" else children[0]._server._process.pid, signal.SIGKILL)
    assert children[0]._channel.recv(1, socket.MSG_PEEK) == b""
    assert ask(pool, "good").format == "PNG"
    assert len(children) == 2
    assert before


def test_a_child_is_replaced_after_its_share_of_pictures():
    pool = Sandbox(PoolSettings(processes=1, tasks_per_child=3, child=HOOKED))
    children = [ask(pool, "good").width for _ in range(6)]
    assert [len(set(children[:3])), len(set(children[3:]))] == [1, 1]
    assert children[0] != children[3]
    pool.close()


def test_many_threads_share_the_pool_and_crashes_do_not_mix(pool):
    acts = ["good", "segv", "good", "refuse", "exit", "good"] * 2

    def outcome(act):
        try:
            return ask(pool, act).format
        except RetrievalError as error:
            return error.code

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(outcome, acts))
    wanted = {"good": "PNG", "segv": "decoder_crashed", "exit": "decoder_crashed", "refuse": "picture_damaged"}
    assert found == [wanted[act] for act in acts]


def test_a_caller_does_not_wait_for_ever():
    pool = Sandbox(PoolSettings(processes=1, patience=0.2, child=replace(HOOKED, wall=1.5)))
    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(ask, pool, "sleep")
        time.sleep(0.5)
        with pytest.raises(Unavailable) as caught:
            ask(pool, "good", asker=Asker("site"))
        assert caught.value.code == "decoders_busy"
        assert isinstance(busy.exception(), UnsupportedPicture)
    pool.close()


def test_a_decoder_that_does_not_start_is_not_the_picture_s_fault():
    pool = Sandbox(PoolSettings(child=ChildLimits(program="raise SystemExit(3)")))
    with pytest.raises(Unavailable):
        ask(pool, "good")
    pool.close()


def test_ctrl_c_does_not_reach_the_child(pool, children):
    ask(pool, "good")
    assert os.getpgid(children[0].pid) != os.getpgid(0)


def test_a_child_outlives_the_thread_that_asked_first(pool):
    children = []
    thread = threading.Thread(target=lambda: children.append(ask(pool, "good").width))
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert ask(pool, "good").width == children[0]


def test_the_child_has_no_network(pool):
    if not Child(HOOKED).offline:
        pytest.skip("this system gives no network namespaces to this process")
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(UnsupportedPicture):
            ask(pool, "network", DecodeRequest(working_side=server.getsockname()[1]))
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("act", ["write", "open many"])
def test_the_child_writes_no_file_and_opens_few(pool, act):
    with pytest.raises(UnsupportedPicture):
        ask(pool, act)


def test_the_child_gets_nothing_of_the_environment(pool, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "secret")
    with pytest.raises(UnsupportedPicture) as caught:
        ask(pool, "environment")
    assert caught.value.message == "found"


def test_the_child_knows_neither_torch_nor_django_nor_the_way_out():
    imports = process.PROGRAM.rsplit(";", 1)[0]
    code = f"import sys; sys.path.insert(0, {str(fork_server.ROOT)!r}); {imports}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "torchvision", "django", "psycopg", "redis", "celery", "structlog", "tests",
                         "requests", "urllib3"}  # fmt: skip


def test_children_end_with_their_parent(tmp_path):
    script = (
        "import os, sys, time\n"
        "from retrieval.ingest.process import Child, ChildLimits\n"
        "from tests.ingest import hooks\n"
        "children = [Child(ChildLimits(program=hooks.PROGRAM)) for _ in range(2)]\n"
        "children[0]._channel.sendall(b'')\n"
        "print('pids', *{pid for child in children for pid in (child.pid, child._server._process.pid)}, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(fork_server.ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    # What the program logs stands on the lines before.
    said = next(line for line in parent.stdout if line.startswith("pids "))
    pids = [int(pid) for pid in said.split()[1:]]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    ends = time.monotonic() + 5
    while any(map(running, pids)) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not any(map(running, pids))


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def test_a_forked_process_makes_its_own_pool():
    mine = sandbox.shared()
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, b"same" if sandbox.shared() is mine else b"own")
        os._exit(0)
    os.wait()
    assert os.read(reader, 10) == b"own"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    "request_",
    [
        DecodeRequest(working_side=32),
        DecodeRequest(working_side=32, thumbnail_sizes=(16, 40)),
        DecodeRequest(working_side=32, region=Region(0.1, 0.2, 0.5, 0.5)),
        DecodeRequest(thumbnail_sizes=(16,)),
    ],
)
def test_the_sandbox_gives_what_the_decoder_gives(real, request_):
    here, there = decode(sample(), request_), real.decode(sample(), request_)
    assert np.array_equal(here.pixels, there.pixels)
    for name in ("width", "height", "format", "thumbnails", "placeholder", "pdq"):
        assert getattr(here, name) == getattr(there, name)


def test_a_large_file_and_a_large_answer_pass(real):
    data = sample("BMP", size=(2500, 1500))
    assert real.decode(data, DecodeRequest(working_side=1500)).pixels.shape == (1500, 2500, 3)


@pytest.mark.parametrize("name", [*FORMATS, *ODD])
def test_without_files_every_kind_of_picture_is_decoded_alike(real, name):
    data = ODD[name][0] if name in ODD else sample(name)
    request = DecodeRequest(working_side=16, thumbnail_sizes=(8, 32))
    here, there = decode(data, request), real.decode(data, request)
    assert np.array_equal(here.pixels, there.pixels)
    assert (here.thumbnails, here.placeholder, here.pdq) == (there.thumbnails, there.placeholder, there.pdq)


@needs_av
@pytest.mark.parametrize("kind", CODECS)
def test_without_files_every_kind_of_video_is_decoded_alike(real, kind):
    data = video(kind=kind)
    here, there = (each(data, DecodeRequest(thumbnail_sizes=(32,))) for each in (decode, real.decode))
    assert (here.scenes, here.pages, here.second, here.thumbnails) == (there.scenes, 3, 0, there.thumbnails)
    third = DecodeRequest(16, part=Part(3, 3, here.scenes[2]))
    assert np.array_equal(decode(data, third).pixels, real.decode(data, third).pixels)


def test_nothing_is_loaded_once_the_decoder_is(tmp_path):
    pictures = [*map(sample, (*FORMATS, "PDF")), *(data for data, _ in ODD.values())]
    pictures += [dicom(ramp()), dicom(ramp(np.int16), packed=True, WindowCenter=1, WindowWidth=2)]
    pictures += [video(kind=kind) for kind in CODECS if av]
    (tmp_path / "pictures").write_bytes(pickle.dumps(pictures))
    code = (
        "import pickle, sys\n"
        f"sys.path.insert(0, {str(fork_server.ROOT)!r})\n"
        "from retrieval.ingest.child import main; from retrieval.ingest.decode import decode\n"
        "from retrieval.ingest.picture import DecodeRequest\n"
        f"pictures = pickle.loads(open({str(tmp_path / 'pictures')!r}, 'rb').read())\n"
        "sys.addaudithook(lambda event, arguments: event in ('open', 'import') and print(event, *arguments))\n"
        "[decode(data, DecodeRequest(working_side=64, thumbnail_sizes=(16, 320))) for data in pictures]\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
