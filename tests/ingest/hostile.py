"""A run of all that a decoder that was taken over tries, as any user.

``python -m tests.ingest.hostile`` prints what was reached with all guards, where namespaces are refused, with each
guard alone, and with none.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from retrieval.errors import UnsupportedPicture
from retrieval.ingest import fork_server
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.process import Child, ChildLimits, EndedError
from tests.ingest.hostile_acts import ACTS, SECRET

PROGRAM = "from retrieval.ingest.child import main; from tests.ingest.hostile_acts import decode; main(decode)"
# What a container's default profile does, by a real filter in the fork server.
REFUSE_NAMESPACES = (
    "import ctypes; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0); from retrieval.ingest import seccomp;"
    " seccomp.refuse(['unshare', 'mount'])"
)
# How each guard is switched off in a fork server. Others call the same functions, so that they see it.
OFF = {
    "namespaces": "confine.leave_system = lambda: confine.become_nobody()",
    "nobody": "confine.become_nobody = lambda: None",
    "capabilities": "confine.drop_capabilities = lambda: ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) and False",
    "hidden": "confine.hide = lambda: False",
    "closed": "confine.keep_only = lambda channel: None",
    "limits": "confine.limit_resources = lambda memory: None",
    "landlock": "landlock.refuse_everything = lambda: 0",
    "descriptors": "confine.open_nothing_more = lambda: None",
    "environment": "os.environ.clear = lambda: None",
    "seccomp": "seccomp.allow_decoding_only = lambda channel: False",
}


def program(*, guards):
    """The text of a child with these guards alone."""
    off = [text for name, text in OFF.items() if name not in guards]
    return "; ".join(["import ctypes, os", "from retrieval.ingest import confine, landlock, seccomp", *off, PROGRAM])


# These end the program that tries them, in place of an answer.
REPLACED = {"run a program", "run a program from memory"}


@contextmanager
def world():
    """What there is to reach: files of the same user and of anybody, sockets, a server, this process."""
    kept = ctypes.create_string_buffer(b"12345678")
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.create_server(("127.0.0.1", 0)) as port:
        folder = Path(name)
        folder.chmod(0o777)
        found = {"folder": name, "port": port.getsockname()[1], "parent": os.getpid()}
        for file in ("secret_key", "original", "lost", "emptied", "old", "open", "mapped", "code.py"):
            (folder / file).write_text(SECRET)
            (folder / file).chmod(0o600)
        sockets = {"database": f"{name}/.s.PGSQL", "broker": f"{name}/valkey.sock", "abstract": f"\0{folder.name}"}
        servers = [socket.socket(socket.AF_UNIX) for _ in sockets]
        for server, address in zip(servers, sockets.values(), strict=True):
            server.bind(address)
            server.listen(1000)
        sleeper = subprocess.Popen(["sleep", "600"])
        try:
            yield {**found, **sockets, "server": sleeper.pid, "address": ctypes.addressof(kept)}
        finally:
            sleeper.kill()
            sleeper.wait()
            for server in servers:
                server.close()


def tried(text, names):
    """How each of these fares in a child of its own that tries it: no two reach for the same things."""
    with world() as there:
        return {name: ended(text, name, there) for name in names}


def ended(text, name, there):
    """How one child fares that tries this: reached, stopped and why, or ended."""
    child = Child(ChildLimits(program=text, unprotected=True))
    try:
        child.ask(json.dumps([name, there]).encode(), DecodeRequest(working_side=1))
    except UnsupportedPicture as refusal:
        return refusal.message
    except EndedError as end:
        return "reached" if name in REPLACED and not end.signal else f"stopped by signal {end.signal}"
    finally:
        child.stop()
    return "nothing"


def possible(act):
    return os.geteuid() == 0 or not act.root


def alone(guards):
    """Which acts one guard stops by itself; becoming nobody is for root."""
    return [name for name, act in ACTS.items() if guards in act.guards.split() and possible(act)]


def main():
    """Print what became of each act under each set of guards, as JSON: guards -> act -> outcome."""
    os.environ["DATABASE_URL"] = SECRET
    names = [name for name, act in ACTS.items() if possible(act)]
    found = {"all": tried(PROGRAM, names)}
    found["refused"] = tried(f"{REFUSE_NAMESPACES}; {PROGRAM}", names)
    fork_server.ENVIRONMENT["DATABASE_URL"] = SECRET
    found["none"] = tried(program(guards=()), names)
    for guards in sorted({each for act in ACTS.values() for each in act.guards.split()}):
        found[guards] = tried(program(guards=guards.split("+")), alone(guards))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
