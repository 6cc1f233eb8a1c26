"""Landlock: take the whole file system, TCP and the signals to others away from this process, for its whole life."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

# The same numbers on every processor. https://docs.kernel.org/userspace-api/landlock.html
CREATE, RESTRICT_SELF = 444, 446
ASK_VERSION = 1
# How many rights over files each version knows, from the first on: 2 brought REFER, 3 TRUNCATE, 5 IOCTL_DEV.
FILE_RIGHTS = (13, 14, 15, 15, 16)
BIND_AND_CONNECT_TCP, FROM_TCP = 0b11, 4
ABSTRACT_SOCKETS_AND_SIGNALS, FROM_SCOPES = 0b11, 6


def refuse_everything() -> int:
    """Handle every right that the kernel knows and grant none; returns Landlock's version, 0 where it is not in force.

    What is open stays open. Needs ``PR_SET_NO_NEW_PRIVS``.
    """
    version = _version()
    if version < 1:
        return 0
    ruleset = _call(CREATE, ctypes.create_string_buffer(rights(version), 24), ctypes.c_size_t(24), 0)
    if ruleset < 0:
        return 0
    refused = _call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return version if refused == 0 else 0


def rights(version: int) -> bytes:
    """The ``landlock_ruleset_attr`` that handles all that this version of Landlock can handle."""
    files = (1 << FILE_RIGHTS[min(version, len(FILE_RIGHTS)) - 1]) - 1
    tcp = BIND_AND_CONNECT_TCP if version >= FROM_TCP else 0
    scopes = ABSTRACT_SOCKETS_AND_SIGNALS if version >= FROM_SCOPES else 0
    return struct.pack("=QQQ", files, tcp, scopes)


def _version() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    return _call(CREATE, None, ctypes.c_size_t(0), ASK_VERSION)


def _call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(number), *arguments))
