"""Processes that locked themselves down: what still works in them, and everything that must not.

Run as a script, this file is such a process: it locks itself, does the work and tries the attacks below, and prints what became
of each. Unlocked, the same attacks get through: what is refused is refused by the lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import importlib
import json
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meshwright.engines import sandbox
from meshwright.engines.sandbox import ALLOWED, ARCHITECTURES, SINGLE_THREADED, Bounds, lock_down, missing
from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDS = Bounds(memory_bytes=2 << 30, cpu_seconds=60, file_bytes=256 << 20)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux locks processes down")
LIBC = ctypes.CDLL(None, use_errno=True)
COLUMN = 0 if os.uname().machine == "x86_64" else 1
ROWS = 500_000


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a process is and what it is tempted with. `tcp` is an open socket that it inherited."""

    out: Path
    files: Path
    outside: Path
    parent: int
    port: int
    tcp: int


def call(x86: int, arm: int, *arguments: int | bytes) -> int:
    """A system call by its number."""
    result = int(LIBC.syscall(ctypes.c_long((x86, arm)[COLUMN]), *map(as_argument, arguments)))
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def as_argument(value: int | bytes) -> Any:
    return ctypes.c_long(value) if isinstance(value, int) else value


def query(sql: str, place: Place) -> Any:
    with duckdb.connect(config={"threads": 4, "temp_directory": str(place.out)}) as connection:
        return connection.execute(sql.format(**vars(place))).fetchall()


# --- work that must go on -------------------------------------------------------------------------------------------


def spilled(place: Place) -> bool:
    config: dict[str, Any] = {"threads": 2, "memory_limit": "60MB", "temp_directory": str(place.out)}
    with duckdb.connect(config=config) as connection:
        connection.execute("CREATE TEMP TABLE big AS SELECT i, md5(i::VARCHAR) AS h FROM range(1_500_000) t(i)")
        return any(place.out.glob("duckdb_temp_*"))


def arrow_result(place: Place) -> int:
    made = place.out / "made.arrow"
    table = pq.ParquetFile(place.files / "governed.parquet").read(use_threads=True)
    with pa.OSFile(str(made), "wb") as file, pa.ipc.new_file(file, table.schema) as sink:
        sink.write_table(table)
    made.rename(place.out / "result.arrow")
    with pa.memory_map(str(place.out / "result.arrow")) as file:
        return int(pa.ipc.open_file(file).read_all().num_rows)


def in_thread(place: Place) -> str:
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(outcome(lambda at: (at.out / "t").write_text("t"), place)))
    thread.start()
    thread.join()
    return told[0]


def imported(place: Place) -> int:
    sys.path.insert(0, str(place.files))
    return int(importlib.import_module("late_module").VALUE)


WORK: dict[str, tuple[Callable[[Place], Any], Any]] = {
    "a query on several threads": (
        lambda place: query("SELECT count(*) FROM range(10_000_000)", place),
        [[10_000_000]],
    ),
    "a file linked after locking": (
        lambda place: query("SELECT count(*), sum(i) FROM read_parquet('{files}/governed.parquet')", place),
        [[ROWS, ROWS * (ROWS - 1) // 2]],
    ),
    "spilling to the private folder": (spilled, True),
    "Arrow reads, writes and maps files": (arrow_result, ROWS),
    "a thread started after locking": (in_thread, "done"),
    "a Python module of a folder to read": (imported, 7),
    "time zones": (
        lambda place: query("SELECT (TIMESTAMPTZ '2026-01-01 00:00:00Z')::VARCHAR IS NOT NULL", place),
        [[True]],
    ),
    "looking at limits": (lambda _: resource.getrlimit(resource.RLIMIT_CORE), [0, 0]),
    "a signal to itself": (lambda _: os.kill(os.getpid(), 0), None),
}


# --- attacks --------------------------------------------------------------------------------------------------------


def in_new_thread(act: Callable[[Place], Any], place: Place) -> None:
    raised: list[OSError] = []

    def work() -> None:
        try:
            act(place)
        except OSError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def fork_and_run(_: Place) -> None:
    if (child := os.fork()) == 0:
        os.execv("/bin/true", ["true"])
    os.waitpid(child, 0)


def executable_later(_: Place) -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if LIBC.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "")


def many_files(_: Place) -> None:
    with contextlib.ExitStack() as opened:
        for _each in range(BOUNDS.open_files):
            opened.callback(os.close, os.dup(0))


class Attack(NamedTuple):
    """What is tried, and the errors that the lock answers it with. Unless `only_locked`, it gets further without a lock."""

    act: Callable[[Place], Any]
    refused: tuple[str, ...] = ("EPERM",)
    only_locked: bool = False


READ = ("EACCES",)
MOVED = ("EACCES", "EXDEV")

ATTACKS: dict[str, Attack] = {
    "read a file": Attack(lambda _: Path("/etc/passwd").read_bytes(), READ),
    "read a secret next to the folders": Attack(lambda at: (at.outside / "secret").read_bytes(), READ),
    "read through a link inside": Attack(lambda at: (at.files / "link").read_bytes(), READ),
    "read by way of ..": Attack(lambda at: (at.files / ".." / "outside" / "secret").read_bytes(), READ),
    "list the root": Attack(lambda _: next(Path("/").iterdir()), READ),
    "list the folders' parent": Attack(lambda at: next(at.outside.parent.iterdir()), READ),
    "write outside": Attack(lambda at: (at.outside / "new").write_bytes(b"x"), READ),
    "overwrite what is governed": Attack(lambda at: (at.files / "victim").write_bytes(b"x"), READ),
    "add to what is governed": Attack(lambda at: (at.files / "victim").open("ab").close(), READ),
    "truncate what is governed": Attack(lambda at: os.truncate(at.files / "victim", 0)),
    "truncate by opening": Attack(lambda at: os.close(os.open(at.files / "victim", os.O_RDONLY | os.O_TRUNC))),
    "open for neither reading nor writing": Attack(lambda at: os.close(os.open(at.files / "victim", os.O_ACCMODE))),
    "chmod what is governed": Attack(lambda at: (at.files / "victim").chmod(0o600)),
    "chown what is governed": Attack(lambda at: os.chown(at.files / "victim", -1, -1)),
    "touch what is governed": Attack(lambda at: os.utime(at.files / "victim")),
    "mark what is governed": Attack(lambda at: os.setxattr(at.files / "victim", "user.mark", b"x"), only_locked=True),
    "lock what is governed": Attack(lambda at: fcntl.flock(os.open(at.files / "victim", os.O_RDONLY), fcntl.LOCK_SH)),
    "new file among the governed": Attack(lambda at: (at.files / "new").write_bytes(b"x"), READ),
    "move what is governed": Attack(lambda at: (at.files / "moved").rename(at.out / "moved"), MOVED),
    "remove what is governed": Attack(lambda at: (at.files / "removed").unlink(), READ),
    "link out": Attack(lambda at: os.link(at.files / "victim", at.outside / "linked")),
    "link into the private folder": Attack(lambda at: os.link(at.files / "victim", at.out / "linked")),
    "move out": Attack(lambda at: (at.out / "mine").rename(at.outside / "mine"), MOVED),
    "make a symbolic link": Attack(lambda at: (at.out / "link").symlink_to("/etc/passwd")),
    "make a pipe with a name": Attack(lambda at: os.mkfifo(at.out / "fifo")),
    "make a folder": Attack(lambda at: (at.out / "folder").mkdir()),
    "a file over its limit": Attack(
        lambda at: (at.out / "large").open("wb").truncate(BOUNDS.file_bytes + 1), ("EFBIG",)
    ),
    "more files than its limit": Attack(many_files, ("EMFILE",)),
    "raise a limit": Attack(
        lambda _: resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))
    ),
    "the memory of the parent": Attack(lambda at: Path(f"/proc/{at.parent}/mem").open("rb").close(), READ),
    "the environment of the parent": Attack(lambda at: Path(f"/proc/{at.parent}/environ").read_bytes(), READ),
    "the program of the parent": Attack(lambda at: Path(f"/proc/{at.parent}/exe").readlink(), ("EACCES", "EPERM")),
    "its own memory as a file": Attack(lambda _: Path("/proc/self/mem").open("r+b").close(), READ),
    "its own environment": Attack(lambda _: Path("/proc/self/environ").read_bytes(), READ),
    "the processors of the machine": Attack(lambda _: Path("/proc/cpuinfo").read_bytes(), READ),
    "a device": Attack(lambda _: Path("/dev/zero").open("rb").close(), READ),
    "DuckDB: read_text": Attack(lambda at: query("FROM read_text('/etc/passwd')", at), READ),
    "DuckDB: read_csv": Attack(lambda at: query("FROM read_csv('/etc/passwd', sep = ':')", at), READ),
    "DuckDB: read_text of a link inside": Attack(lambda at: query("FROM read_text('{files}/link')", at), READ),
    "DuckDB: glob": Attack(
        lambda at: query("SELECT 1 // count(*) FROM glob('/etc/*') HAVING count(*) > 0", at), ("nothing",)
    ),
    "DuckDB: COPY outside": Attack(lambda at: query("COPY (SELECT 1) TO '{outside}/copy.csv'", at), READ),
    "DuckDB: COPY over what is governed": Attack(
        lambda at: query("COPY (SELECT 1) TO '{files}/victim' (FORMAT csv, USE_TMP_FILE false)", at), READ
    ),
    "DuckDB: ATTACH outside": Attack(lambda at: query("ATTACH '{outside}/other.db'", at), READ),
    "a TCP socket": Attack(lambda at: socket.socket().connect(("127.0.0.1", at.port))),
    "a UDP socket": Attack(lambda _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()),
    "a UNIX socket": Attack(lambda _: socket.socket(socket.AF_UNIX).close()),
    "a pair of sockets": Attack(lambda _: socket.socketpair()),
    "connect an inherited socket": Attack(
        lambda at: socket.socket(fileno=os.dup(at.tcp)).connect(("127.0.0.1", at.port))
    ),
    "bind an inherited socket": Attack(
        lambda at: socket.socket(fileno=os.dup(at.tcp)).bind(("127.0.0.1", 0)), only_locked=True
    ),
    "start a program": Attack(lambda _: subprocess.run(["/bin/true"], check=True)),
    "start a program of posix_spawn": Attack(lambda _: os.posix_spawn("/bin/true", ["true"], {})),
    "fork": Attack(fork_and_run),
    "become a program": Attack(lambda _: os.execv("/bin/true", ["true"]), only_locked=True),
    "signal the parent": Attack(lambda at: os.kill(at.parent, 0)),
    "signal its group": Attack(lambda _: os.kill(0, 0)),
    "signal everybody": Attack(lambda _: os.kill(-1, 0)),
    "signal the parent's thread": Attack(lambda at: call(234, 131, at.parent, at.parent, 0)),
    "signal by owning a descriptor": Attack(lambda at: fcntl.fcntl(0, fcntl.F_SETOWN, at.parent)),
    "type into a terminal": Attack(lambda _: fcntl.ioctl(0, 0x5412, b"x"), only_locked=True),
    "limit the parent": Attack(lambda at: resource.prlimit(at.parent, resource.RLIMIT_NOFILE)),
    "slow the parent down": Attack(
        lambda at: os.setpriority(os.PRIO_PROCESS, at.parent, os.getpriority(os.PRIO_PROCESS, 0))
    ),
    "move the parent to other processors": Attack(lambda at: os.sched_setaffinity(at.parent, os.sched_getaffinity(0))),
    "trace the parent": Attack(lambda at: call(101, 117, 0x4206, at.parent, 0, 0), only_locked=True),
    "memory that is executable": Attack(
        lambda _: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_EXEC)
    ),
    "memory made executable": Attack(executable_later),
    "memory that is shared": Attack(lambda _: mmap.mmap(-1, 4096)),
    "a native library of a folder to read": Attack(
        lambda at: ctypes.CDLL(str(at.files / "library.so")), ("not mapped",)
    ),
    "be traceable again": Attack(lambda _: call(157, 167, 4, 1)),
    "outlive the parent": Attack(lambda _: call(157, 167, 1, 0)),
    "a namespace by clone": Attack(lambda _: call(56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0), only_locked=True),
    "a thread reads a file": Attack(lambda at: in_new_thread(lambda _: Path("/etc/passwd").read_bytes(), at), READ),
    "a thread opens a socket": Attack(lambda at: in_new_thread(lambda _: socket.socket().close(), at)),
}
if COLUMN == 0:
    ATTACKS["getpid by its number for x32"] = Attack(lambda _: call(0x40000000 | 39, 0), only_locked=True)

# Numbers on x86-64 and aarch64. Nothing that is passed would do harm, were the call let through.
CALLS: dict[str, tuple[int, int]] = {
    "accept4": (288, 242), "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "capset": (126, 91), "chroot": (161, 51),
    "clock_settime": (227, 112), "delete_module": (176, 106), "execveat": (322, 281), "fanotify_init": (300, 262),
    "finit_module": (313, 273), "init_module": (175, 105), "inotify_init1": (294, 26), "io_setup": (206, 0), "kcmp": (312, 272),
    "kexec_load": (246, 104), "keyctl": (250, 219), "listen": (50, 201), "memfd_create": (319, 279), "migrate_pages": (256, 238),
    "mlockall": (151, 230), "mount": (165, 40), "move_pages": (279, 239), "mq_open": (240, 180), "msgget": (68, 186),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "perf_event_open": (298, 241), "personality": (135, 92),
    "pivot_root": (155, 41), "pkey_mprotect": (329, 288), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "quotactl": (179, 60), "reboot": (169, 142), "recvmsg": (47, 212), "remap_file_pages": (216, 234), "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "seccomp": (317, 277), "semget": (64, 190), "sendmsg": (46, 211),
    "sendto": (44, 206), "setns": (308, 268), "setresuid": (117, 147), "setuid": (105, 146), "shmget": (29, 194), "swapon": (167, 224),
    "syslog": (103, 116), "tkill": (200, 130), "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282),
}  # fmt: skip
MODERN_CALLS = {
    "clone3": 435, "fsopen": 430, "io_uring_enter": 426, "io_uring_register": 427, "io_uring_setup": 425,
    "landlock_create_ruleset": 444, "memfd_secret": 447, "mount_setattr": 442, "move_mount": 429, "open_tree": 428, "openat2": 437,
    "pidfd_getfd": 438, "pidfd_open": 434, "pidfd_send_signal": 424, "process_madvise": 440, "process_mrelease": 448,
    "a call of a kernel to come": 999,
}  # fmt: skip


def called(x86: int, arm: int, refused: str) -> Attack:
    return Attack(lambda _: call(x86, arm, *[-1] * 6), (refused,), only_locked=True)


ATTACKS |= {f"call {name}": called(*numbers, "EPERM") for name, numbers in CALLS.items()}
ATTACKS |= {f"call {name}": called(number, number, "ENOSYS") for name, number in MODERN_CALLS.items()}


def attempt(work: Callable[[Place], Any], place: Place) -> Any:
    """What *work* finds, or the error that it met."""
    try:
        return work(place)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        return repr(error)


def outcome(act: Callable[[Place], Any], place: Place) -> str:
    """ "done", or the name of the error that *act* met."""
    try:
        found = act(place)
    except (OSError, duckdb.Error, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            return errno.errorcode[error.errno]
        known = {
            "Permission denied": "EACCES",
            "Operation not permitted": "EPERM",
            "not allowed to raise maximum limit": "EPERM",
            "failed to map segment": "not mapped",
        }
        return next((name for text, name in known.items() if text in str(error)), str(error))
    return "nothing" if found == [] else "done"


def main() -> None:
    """Lock this process when it is told to, then do the work and try the attacks."""
    told = json.loads(sys.argv[1])
    locked = told.pop("locked")
    out, files, outside = (Path(told.pop(name)) for name in ("out", "files", "outside"))
    place = Place(out=out, files=files, outside=outside, **told)
    if locked:
        lock_down(place.out, BOUNDS, read=[place.files])
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    found = {
        "work": {name: attempt(work, place) for name, (work, _) in WORK.items()} if locked else {},
        "attacks": {
            name: outcome(attack.act, place) for name, attack in ATTACKS.items() if locked or not attack.only_locked
        },
    }
    print(json.dumps(found))  # noqa: T201


# --- the tests ------------------------------------------------------------------------------------------------------


def try_everything(folder: Path, *, locked: bool) -> dict[str, Any]:
    """What became of the work and the attacks in a process of its own."""
    for name in ("out", "files", "outside"):
        (folder / name).mkdir()
    (folder / "outside" / "secret").write_text("secret")
    (folder / "out" / "mine").write_text("mine")
    for name in ("victim", "moved", "removed"):
        (folder / "files" / name).write_text("governed")
    (folder / "files" / "library.so").write_bytes(
        Path(importlib.import_module("_ctypes_test").__file__ or "").read_bytes()
    )
    pq.write_table(pa.table({"i": range(ROWS)}), folder / "governed.parquet", row_group_size=50_000)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as tcp:
        told = {name: str(folder / name) for name in ("out", "files", "outside")} | {
            "parent": os.getpid(), "port": server.getsockname()[1], "tcp": tcp.fileno(), "locked": locked,
        }  # fmt: skip
        with subprocess.Popen(
            [sys.executable, __file__, json.dumps(told)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            pass_fds=[tcp.fileno()], env=os.environ | SINGLE_THREADED, start_new_session=True, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            (folder / "files" / "governed.parquet").hardlink_to(folder / "governed.parquet")
            (folder / "files" / "late_module.py").write_text("VALUE = 7")
            (folder / "files" / "link").symlink_to("/etc/passwd")
            output, _ = process.communicate("go\n", timeout=60)
        assert process.returncode == 0
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return try_everything(tmp_path_factory.mktemp("locked"), locked=True)


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return try_everything(tmp_path_factory.mktemp("unlocked"), locked=False)


@pytest.mark.slow
@pytest.mark.parametrize("work", WORK)
def test_a_locked_process_goes_on_with(locked: dict[str, Any], work: str) -> None:
    assert locked["work"][work] == WORK[work][1]


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_locked_process_is_refused(locked: dict[str, Any], attack: str) -> None:
    assert locked["attacks"][attack] in ATTACKS[attack].refused


@pytest.mark.slow
@pytest.mark.parametrize("attack", [name for name, attack in ATTACKS.items() if not attack.only_locked])
def test_it_is_the_lock_that_refuses(unlocked: dict[str, Any], attack: str) -> None:
    assert unlocked["attacks"][attack] not in ATTACKS[attack].refused


def run(code: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run *code* in a process that may call lock(**bounds), which locks it to *folder*, and prints what that raises."""
    start = f"""
import os, resource, sys
from pathlib import Path
from meshwright.engines import sandbox
from meshwright.model.errors import MeshwrightError
def lock(**bounds):
    bounds = {asdict(BOUNDS)!r} | bounds
    try:
        sandbox.lock_down(Path({str(folder)!r}), sandbox.Bounds(**bounds))
    except MeshwrightError as error:
        print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", start + code]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=os.environ | SINGLE_THREADED, **options
    )


def test_memory_has_a_limit(tmp_path: Path) -> None:
    code = """
lock(memory_bytes=200 << 20)
bytearray(100 << 20)
try:
    bytearray(300 << 20)
except MemoryError:
    print("no memory")
"""
    assert run(code, tmp_path).stdout == "no memory\n"


def test_a_value_that_is_too_large_is_an_error_of_its_query(tmp_path: Path) -> None:
    code = """
import duckdb
lock(memory_bytes=1 << 30)
connection = duckdb.connect(config={"threads": 2})
try:
    connection.execute("SELECT length(repeat('x', 2_000_000_000))").fetchall()
except (duckdb.Error, MemoryError):
    print(connection.execute("SELECT 'goes on'").fetchone()[0])
"""
    assert run(code, tmp_path).stdout == "goes on\n"


@pytest.mark.slow
def test_time_has_a_limit(tmp_path: Path) -> None:
    assert run("lock(cpu_seconds=1)\nwhile True: pass", tmp_path).returncode == -signal.SIGXCPU


@pytest.mark.slow
def test_a_process_that_ignores_the_limit_of_time_is_killed(tmp_path: Path) -> None:
    code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nlock(cpu_seconds=1)\nwhile True: pass"
    assert run(code, tmp_path).returncode == -signal.SIGKILL


def test_no_core_is_dumped_and_no_limit_is_raised(tmp_path: Path) -> None:
    code = """
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
lock(open_files=200, file_bytes=300)
for limit in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
    print(*resource.getrlimit(limit))
"""
    assert run(code, tmp_path).stdout.splitlines() == ["0 0", "100 100", "300 300"]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the instruction is that of x86")
def test_a_call_of_another_architecture_ends_the_process(tmp_path: Path) -> None:
    # mov eax, 20 (getpid of 32-bit x86); int 0x80; ret
    code = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
page.write(bytes.fromhex("b814000000 cd80 c3"))
getpid = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
assert getpid() == os.getpid()
print("before", flush=True)
lock()
getpid()
print("after", flush=True)
"""
    ended = run(code, tmp_path)
    assert (ended.stdout, ended.returncode) == ("before\n", -signal.SIGSYS)


def test_a_process_is_locked_once(tmp_path: Path) -> None:
    told = run("lock()\nlock()", tmp_path).stdout
    assert told.startswith("Unavailable this process cannot be locked down: Landlock does not answer")


def test_a_process_with_other_threads_is_not_locked(tmp_path: Path) -> None:
    code = """
import threading, time
Path("/proc/self/comm").write_text("python")
threading.Thread(target=time.sleep, args=[60], daemon=True).start()
lock()
print(len(os.listdir("/")) > 0, flush=True)
os._exit(0)
"""
    told, free = run(code, tmp_path).stdout.splitlines()
    assert told.startswith(
        "Unavailable this process cannot be locked down: its threads (python, python) would stay free"
    )
    assert free == "True"


@pytest.mark.parametrize(
    ("step", "broken"),
    [
        ("limits", "sandbox.resource.setrlimit = refuse"),
        ("files", "sandbox._grant = refuse"),
        ("capabilities", "sandbox.CAPABILITY_VERSION = 0"),
        ("system calls", "sandbox._program = lambda *_: bytes(8)"),
    ],
)
def test_a_step_that_fails_is_told(tmp_path: Path, step: str, broken: str) -> None:
    told = run(f"def refuse(*_): raise OSError(1, 'refused')\n{broken}\nlock()", tmp_path).stdout
    assert told.startswith(f"Unavailable this process could not be locked down, it stopped at its {step}: ")


@pytest.mark.parametrize(
    ("what", "broken"),
    [("files", "sandbox._restrict_files = lambda _: None"), ("system calls", "sandbox._filter_calls = lambda: None")],
)
def test_a_lock_that_does_not_hold_is_told(tmp_path: Path, what: str, broken: str) -> None:
    told = run(f"{broken}\nlock()", tmp_path).stdout
    assert told.startswith(f"Unavailable this process could not be locked down: its {what} are as free as before")


@pytest.mark.parametrize(
    ("number", "told"), [(444, "Landlock does not answer"), (None, "seccomp filters are not to be had")]
)
def test_a_kernel_without_locks_is_told_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None, told: str
) -> None:
    real = sandbox._call

    def without(name: str, *arguments: Any) -> int:
        if arguments[0] == (number or ARCHITECTURES[os.uname().machine].seccomp):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        return real(name, *arguments)

    monkeypatch.setattr(sandbox, "_call", without)
    assert missing().startswith(told)
    with pytest.raises(Unavailable, match=told):
        lock_down(tmp_path, BOUNDS)
    assert "NoNewPrivs:\t0" in Path("/proc/self/status").read_text()


@pytest.mark.parametrize(
    ("version", "files", "network", "scopes"),
    [
        (1, 13, 0, 0), (2, 14, 0, 0), (3, 15, 0, 0), (4, 15, 2, 0), (5, 16, 2, 0), (6, 16, 2, 2), (7, 16, 2, 2), (8, 16, 2, 2),
        (9, 17, 2, 2), (10, 17, 4, 2), (99, 17, 4, 2),
    ],
)  # fmt: skip
def test_every_right_is_given_up_that_the_kernel_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, files: int, network: int, scopes: int
) -> None:
    given_up: list[tuple[int, ...]] = []
    rules: list[int] = []

    def kernel(_: str, number: int, *arguments: Any) -> int:
        if number == sandbox.LANDLOCK_ADD_RULE:
            rules.append(struct.unpack("=Qi", arguments[2])[0])
        elif number == sandbox.LANDLOCK_CREATE_RULESET and arguments[0] is None:
            return version
        elif number == sandbox.LANDLOCK_CREATE_RULESET:
            given_up.append(struct.unpack("=QQQ", arguments[0]))
            return os.dup(0)
        return 0

    monkeypatch.setattr(sandbox, "_call", kernel)
    sandbox._restrict_files([(tmp_path, sandbox.WRITE), (Path(__file__), sandbox.READ)])
    assert given_up == [tuple((1 << bits) - 1 for bits in (files, network, scopes))]
    assert rules == [sandbox.WRITE & given_up[0][0], sandbox.READ_FILE]


@pytest.mark.parametrize(("name", "value"), [("platform", "darwin"), ("maxsize", 2**31 - 1), ("byteorder", "big")])
def test_other_systems_are_told(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    assert missing() == ""
    monkeypatch.setattr(sys, name, value)
    assert missing().startswith(("only Linux", "no list of system calls"))


def test_what_is_read_only_lies_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    with pytest.raises(InvalidInput, match="to be read only, but lies in"):
        lock_down(tmp_path, BOUNDS, read=[tmp_path / "files"])


@pytest.mark.parametrize("name", ["memory_bytes", "cpu_seconds", "file_bytes", "open_files"])
def test_bounds_are_positive(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}=-1"):
        Bounds(**(asdict(BOUNDS) | {name: -1}))


def test_inherited_descriptors_are_closed_but_for_those_kept(tmp_path: Path) -> None:
    kept, lost = os.pipe()
    code = f"""
sandbox.close_inherited([{kept}])
lock()
for each in (1, {kept}, {lost}):
    try: os.fstat(each); print("open")
    except OSError: print("closed")
"""
    assert run(code, tmp_path, pass_fds=[kept, lost]).stdout.split() == ["open", "open", "closed"]
    os.close(kept)
    os.close(lost)


def test_a_locked_process_ends_with_its_parent(tmp_path: Path) -> None:
    child = f"""
import time
from pathlib import Path
from meshwright.engines.sandbox import Bounds, lock_down
lock_down(Path({str(tmp_path)!r}), Bounds(**{asdict(BOUNDS)!r}), end_with_parent=True)
print("locked", flush=True)
time.sleep(60)
"""
    code = f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
print(child.stdout.readline().decode().strip(), child.pid)
"""
    told, pid = run(code, tmp_path).stdout.split()
    assert told == "locked"
    deadline = time.monotonic() + 10
    while is_running(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(int(pid))


def is_running(pid: int) -> bool:
    """Whether the process lives: one that ended may wait for ever for a parent that asks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# --- the filter, computed here as the kernel does -------------------------------------------------------------------


def answer(machine: str, number: int, *arguments: int, audit: int | None = None) -> str:
    """What the filter of process 77 on *machine* says to a call."""
    architecture = ARCHITECTURES[machine]
    words = [word for each in (*arguments, *[0] * (6 - len(arguments))) for word in (each & 0xFFFFFFFF, each >> 32)]
    data = struct.pack("=IIQ12I", number, audit or architecture.audit, 0, *words)
    program = list(struct.iter_unpack("=HBBI", sandbox._program(architecture, 77)))
    value, at = 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == sandbox.LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == sandbox.AND:
            value &= operand
        elif code == sandbox.RETURN:
            said = {sandbox.ALLOW: "allow", sandbox.KILL_PROCESS: "kill"}
            return said.get(operand) or errno.errorcode[operand & 0xFFFF]
        else:
            holds = value == operand if code == sandbox.JUMP_EQUAL else value >= operand
            at += if_true if holds else if_false


NUMBERS = {
    "x86_64": {
        "clone": 56, "fcntl": 72, "ioctl": 16, "kill": 62, "mmap": 9, "mprotect": 10, "open": 2, "openat": 257, "prctl": 157,
        "prlimit64": 302, "tgkill": 234,
    },
    "aarch64": {
        "clone": 220, "fcntl": 25, "ioctl": 29, "kill": 129, "mmap": 222, "mprotect": 226, "openat": 56, "prctl": 167,
        "prlimit64": 261, "tgkill": 131,
    },
}  # fmt: skip
THREAD = 0x003D0F00


@pytest.mark.parametrize("machine", NUMBERS)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (THREAD,), "allow"),
        ("clone", (signal.SIGCHLD,), "EPERM"),
        ("clone", (THREAD | 0x40000000,), "EPERM"),
        ("mmap", (0, 4096, 3, 0x22), "allow"),
        ("mmap", (0, 4096, 1, 0x01), "allow"),
        ("mmap", (0, 4096, 1, 0x02), "allow"),
        ("mmap", (0, 4096, 5, 0x02), "EPERM"),
        ("mmap", (0, 4096, 3, 0x21), "EPERM"),
        ("mmap", (0, 4096, 3, 0x23), "EPERM"),
        ("mmap", (0, 4096, 3, 0x122), "EPERM"),
        ("mprotect", (0, 4096, 3), "allow"),
        ("mprotect", (0, 4096, 7), "EPERM"),
        ("kill", (77, 9), "allow"),
        ("kill", (78, 9), "EPERM"),
        ("kill", (0xFFFFFFFF, 9), "EPERM"),
        ("tgkill", (77, 80, 9), "allow"),
        ("tgkill", (78, 78, 9), "EPERM"),
        ("prlimit64", (0, 4, 0, 1 << 40), "allow"),
        ("prlimit64", (78, 4, 0, 1 << 40), "EPERM"),
        ("prlimit64", (0, 4, 1, 0), "EPERM"),
        ("prlimit64", (0, 4, 1 << 40, 0), "EPERM"),
        ("openat", (0, 0, os.O_RDONLY | os.O_CLOEXEC), "allow"),
        ("openat", (0, 0, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "allow"),
        ("openat", (0, 0, os.O_RDONLY | os.O_TRUNC), "EPERM"),
        ("openat", (0, 0, os.O_ACCMODE), "EPERM"),
        ("fcntl", (0, fcntl.F_SETLKW), "allow"),
        ("fcntl", (0, fcntl.F_SETOWN), "EPERM"),
        ("ioctl", (0, 0x5401), "allow"),
        ("ioctl", (0, 0x5412), "EPERM"),
        ("prctl", (15,), "allow"),
        ("prctl", (4, 1), "EPERM"),
    ],
)
def test_the_filter_looks_at_arguments(machine: str, name: str, arguments: tuple[int, ...], expected: str) -> None:
    assert answer(machine, NUMBERS[machine][name], *arguments) == expected


@pytest.mark.parametrize("machine", NUMBERS)
def test_the_filter_allows_its_list_and_nothing_else(machine: str) -> None:
    listed = {numbers[ARCHITECTURES[machine].column] for numbers in ALLOWED.values()} - {None}
    answers = {number: answer(machine, number) for number in set(range(600)) - set(NUMBERS[machine].values())}
    assert {number for number, said in answers.items() if said == "allow"} == listed
    assert {said for number, said in answers.items() if number not in listed and number < sandbox.MODERN} == {"EPERM"}
    assert {said for number, said in answers.items() if number >= sandbox.MODERN} == {"ENOSYS"}


@pytest.mark.parametrize("machine", NUMBERS)
def test_the_filter_knows_its_architecture(machine: str) -> None:
    assert answer(machine, 0x40000000) == "EPERM"
    assert answer(machine, 0xFFFFFFFF) == "EPERM"
    assert answer(machine, 39, audit=0x40000003) == "kill"


if __name__ == "__main__":
    main()
