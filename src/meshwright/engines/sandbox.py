"""Locks the calling process down for good, before an engine starts in it that runs other people's SQL.

A statement that gets past the fence, or breaks the engine itself, then reaches what it was given and nothing else: Landlock
decides about files, a seccomp filter about system calls, limits about memory, time and files. No privilege is needed.

**Files.** One private folder may be written, others only be read, and nothing can be moved or linked between them: governed
files that the parent links into one to read are seen at once and cannot be altered. The private folder can hold plain files
only, no links, pipes or folders that would trap whoever reads it. Names remain visible: whether any path exists, its size,
times and mode, and how full its disk is.

**System calls.** An allow-list of what Python, DuckDB and pyarrow need to compute, to start threads, and to read and write
files. A list of what is forbidden would be shorter and would break with every call that the kernel learns. Left out is all
that names another process, a socket or a privilege, that alters a file it need not open (chmod, utime, link), and that makes
memory executable: no program is started, no process forked, no extension or native library loaded, nothing compiled
into memory. What is not on the list fails with EPERM, or with ENOSYS where the C library must try an older call.

**What stays open.** Descriptors that are open already go on working, whatever they lead to: see `close_inherited`. Threads
that run already are not bound by Landlock, therefore there may be none. How much is written in all, how many threads are
started and how long something takes is not bound or hidden; and the lock is as strong as the kernel is free of faults.

Landlock is called by number here. Its packages for Python are young or end at files, and none brings a seccomp filter.
Sources: landlock(7) and the kernel's Documentation/userspace-api/landlock.rst, seccomp(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
import stat
import struct
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# The environment in which importing numpy and pyarrow starts no threads: OpenBLAS's workers, jemalloc's cleaner.
SINGLE_THREADED: Final = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}

LIBC: Final = ctypes.CDLL(None, use_errno=True)

# System calls made by number, the same on both architectures.
LANDLOCK_CREATE_RULESET: Final = 444
LANDLOCK_ADD_RULE: Final = 445
LANDLOCK_RESTRICT_SELF: Final = 446
LANDLOCK_VERSION: Final = 1
LANDLOCK_PATH_BENEATH: Final = 1

READ_FILE: Final = 1 << 2
READ_DIRECTORY: Final = 1 << 3
WRITE_FILE: Final = 1 << 1
REMOVE_FILE: Final = 1 << 5
MAKE_FILE: Final = 1 << 8
TRUNCATE: Final = 1 << 14
READ: Final = READ_FILE | READ_DIRECTORY
WRITE: Final = READ | WRITE_FILE | REMOVE_FILE | MAKE_FILE | TRUNCATE
# How many rights, counted from bit 0, each version of Landlock knows of files, of the network, of other processes.
FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16, 9: 17}
NETWORK_RIGHTS: Final = {4: 2, 10: 4}
SCOPES: Final = {6: 2}

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15
PR_GET_NAME: Final = 16
PR_SET_NO_NEW_PRIVS: Final = 38
CAPABILITY_VERSION: Final = 0x20080522

SECCOMP_SET_MODE_FILTER: Final = 1
SECCOMP_GET_ACTION_AVAIL: Final = 2
KILL_PROCESS: Final = 0x80000000
FAIL: Final = 0x00050000
ALLOW: Final = 0x7FFF0000

# Instructions of the filter, and where it finds the call's number, its architecture and its arguments.
LOAD, AND, RETURN, JUMP_EQUAL, JUMP_AT_LEAST = 0x20, 0x54, 0x06, 0x15, 0x35
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
EVERY_BIT: Final = 0xFFFFFFFF
X32_BIT: Final = 0x40000000
# From here on numbers are shared by all architectures and came with Linux 5.1 or later: C libraries can do without them.
MODERN: Final = 424

CLONE_THREAD: Final = 0x00010000
CLONE_NEW_NAMESPACES: Final = 0x7E020000
PROT_EXEC: Final = 4
MAP_SHARED: Final = 1
MAP_ANONYMOUS: Final = 0x20
MAP_GROWSDOWN: Final = 0x100


class Architecture(NamedTuple):
    """A processor: what the kernel calls it in a filter, its number for seccomp(2), its column in the tables of calls."""

    audit: int
    seccomp: int
    column: int


ARCHITECTURES: Final = {
    "x86_64": Architecture(audit=0xC000003E, seccomp=317, column=0),
    "aarch64": Architecture(audit=0xC00000B7, seccomp=277, column=1),
}

# The numbers of allowed calls on x86-64 and aarch64, which never had some older ones.
ALLOWED: Final[dict[str, tuple[int, int | None]]] = {
    # Memory, except for what makes it executable: see CHECKED.
    "brk": (12, 214), "madvise": (28, 233), "mremap": (25, 216), "munmap": (11, 215),
    # Threads and their waiting. Signals go to this process alone: see CHECKED.
    "exit": (60, 93), "exit_group": (231, 94), "futex": (202, 98), "getcpu": (309, 168), "gettid": (186, 178),
    "membarrier": (324, 283), "restart_syscall": (219, 128), "rseq": (334, 293), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigtimedwait": (128, 137), "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124), "set_robust_list": (273, 99), "set_tid_address": (218, 96), "sigaltstack": (131, 132),
    # Time, and what a process may know of itself and the machine.
    "clock_getres": (229, 114), "clock_gettime": (228, 113), "clock_nanosleep": (230, 115), "getegid": (108, 177),
    "geteuid": (107, 175), "getgid": (104, 176), "getpid": (39, 172), "getppid": (110, 173), "getrandom": (318, 278),
    "getrlimit": (97, 163), "getrusage": (98, 165), "gettimeofday": (96, 169), "getuid": (102, 174), "nanosleep": (35, 101),
    "sysinfo": (99, 179), "time": (201, None), "times": (100, 153), "uname": (63, 160),
    # Open descriptors, pipes of its own, and waiting for them.
    "close": (3, 57), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24), "epoll_create1": (291, 20), "epoll_ctl": (233, 21),
    "epoll_pwait": (281, 22), "epoll_wait": (232, None), "eventfd2": (290, 19), "fadvise64": (221, 223), "fallocate": (285, 47),
    "fdatasync": (75, 83), "fstat": (5, 80), "fstatfs": (138, 44), "fsync": (74, 82), "ftruncate": (77, 46),
    "getdents64": (217, 61), "lseek": (8, 62), "pipe": (22, None), "pipe2": (293, 59), "poll": (7, None), "ppoll": (271, 73),
    "pread64": (17, 67), "preadv": (295, 69), "pselect6": (270, 72), "pwrite64": (18, 68), "pwritev": (296, 70),
    "read": (0, 63), "readv": (19, 65), "select": (23, None), "write": (1, 64), "writev": (20, 66),
    # Paths: Landlock decides, but for those that only look, which it lets pass. Opening is in CHECKED.
    "access": (21, None), "faccessat": (269, 48), "getcwd": (79, 17), "lstat": (6, None), "newfstatat": (262, 79), "readlink": (89, None),
    "readlinkat": (267, 78), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "stat": (4, None), "statfs": (137, 43),
    "statx": (332, 291), "unlink": (87, None), "unlinkat": (263, 35),
}  # fmt: skip


class Check(NamedTuple):
    """A condition on an argument: *bits* of its 32-bit word (2n: lower half of argument n; 2n + 1: upper) are one of *values*."""

    word: int
    bits: int
    values: tuple[int, ...]


OPENING: Final = os.O_ACCMODE | os.O_TRUNC
# Not allowed are truncating what is opened to be read, which the first versions of Landlock do not see, and access mode 3.
OPENED: Final = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_TRUNC)
CHECKED: Final[dict[str, tuple[tuple[int, int | None], tuple[Check, ...]]]] = {
    # A thread, neither a process nor a namespace.
    "clone": ((56, 220), (Check(0, CLONE_THREAD | CLONE_NEW_NAMESPACES, (CLONE_THREAD,)),)),
    # Duplicates, flags and locks (F_DUPFD to F_SETLKW, F_DUPFD_CLOEXEC); no signal's owner, lease or notification.
    "fcntl": ((72, 25), (Check(2, EVERY_BIT, (0, 1, 2, 3, 4, 5, 6, 7, 1030)),)),
    # Is it a terminal and how wide, how much is to be read, non-blocking, close-on-exec: nothing that alters a device or file.
    "ioctl": ((16, 29), (Check(2, EVERY_BIT, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)),)),
    # Shared memory without a file, and stacks that grow by themselves, would escape the limit on memory.
    "mmap": (
        (9, 222),
        (
            Check(4, PROT_EXEC, (0,)),
            Check(6, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, (0, MAP_SHARED, MAP_ANONYMOUS)),
        ),
    ),
    "mprotect": ((10, 226), (Check(4, PROT_EXEC, (0,)),)),
    "open": ((2, None), (Check(2, OPENING, OPENED),)),
    "openat": ((257, 56), (Check(4, OPENING, OPENED),)),
    "prctl": ((157, 167), (Check(0, EVERY_BIT, (PR_SET_NAME, PR_GET_NAME)),)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the process may use up in its life, all of it positive; less where the process is bound more tightly already.

    `memory_bytes` counts private writable memory (RLIMIT_DATA), with what libraries hold by then: of DuckDB and pyarrow some
    95 MB; they abort below 200. Reserved addresses, of which allocators take plenty, do not count. `cpu_seconds` of all threads together end it with SIGXCPU, one
    second more with SIGKILL; starting up counts. `file_bytes` bounds each file it writes, not their sum: EFBIG.

    There is no bound on threads: RLIMIT_NPROC would count whatever else the same user runs, and not bind root.
    """

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    open_files: int = 256

    def __post_init__(self) -> None:
        if min(astuple(self)) <= 0:
            raise InvalidInput(f"the bounds of a locked process are positive: {self}")


def missing() -> str:
    """Why this process cannot be locked down, for people; "" when it can."""
    if sys.platform != "linux":
        return "only Linux can lock a process down"
    machine = os.uname().machine
    if machine not in ARCHITECTURES or sys.maxsize < 1 << 32 or sys.byteorder != "little":
        return f"no list of system calls is kept for this Python on {machine}, only for 64 bits of x86_64 and aarch64"
    try:
        _call("syscall", LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION)
    except OSError as error:
        return f"Landlock does not answer ({error.strerror}): Linux 5.13 or later has it, when lsm= at boot names it"
    try:
        _call("syscall", ARCHITECTURES[machine].seccomp, SECCOMP_GET_ACTION_AVAIL, 0, struct.pack("=I", KILL_PROCESS))
    except OSError as error:
        return (
            f"seccomp filters are not to be had ({error.strerror}): Linux 4.14 or later has them, when built with them"
        )
    return ""


def close_inherited(kept: Iterable[int] = ()) -> None:
    """Close every descriptor but 0, 1, 2 and *kept*: a locked process may still use what is open.

    Call it before anything opens descriptors that it goes on using.
    """
    stays = {0, 1, 2, *kept}
    for each in list(Path("/proc/self/fd").iterdir()):
        if int(each.name) not in stays:
            # The one that listed them is among them, and closed by now.
            with contextlib.suppress(OSError):
                os.close(int(each.name))


def lock_down(
    folder: Path,
    bounds: Bounds,
    *,
    read: Iterable[Path] = (),
    end_with_parent: bool = False,
) -> None:
    """Bind this process and every thread it will start: it writes to *folder*, and also reads *read*, and nothing else.

    (But for the files of its cgroup that DuckDB wants.) All paths must exist; what comes into them later is included. None of
    *read* may lie in *folder*, where it could be written (InvalidInput). Import everything first: from *read*, Python modules
    can be loaded, native libraries cannot. Also lost are capabilities, core dumps, and others' right to look into its memory.
    With *end_with_parent* it is killed when the thread that started it ends.

    Raises Unavailable when the kernel cannot, when other threads run, when it is locked already, and when a step fails: the
    process may then be locked in part, must run nothing of strangers', and is best ended.
    """
    readable = list(read)
    for path in readable:
        if path.resolve().is_relative_to(folder.resolve()):
            raise InvalidInput(
                f"{path} is to be read only, but lies in {folder}, which may be written: put it elsewhere"
            )
    if reason := missing():
        raise Unavailable(f"this process cannot be locked down: {reason}")
    with _step("threads"):
        threads = [(task / "comm").read_text(encoding="utf-8").strip() for task in Path("/proc/self/task").iterdir()]
    if len(threads) > 1:
        raise Unavailable(
            f"this process cannot be locked down: its threads ({', '.join(threads)}) would stay free, all but one; lock it "
            "before anything starts them (SINGLE_THREADED has the environment that keeps numpy and pyarrow from it)"
        )
    with _step("privileges"):
        _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
        if end_with_parent:
            _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with _step("limits"):
        _limit(bounds)
    with _step("files"):
        _restrict_files([(folder, WRITE), *((path, READ) for path in (*readable, *_files_of_cgroup()))])
    # Not sooner: with its capabilities, root opens paths of other users.
    with _step("capabilities"):
        _call("capset", struct.pack("=Ii", CAPABILITY_VERSION, 0), bytes(24))
    with _step("system calls"):
        _filter_calls()
    _verify()


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, OverflowError) as error:
        raise Unavailable(
            f"this process could not be locked down, it stopped at its {what}: {error}; end it"
        ) from error


def _call(name: str, *arguments: int | bytes | None) -> int:
    """What a function of the C library returns. Raises OSError when that is negative."""
    function = getattr(LIBC, name)
    result = int(function(*(ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _limit(bounds: Bounds) -> None:
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (bounds.cpu_seconds, bounds.cpu_seconds + 1),
        resource.RLIMIT_DATA: (bounds.memory_bytes, bounds.memory_bytes),
        resource.RLIMIT_FSIZE: (bounds.file_bytes, bounds.file_bytes),
        resource.RLIMIT_NOFILE: (bounds.open_files, bounds.open_files),
    }
    for limit, pair in wanted.items():
        most = resource.getrlimit(limit)[1]
        soft, hard = pair if most == resource.RLIM_INFINITY else (min(pair[0], most), min(pair[1], most))
        resource.setrlimit(limit, (soft, hard))


def _files_of_cgroup() -> list[Path]:
    """The files that DuckDB reads when it starts, to know its memory and processors; it aborts when it may not.

    They are those of src/common/cgroups.cpp there. They tell the name of this process's cgroup and its limits.
    """
    own = Path("/proc/self/cgroup")
    if not own.exists():
        return []
    found = [own]
    for line in own.read_text(encoding="utf-8").splitlines():
        group = line.partition(":")[2].partition(":")[2].strip("/")
        found += [
            Path("/sys/fs/cgroup", controller, group, file)
            for controller, file in (
                ("", "cpu.max"),
                ("", "memory.max"),
                ("cpu", "cpu.cfs_quota_us"),
                ("cpu", "cpu.cfs_period_us"),
                ("memory", "memory.limit_in_bytes"),
            )
        ]
    return [path for path in dict.fromkeys(found) if path.exists()]


def _restrict_files(granted: Iterable[tuple[Path, int]]) -> None:
    """Give up every right that this kernel's Landlock knows, but for those in *granted*."""
    version = _call("syscall", LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION)
    handled, network, scopes = (
        (1 << max((bits for since, bits in table.items() if since <= version), default=0)) - 1
        for table in (FILE_RIGHTS, NETWORK_RIGHTS, SCOPES)
    )
    attributes = struct.pack("=QQQ", handled, network, scopes)
    ruleset = _call("syscall", LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path, rights in granted:
            _grant(ruleset, path, rights & handled)
        _call("syscall", LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _grant(ruleset: int, path: Path, rights: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        is_folder = stat.S_ISDIR(os.fstat(opened).st_mode)
        rule = struct.pack("=Qi", rights if is_folder else rights & ~READ_DIRECTORY, opened)
        _call("syscall", LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)


def _filter_calls() -> None:
    architecture = ARCHITECTURES[os.uname().machine]
    program = _program(architecture, os.getpid())
    kept = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(kept))
    _call("syscall", architecture.seccomp, SECCOMP_SET_MODE_FILTER, 0, header)


def _program(architecture: Architecture, process: int) -> bytes:
    """The filter in classic BPF: 8 bytes an instruction. *process* is the only one that may be sent signals."""
    only_itself = Check(0, EVERY_BIT, (process,))
    checked = CHECKED | {
        "kill": ((62, 129), (only_itself,)),
        "tgkill": ((234, 131), (only_itself,)),
        # Limits may be looked at: no address is given of new ones.
        "prlimit64": (
            (302, 261),
            (Check(0, EVERY_BIT, (0, process)), Check(4, EVERY_BIT, (0,)), Check(5, EVERY_BIT, (0,))),
        ),
    }
    parts = [
        _instruction(LOAD, ARCHITECTURE_AT),
        _instruction(JUMP_EQUAL, architecture.audit, 1, 0),
        _instruction(RETURN, KILL_PROCESS),
        _instruction(LOAD, NUMBER_AT),
        _instruction(JUMP_AT_LEAST, X32_BIT, 0, 1),
        _instruction(RETURN, FAIL | errno.EPERM),
    ]
    rules = [(numbers, ()) for numbers in ALLOWED.values()] + list(checked.values())
    for numbers, checks in rules:
        number = numbers[architecture.column]
        if number is not None:
            body = b"".join(map(_condition, checks)) + _instruction(RETURN, ALLOW)
            parts += [_instruction(JUMP_EQUAL, number, 0, len(body) // 8), body]
    parts += [
        _instruction(JUMP_AT_LEAST, MODERN, 0, 1),
        _instruction(RETURN, FAIL | errno.ENOSYS),
        _instruction(RETURN, FAIL | errno.EPERM),
    ]
    return b"".join(parts)


def _condition(check: Check) -> bytes:
    """Instructions that end in EPERM unless *check* holds."""
    parts = [_instruction(LOAD, ARGUMENTS_AT + 4 * check.word), _instruction(AND, check.bits)]
    parts += [_instruction(JUMP_EQUAL, value, len(check.values) - at, 0) for at, value in enumerate(check.values)]
    return b"".join([*parts, _instruction(RETURN, FAIL | errno.EPERM)])


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _verify() -> None:
    """Try what must be refused now: emulated kernels may accept a lock that they do not keep."""
    attempts: dict[str, Callable[[], object]] = {
        "files": lambda: os.close(os.open("/", os.O_RDONLY | os.O_DIRECTORY)),
        "system calls": lambda: _call("socket", 1, 1, 0),
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except PermissionError:
            continue
        raise Unavailable(f"this process could not be locked down: its {what} are as free as before; end it")
