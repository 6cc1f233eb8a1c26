"""A decoder that was taken over: what it tries from inside a child, which loads no more than it needs for that."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import UnsupportedPicture

LIBC = ctypes.CDLL(None, use_errno=True)
SECRET = "password-of-the-database"


def decode(data, _request):
    """Try what the bytes name, in the world that they describe; runs in a child. The refusal says how it went."""
    name, world = json.loads(data)
    if name == "stay":
        raise UnsupportedPicture(str(stay()), code="picture_damaged")
    try:
        reached = ACTS[name].act(world)
    except OSError as error:
        raise UnsupportedPicture(f"stopped {error.errno}", code="picture_damaged") from error
    raise UnsupportedPicture("reached" if reached else "stopped", code="picture_damaged")


def call(name, *arguments):
    """A system call that returns what it returns, or raises OSError."""
    found = getattr(LIBC, name)(*arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), name)
    return found


def opened(path):
    return lambda world: bool(Path(path.format(**world)).read_bytes())


def changed(act):
    return lambda world: act(world) is None


def local(kind):
    def act(world):
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(world[kind])
            return server.send(b"COPY x FROM PROGRAM 'id'") > 0

    return act


def tcp(world):
    with socket.socket() as server:
        return server.connect(("127.0.0.1", world["port"])) is None


def udp(world):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"secret", ("127.0.0.1", world["port"])) > 0


def listen(_):
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        return True


def write_through_mapping(path):
    def act(world):
        with open(path.format(**world), "r+b") as file, mmap.mmap(file.fileno(), 0) as shared:
            shared[:4] = b"evil"
            return True

    return act


def fork(_):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def stay():
    """Leave a process behind."""
    left = os.fork()
    if left == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    return left


def outlive(_):
    if os.fork() == 0:
        os.setsid()
        os._exit(0)
    return True


def run_program(_):
    os.execv("/bin/true", ["true"])


def run_from_memory(_):
    with open("/bin/true", "rb") as file:
        text = file.read()
    descriptor = os.memfd_create("x", 0)
    os.write(descriptor, text)
    os.execve(f"/proc/self/fd/{descriptor}", ["true"], {})


def made_from_memory(_):
    return os.memfd_create("x", 0) >= 0


def attach(world):
    return call("ptrace", 16, world["server"], 0, 0) == 0


def read_memory(world):
    class Span(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    here = ctypes.create_string_buffer(8)
    mine, theirs = Span(ctypes.addressof(here), 8), Span(world["address"], 8)
    return call("process_vm_readv", world["parent"], ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) == 8


def signal_by_descriptor(world):
    return signal.pidfd_send_signal(os.pidfd_open(world["server"]), 0) is None


def more_descriptors(_):
    """How many descriptors answer, beyond the standard ones and the channel?"""
    found = 0
    for descriptor in range(3, 64):
        try:
            found += os.write(descriptor, b"") == 0
        except OSError:
            continue
    return found > 1


def new_powers(_):
    return call("unshare", 0x10000000) == 0


def executable_memory(_):
    return bool(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))


def shared_memory(_):
    return call("shmget", 0, 4096, 0o1600) >= 0


@dataclass(frozen=True)
class Act:
    """Something to reach; each of ``guards`` stops it alone, several joined by + only together."""

    act: Callable[[dict], bool | None]
    guards: str
    root: bool = False


FILES = "seccomp landlock namespaces"
OPENED = f"{FILES} descriptors"
OTHERS = "seccomp landlock namespaces"
ACTS = {
    "read the secret key": Act(opened("{folder}/secret_key"), OPENED),
    "read an original": Act(opened("{folder}/original"), OPENED),
    "read the password of all users": Act(opened("/etc/passwd"), OPENED),
    "read the site's environment": Act(opened("/proc/{parent}/environ"), OPENED),
    "read the environment it was started with": Act(lambda _: SECRET in str(os.environ), "environment"),
    "list the data folder": Act(lambda world: bool(os.listdir(world["folder"])), OPENED),
    "write a new file": Act(lambda world: Path(world["folder"], "new").touch() is None, OPENED),
    "delete a file": Act(changed(lambda world: os.unlink(f"{world['folder']}/lost")), FILES),
    "empty a file": Act(changed(lambda world: os.truncate(f"{world['folder']}/emptied", 0)), FILES),
    "make a folder": Act(changed(lambda world: os.mkdir(f"{world['folder']}/made")), FILES),
    "rename a file": Act(changed(lambda world: os.rename(f"{world['folder']}/old", f"{world['folder']}/young")), FILES),
    "make a link": Act(changed(lambda world: os.symlink("/etc", f"{world['folder']}/link")), FILES),
    "change a file's mode": Act(
        changed(lambda world: os.chmod(f"{world['folder']}/open", 0o777)), "seccomp namespaces"
    ),
    "write into a file by a mapping": Act(write_through_mapping("{folder}/mapped"), OPENED),
    "change the project's code": Act(write_through_mapping("{folder}/code.py"), OPENED),
    "the database by its socket": Act(local("database"), "seccomp namespaces descriptors"),
    "the broker by its socket": Act(local("broker"), "seccomp namespaces descriptors"),
    "a server by an abstract socket": Act(local("abstract"), "seccomp namespaces descriptors landlock"),
    "connect to a port of this machine": Act(tcp, "seccomp namespaces descriptors landlock"),
    "send a packet": Act(udp, "seccomp namespaces descriptors"),
    "wait for connections": Act(listen, "seccomp descriptors landlock"),
    "start a process": Act(fork, "seccomp nobody+limits"),
    "leave its session": Act(outlive, "seccomp nobody+limits"),
    "run a program": Act(run_program, FILES),
    "run a program from memory": Act(run_from_memory, f"{FILES} descriptors"),
    "make a file in memory": Act(made_from_memory, "seccomp descriptors"),
    "signal a server": Act(changed(lambda world: os.kill(world["server"], signal.SIGCONT)), OTHERS),
    "signal the site": Act(changed(lambda world: os.kill(world["parent"], 0)), OTHERS),
    "signal by a descriptor": Act(signal_by_descriptor, f"{OTHERS} descriptors"),
    "trace a server": Act(attach, OTHERS),
    "read the site's memory": Act(read_memory, OTHERS),
    "change the site's limits": Act(
        lambda world: bool(resource.prlimit(world["parent"], resource.RLIMIT_CORE)), "seccomp namespaces"
    ),
    "another descriptor": Act(more_descriptors, "closed"),
    "new powers in a namespace": Act(new_powers, "seccomp"),
    "memory that is a program": Act(executable_memory, "seccomp"),
    "memory shared with others": Act(shared_memory, "seccomp"),
    "watch files": Act(lambda world: call("inotify_init1", 0) >= 0, "seccomp descriptors"),
    "the kernel's keys": Act(lambda world: call("syscall", 250, 0, -3, 0) != 0, "seccomp"),
    "another root": Act(changed(lambda world: os.chroot(world["folder"])), "seccomp capabilities nobody", root=True),
    "a device": Act(
        changed(lambda world: os.mknod(f"{world['folder']}/null", 0o20666, os.makedev(1, 3))),
        "seccomp landlock namespaces capabilities nobody", root=True,
    ),
}  # fmt: skip
