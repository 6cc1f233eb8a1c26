"""Limits that a decoding child puts on itself before it sees the first untrusted byte."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
import time

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
OPEN_FILES = 16


def leave_network() -> bool:
    """Move into an empty network namespace; returns False where the system does not allow it.

    Must run while the process has one thread. The new user namespace also takes away what root may do.
    """
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends; leave at once if it has ended already.

    Elsewhere than on Linux the closed channel ends the child. After ``leave_network``, which clears the setting.
    """
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


def limit_resources(memory: int) -> None:
    """Cap memory (bytes), open files, written files and core dumps for the rest of the process's life."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_cpu(seconds: int) -> None:
    """Let the kernel end this process (SIGXCPU) after so much more processor time."""
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, resource.RLIM_INFINITY))
