"""A filter of system calls (seccomp), written as BPF and in force for the rest of the process's life."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import struct
import sys
from collections.abc import Iterable

from retrieval.ingest import system_calls
from retrieval.ingest.system_calls import Processor

PR_SET_SECCOMP, MODE_FILTER = 22, 2
KILL, ALLOW = 0x80000000, 0x7FFF0000
REFUSE = 0x00050000 | 1  # SECCOMP_RET_ERRNO with EPERM
LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER_AT, PROCESSOR_AT, ARGUMENTS_AT = 0, 4, 16
SHARING = mmap.MAP_SHARED | mmap.MAP_PRIVATE

Instruction = tuple[int, int, int, int]


def allow_decoding_only(channel: int) -> bool:
    """Leave this process the system calls of decoding, and sending and receiving on ``channel`` alone.

    Returns False where it is not in force: not Linux, an unknown processor, a kernel without it. Needs
    ``PR_SET_NO_NEW_PRIVS``.
    """
    processor = system_calls.here()
    if not sys.platform.startswith("linux") or processor is None:
        return False
    return _install(program(processor, channel=channel, own=os.getpid()))


def refuse(names: Iterable[str]) -> bool:
    """Answer these system calls with EPERM and allow all others, as a container's profile does to some."""
    processor = system_calls.here()
    if processor is None:
        return False
    checks = [step for name in names for step in _if_number(processor.numbers[name], [_return(REFUSE)])]
    return _install([_load(NUMBER_AT), *checks, _return(ALLOW)])


def program(processor: Processor, *, channel: int, own: int) -> list[Instruction]:
    """The filter for a process with the id ``own`` that answers on the descriptor ``channel``."""
    numbers, steps = processor.numbers, _only_native(processor)
    for name in system_calls.ALLOWED:
        steps += _if_number(numbers[name], [_return(ALLOW)])
    for name, check in _checks(channel, own).items():
        steps += _if_number(numbers[name], [*check, _return(ALLOW)])
    for name in system_calls.DEADLY:
        steps += _if_number(numbers[name], [_return(KILL)])
    return [*steps, _return(REFUSE)]


def _only_native(processor: Processor) -> list[Instruction]:
    """End a process that calls by another processor's numbers, which mean other calls."""
    return [
        _load(PROCESSOR_AT),
        (IF_EQUAL, 1, 0, processor.audit),
        _return(KILL),
        _load(NUMBER_AT),
        (IF_AT_LEAST, 0, 1, processor.foreign_from),
        _return(KILL),
    ]


def _checks(channel: int, own: int) -> dict[str, list[Instruction]]:
    """What the arguments of a call must be: memory of its own that is no program, itself, its channel, its own time."""
    return {
        "mmap": [*_no_bit(2, mmap.PROT_EXEC), *_masked(3, SHARING | mmap.MAP_ANON, mmap.MAP_PRIVATE | mmap.MAP_ANON)],
        "mprotect": _no_bit(2, mmap.PROT_EXEC),
        "kill": _equal(0, own),
        "tgkill": _equal(0, own),
        "sendto": _equal(0, channel),
        "recvfrom": _equal(0, channel),
        "prlimit64": [*_equal(0, 0), *_equal(1, resource.RLIMIT_CPU)],
    }


def _if_number(number: int, then: list[Instruction]) -> list[Instruction]:
    return [(IF_EQUAL, 0, len(then), number), *then]


def _load(at: int) -> Instruction:
    return LOAD, 0, 0, at


def _argument(index: int) -> Instruction:
    """Load the low half of an argument: descriptors, process ids and flags have no other."""
    return _load(ARGUMENTS_AT + 8 * index)


def _equal(index: int, value: int) -> list[Instruction]:
    return [_argument(index), (IF_EQUAL, 1, 0, value), _return(REFUSE)]


def _no_bit(index: int, bits: int) -> list[Instruction]:
    return [_argument(index), (IF_ANY_BIT, 0, 1, bits), _return(REFUSE)]


def _masked(index: int, mask: int, value: int) -> list[Instruction]:
    return [_argument(index), (AND, 0, 0, mask), (IF_EQUAL, 1, 0, value), _return(REFUSE)]


def _return(action: int) -> Instruction:
    return RETURN, 0, 0, action


def _install(instructions: list[Instruction]) -> bool:
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    text = ctypes.create_string_buffer(packed, len(packed))
    # struct sock_fprog: a count, padding, a pointer.
    header = ctypes.create_string_buffer(struct.pack("@HP", len(instructions), ctypes.addressof(text)))
    return bool(ctypes.CDLL(None).prctl(PR_SET_SECCOMP, MODE_FILTER, header, 0, 0) == 0)
