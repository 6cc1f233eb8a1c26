"""What a decoding child can still reach, found out by trying it before the first untrusted byte."""

from __future__ import annotations

import errno
import mmap
import os
import socket
import sys

NOWHERE = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EACCES, errno.EPERM}
PROBED = "imagesearch-probe"


def held() -> dict[str, bool]:
    """Try each thing; True where it was refused. What is tried leaves nothing behind."""
    return {
        "files": _files(),
        "network": _network(),
        "processes": _processes(),
        "programs": _programs(),
        "signals": _signals(),
        "memory": _memory(),
    }


def _files() -> bool:
    """Neither the root, nor the program of this very process, nor a new folder."""
    return not any((_opens("/"), _opens(sys.executable), _makes(f"/tmp/{PROBED}"), _makes(f"/{PROBED}")))


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def _makes(folder: str) -> bool:
    try:
        os.mkdir(folder)
    except OSError:
        return False
    os.rmdir(folder)
    return True


def _network() -> bool:
    """No address of this machine, and no socket of a server on it, for which a file's name is enough."""
    return not any((_connects(socket.AF_INET, "127.0.0.1"), _connects(socket.AF_INET6, "::1"), _local_sockets()))


def _connects(family: int, address: str) -> bool:
    """Is there a way to this address? That nobody listens there is no guard."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError as error:
        return error.errno not in NOWHERE | {errno.EMFILE}
    return True


def _local_sockets() -> bool:
    try:
        socket.socket(socket.AF_UNIX).close()
        os.stat(sys.executable)
    except OSError:
        return False
    return True


def _processes() -> bool:
    try:
        child = os.fork()
    except OSError:
        return True
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return False


def _programs() -> bool:
    """A program may also come from memory, so that the lack of files is no guard: the call itself must be refused."""
    try:
        os.execv(f"/{PROBED}", [PROBED])
    except PermissionError:
        return True
    except OSError:
        return False


def _signals() -> bool:
    """The parent is out of reach: it has no number here, or may not be signalled."""
    parent = os.getppid()
    if parent == 0:
        return True
    try:
        os.kill(parent, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _memory() -> bool:
    """No memory that is shared, and none that is a program."""
    return not (_maps(mmap.MAP_SHARED, mmap.PROT_READ) or _maps(mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC))


def _maps(flags: int, protection: int) -> bool:
    try:
        mmap.mmap(-1, mmap.PAGESIZE, flags=flags | mmap.MAP_ANON, prot=protection).close()
    except OSError:
        return False
    return True
