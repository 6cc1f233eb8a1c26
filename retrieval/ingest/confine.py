"""What a decoding process gives up for good before it sees the first untrusted byte."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
import time

CLONE_NEWUSER = 0x10000000
# Mounts, host name, System V IPC, processes (for the children), network.
OWN_SPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
PR_SET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 3, 4, 24, 38
PR_CAP_AMBIENT, CLEAR_ALL = 47, 4
CAPABILITY_VERSION = 0x20080522
CAPABILITIES = 64
CAP_KILL, CAP_SETGID, CAP_SETUID = 5, 6, 7
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 0x4000, 0x40000
MNT_DETACH = 2
NOBODY = 65534
LINUX = sys.platform.startswith("linux")


def leave_system() -> bool:
    """Move into empty namespaces (network, processes of the children, IPC, mounts) and become nobody.

    Returns False where the system allows no namespaces. Must run while the process has one thread, and after all
    imports: there are no files afterwards. Root needs no user namespace for it; others get what they need in one.
    """
    if not LINUX:
        return False
    libc = ctypes.CDLL(None)
    apart = libc.unshare(OWN_SPACES) == 0
    if not apart:
        become_nobody()
        apart = libc.unshare(CLONE_NEWUSER | OWN_SPACES) == 0
    if apart:
        empty_root()
    become_nobody()
    return bool(apart)


def empty_root() -> bool:
    """Put an empty read-only file system in the place of all others; in a mount namespace of one's own only."""
    libc, here = ctypes.CDLL(None), b"/proc"
    libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    done = libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) == 0
    done = done and libc.mount(b"none", here, b"tmpfs", flags, b"size=4k,mode=555") == 0
    if not done:
        return False
    os.chdir(here)
    done = libc.pivot_root(b".", b".") == 0 and libc.umount2(b".", MNT_DETACH) == 0
    os.chdir("/")
    return bool(done and libc.mount(None, b"/", None, MS_REMOUNT | MS_RDONLY | flags, None) == 0)


def become_nobody() -> None:
    """Root gives up being root, so that limits hold for it and files are not its own.

    Not where its parent, with the same rights, could then not end it.
    """
    if LINUX and os.geteuid() == 0 and _effective({CAP_KILL, CAP_SETGID, CAP_SETUID}):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def drop_capabilities() -> bool:
    """Give up all capabilities, also those that a program could regain; returns whether none is left."""
    if not LINUX:
        return False
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_CAP_AMBIENT, CLEAR_ALL, 0, 0, 0)
    for capability in range(CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.capset((ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)())
    return not any(_capabilities())


def _capabilities() -> list[int]:
    """Effective, permitted, inheritable: the low halves, then the high ones."""
    found = (ctypes.c_uint32 * 6)()
    ctypes.CDLL(None).capget((ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), found)
    return list(found)


def _effective(wanted: set[int]) -> bool:
    return all(_capabilities()[0] & 1 << capability for capability in wanted)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends; leave at once if it has ended already.

    Elsewhere than on Linux the closed channel ends the child. After whatever changes who this process is, which
    clears the setting.
    """
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Seen from a namespace of its own processes, a parent outside is 0; who takes its place inside is not.
    if os.getppid() not in {parent, 0}:
        os._exit(0)


def hide() -> bool:
    """Keep others of the same user out of this process's memory, and its memory out of core files."""
    if not LINUX:
        return False
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    return bool(libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)


def keep_only(channel: int) -> None:
    """Close every descriptor but ``channel``; the standard ones lead nowhere."""
    os.dup2(1, 2)
    os.closerange(3, channel)
    os.closerange(channel + 1, 4096)


def limit_resources(memory: int) -> None:
    """Cap memory (bytes) and allow no process, no written file and no core dump for the rest of the process's life."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def open_nothing_more() -> None:
    """Allow no further descriptor of any kind: no file, no socket, no memory shared with others."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def limit_cpu(seconds: int) -> None:
    """Let the kernel end this process (SIGXCPU) after so much more processor time."""
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, resource.RLIM_INFINITY))
