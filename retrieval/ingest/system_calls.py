"""The system calls that a decoding child may make, those that end it, and their numbers on each kind of processor."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass

# What Python, numpy and Pillow need to decode from memory to memory. What else there is answers EPERM: libraries look
# for files and settings now and then, and do without; so a picture is only lost when its decoder cannot do without.
ALLOWED = (
    "read", "write", "close", "munmap", "mremap", "madvise", "brk", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sigaltstack", "sched_yield", "futex", "nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "getrusage",
    "getpid", "gettid", "getrandom", "restart_syscall", "exit", "exit_group",
)  # fmt: skip
# Allowed with some arguments only; ``seccomp`` says which.
FILTERED = ("mmap", "mprotect", "kill", "tgkill", "sendto", "recvfrom", "prlimit64")
# No library makes these by chance: whoever does has taken the decoder over, and is ended (SIGSYS).
DEADLY = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "bpf", "perf_event_open", "userfaultfd",
    "io_uring_setup", "keyctl", "add_key", "request_key", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "unshare",
    "setns", "mount", "umount2", "pivot_root", "chroot", "init_module", "finit_module", "kexec_load", "memfd_create",
    "execveat", "personality",
)  # fmt: skip
# Linux's own tables: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
X86_64 = {
    "read": 0, "write": 1, "close": 3, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
    "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35,
    "getpid": 39, "sendto": 44, "recvfrom": 45, "exit": 60, "kill": 62, "gettimeofday": 96, "getrusage": 98,
    "ptrace": 101, "sigaltstack": 131, "personality": 135, "pivot_root": 155, "chroot": 161, "mount": 165,
    "umount2": 166, "init_module": 175, "gettid": 186, "futex": 202, "restart_syscall": 219, "clock_gettime": 228,
    "clock_nanosleep": 230, "exit_group": 231, "tgkill": 234, "kexec_load": 246, "add_key": 248, "request_key": 249,
    "keyctl": 250, "unshare": 272, "perf_event_open": 298, "prlimit64": 302, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "finit_module": 313, "getrandom": 318, "memfd_create": 319, "bpf": 321, "execveat": 322,
    "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425, "pidfd_open": 434, "pidfd_getfd": 438,
    "process_madvise": 440,
}  # fmt: skip
AARCH64 = {
    "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "close": 57, "read": 63, "write": 64,
    "personality": 92, "exit": 93, "exit_group": 94, "unshare": 97, "futex": 98, "nanosleep": 101, "kexec_load": 104,
    "init_module": 105, "clock_gettime": 113, "clock_nanosleep": 115, "ptrace": 117, "sched_yield": 124,
    "restart_syscall": 128, "kill": 129, "tgkill": 131, "sigaltstack": 132, "rt_sigaction": 134,
    "rt_sigprocmask": 135, "rt_sigreturn": 139, "getrusage": 165, "gettimeofday": 169, "getpid": 172, "gettid": 178,
    "sendto": 206, "recvfrom": 207, "brk": 214, "munmap": 215, "mremap": 216, "add_key": 217, "request_key": 218,
    "keyctl": 219, "mmap": 222, "mprotect": 226, "madvise": 233, "perf_event_open": 241, "prlimit64": 261,
    "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "getrandom": 278,
    "memfd_create": 279, "bpf": 280, "execveat": 281, "userfaultfd": 282, "pidfd_send_signal": 424,
    "io_uring_setup": 425, "pidfd_open": 434, "pidfd_getfd": 438, "process_madvise": 440,
}  # fmt: skip


@dataclass(frozen=True)
class Processor:
    """A kind of processor: its number in the kernel's audit, its system calls, and where foreign ones begin."""

    audit: int
    numbers: Mapping[str, int]
    foreign_from: int = 2**32 - 1


# x32 programs on x86_64 have numbers of their own, from 2^30.
PROCESSORS = {
    "x86_64": Processor(0xC000003E, X86_64, foreign_from=0x40000000),
    "aarch64": Processor(0xC00000B7, AARCH64),
}


def here() -> Processor | None:
    """The processor of this machine, or None where the numbers are not known."""
    return PROCESSORS.get(platform.machine())
