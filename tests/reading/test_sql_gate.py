"""The SQL gate: other people's SQL gives what it gives in process, takes no more than its limits, and reaches nothing else."""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mesh_folder import MeshFolder
from meshwright.engines import sandbox
from meshwright.model.errors import Denied, InvalidInput, MeshwrightError, Refused, Unavailable
from meshwright.model.mesh import Governed
from meshwright.model.restriction import FilterColumn, Predicate, Restriction
from meshwright.node import Node
from meshwright.reading import guarding
from meshwright.reading.masks import Keys
from meshwright.reading.reader import Reader
from meshwright.reading.sql_gate import SqlGate, Worker
from meshwright.storage.file_cache import FileCache
from reading.fixed_guard import Fixed

EVERY_TYPE = """
select 1::tinyint as a, 2::hugeint as b, 3.25::decimal(18, 4) as c, 'é€😀' as d, null::varchar as e, date '2026-02-28' as f,
    timestamp '2026-11-20 10:00:00.123456' as g, timestamptz '2026-11-20 10:00:00+02' as h, time '10:00:00' as i,
    interval '1 month 2 days' as j, [1, null, 3] as k, {'x': 1, 'y': ['z']} as l, map {'a': 1} as m, '\\x00ab'::blob as n,
    uuid '00000000-0000-0000-0000-00000000000a' as o, 'nan'::double as p, 'v'::enum('u', 'v') as q
"""
LONG = "select count(*) as n from range(100000) a, range(1000000) b where hash(a.range, b.range) % 7 = 1"


def explain(error: Exception) -> MeshwrightError:
    return InvalidInput(str(error))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "governed.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3], "name": ["a", "b", None]}), path)
    return path


def ask(gate: SqlGate, sql: str, *files: Path) -> pa.Table:
    """The result of *sql* over *files*, which it calls t1, t2, …"""
    with gate.worker("ada") as worker:
        views = [
            (f"t{number}", f"SELECT * FROM read_parquet(['{worker.link(str(file))}'])")
            for number, file in enumerate(files, 1)
        ]
        found: pa.Table = gate.run(worker, views, sql, check=lambda: None, explain=explain)
    return found


def left(gate: SqlGate) -> list[str]:
    """What is left of processes in the gate's folder."""
    return [one.name for one in gate.folder.iterdir() if one.is_dir()]


def test_a_query_gives_what_it_gives_in_process(gate: SqlGate, table: Path) -> None:
    import duckdb

    sql = "select id * 2 as twice, upper(name) as name from t1 where id > 1 order by 1 desc"
    assert ask(gate, sql, table).to_pylist() == [{"twice": 6, "name": None}, {"twice": 4, "name": "B"}]
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("result", ask(gate, EVERY_TYPE))
    found, plain = connection.sql("select * from result"), connection.sql(EVERY_TYPE)
    assert repr(found.fetchall()) == repr(plain.fetchall())
    assert [str(one) for one in found.types[:-1]] == [str(one) for one in plain.types[:-1]]
    assert left(gate) == []


def test_a_result_without_rows_has_its_columns(gate: SqlGate, table: Path) -> None:
    found = ask(gate, "select * from t1 where false", table)
    assert (found.num_rows, found.column_names) == (0, ["id", "name"])


@pytest.mark.parametrize(
    "sql",
    [
        "select content from read_text('{secret}')",
        "select * from read_csv('{secret}')",
        "select * from read_parquet('{other}')",
        "select * from glob('{folder}/*')",
        "select * from '{other}'",
        "from query('select * from read_text(''{secret}'')')",
        "copy (select 1) to '{folder}/written.csv'",
        "copy (select 1 as id) to '{files}/1.parquet' (use_tmp_file false)",
        "attach '{folder}/new.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "reset lock_configuration",
        "select * from read_blob('/proc/self/environ')",
        "select * from read_text('/proc/{pid}/environ')",
        "select getenv('HOME')",
        "export database '{folder}/db'",
        "create secret s (type s3)",
    ],
)
def test_what_gets_past_the_fence_reaches_nothing(gate: SqlGate, table: Path, tmp_path: Path, sql: str) -> None:
    secret, other = tmp_path / "secret.csv", tmp_path / "other.parquet"
    secret.write_text("hidden,words\n")
    pq.write_table(pa.table({"hidden": ["words"]}), other)
    before = table.read_bytes()
    with gate.worker("ada") as worker:
        link = worker.link(str(table))
        text = sql.format(secret=secret, other=other, folder=tmp_path, files=worker.folder / "files", pid=os.getpid())
        with pytest.raises((InvalidInput, Refused)) as caught:
            gate.run(
                worker, [("t1", f"SELECT * FROM read_parquet(['{link}'])")], text, check=lambda: None, explain=explain
            )
        assert str(worker.folder) not in str(caught.value)
    assert "words" not in str(caught.value)
    assert table.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["gate", "governed.parquet", "other.parquet", "secret.csv"]


def test_the_environment_of_a_process_holds_no_secrets(gate: SqlGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_TOKEN", "mesh_secret")
    with gate.worker("ada") as worker:
        ready = gate.run(worker, [], "select 1 as x", check=lambda: None, explain=explain)
        assert ready.num_rows == 1
    monkeypatch.setattr(sandbox, "missing", lambda: "as a test wants it")
    free = SqlGate(folder=gate.folder, limits=Governed(unsafe=True))
    with free.worker("ada") as worker:
        deadline = time.monotonic() + 30
        while b"sql_worker" not in (environ := Path(f"/proc/{worker.process.pid}/cmdline").read_bytes()):
            assert time.monotonic() < deadline, environ
        assert b"mesh_secret" not in Path(f"/proc/{worker.process.pid}/environ").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "sql", "message"),
    [
        (Governed(seconds=2), LONG, "longer than 2 s"),
        (Governed(memory_mb=512), "select length(string_agg(repeat('x', 1000000), '')) from range(2000)", "512 MB"),
        (Governed(memory_mb=512), "select count(distinct repeat(range::varchar, 1000)) from range(3000000)", "512 MB"),
        (Governed(result_mb=1), "select * from range(1000000)", "larger than 1 MB"),
        # So much is written at once that the limit on the file is reached before we look.
        (Governed(result_mb=1), "select repeat('x', 20000000) as x", "larger than 1 MB"),
    ],
    ids=["time", "memory of a value", "memory of many", "result", "one value"],
)  # fmt: skip
def test_a_query_that_takes_too_much_is_stopped_and_nobody_else_is(
    gate: SqlGate, limits: Governed, sql: str, message: str
) -> None:
    strict = SqlGate(folder=gate.folder, limits=limits)
    with pytest.raises((Refused, InvalidInput), match=message):
        ask(strict, sql)
    assert ask(gate, "select 1 as x").num_rows == 1
    assert left(gate) == []


def test_so_many_queries_of_one_reader_run_at_once_and_others_are_free(gate: SqlGate) -> None:
    narrow = replace_limits(gate, at_once=2)
    with narrow.worker("ada"), narrow.worker("ada"):
        with pytest.raises(Refused, match="ada runs 2 queries already"):
            ask(narrow, "select 1")
        # Another process of this machine counts as well.
        with pytest.raises(Refused, match="already"):
            ask(SqlGate(folder=gate.folder, limits=narrow.limits), "select 1")
        with narrow.worker("bob"):
            pass
    assert ask(narrow, "select 1 as x").num_rows == 1


def replace_limits(gate: SqlGate, **limits: int) -> SqlGate:
    return SqlGate(folder=gate.folder, limits=replace(gate.limits, **limits))  # type: ignore[arg-type]


def test_a_process_that_dies_is_an_error_for_its_reader(gate: SqlGate) -> None:
    with gate.worker("ada") as worker:
        worker.process.kill()
        with pytest.raises(MeshwrightError, match="ended"):
            gate.run(worker, [], "select 1", check=lambda: None, explain=explain)
    assert ask(gate, "select 1 as x").num_rows == 1


def test_a_query_ends_soon_after_policies_change(gate: SqlGate) -> None:
    def check() -> None:
        raise Denied("changed")

    started = time.monotonic()
    with gate.worker("ada") as worker, pytest.raises(Denied):
        gate.run(
            worker,
            [],
            LONG,
            check=check,
            explain=explain,
        )
    assert time.monotonic() - started < 5
    assert worker.process.poll() is not None


def test_each_query_has_a_process_of_its_own(tmp_path: Path) -> None:
    gate = SqlGate(folder=tmp_path / "gate", limits=Governed(), spare=1)
    seen: list[Worker] = []
    for _ in range(3):
        with gate.worker("ada") as worker:
            seen.append(worker)
            gate.run(
                worker,
                [],
                "create temp macro x() as 1" if not seen else "select 1 as x",
                check=lambda: None,
                explain=explain,
            )
    assert len({one.process.pid for one in seen}) == 3
    assert len(left(gate)) == 1
    gate.close()
    assert left(gate) == []


def test_where_no_process_can_be_locked_down_nothing_runs_unless_that_is_allowed(
    gate: SqlGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "missing", lambda: "Landlock does not answer")
    with pytest.raises(Denied, match=r"Landlock does not answer.*governed: \{unsafe: true\}"):
        ask(gate, "select 1")
    unsafe = SqlGate(folder=gate.folder, limits=Governed(unsafe=True))
    assert ask(unsafe, "select 1 as x").num_rows == 1


@pytest.mark.parametrize("said", [b"", b"\xff\xfe\n", b"[]\n", b'{"rows": 1}\n', b"x" * 3_000_000])
def test_what_a_broken_process_says_is_an_error(gate: SqlGate, said: bytes) -> None:
    with gate.worker("ada") as worker:
        worker.process.kill()
        worker.process.wait()
        read, write = os.pipe()
        assert worker.process.stdout is not None
        worker.process.stdout.close()
        worker.process.stdout = os.fdopen(read, "rb")
        os.set_blocking(write, False)
        os.write(write, b'{"ready": true}\n' + said[:60_000])
        os.close(write)
        with pytest.raises(MeshwrightError):
            gate.run(worker, [], "select 1", check=lambda: None, explain=explain)


def test_a_result_that_is_no_arrow_file_is_an_error(gate: SqlGate) -> None:
    with gate.worker("ada") as worker:
        (worker.folder / "out/result.arrow").write_bytes(b"ARROW1\0\0" + b"\xff" * 100)
        with pytest.raises(MeshwrightError):
            gate.run(worker, [], "select 1; drop table x", check=lambda: None, explain=explain)


def test_what_a_killed_caller_leaves_is_removed(tmp_path: Path) -> None:
    left_over = tmp_path / "gate/query-abc"
    left_over.mkdir(parents=True)
    gate = SqlGate(folder=tmp_path / "gate", limits=Governed(), spare=1)
    assert left_over.exists()
    os.utime(left_over, (0, 0))
    with gate.worker("ada") as worker:
        os.utime(worker.folder, (0, 0))
        SqlGate(folder=tmp_path / "gate", limits=Governed())
        assert (left_over.exists(), worker.folder.exists()) == (False, True)
    gate.close()


def test_a_child_leaves_what_waits_to_its_parent(tmp_path: Path, table: Path) -> None:
    before = table.read_bytes()
    gate = SqlGate(folder=tmp_path / "gate", limits=Governed(), spare=1)
    gate._waiting.append(gate._start())
    child = os.fork()
    if child == 0:
        try:
            found = ask(gate, "select count(*) as n from t1", table).to_pylist()
            gate.close()
            os._exit(0 if found == [{"n": 3}] else 1)
        except BaseException:  # noqa: BLE001 - nothing of the child may reach the parent's pytest
            os._exit(2)
    assert ask(gate, "select count(*) as n from t1", table).to_pylist() == [{"n": 3}]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert table.read_bytes() == before
    gate.close()
    assert left(gate) == []


def test_a_file_is_never_written_over(gate: SqlGate, table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    other.write_bytes(b"somebody's")
    with gate.worker("ada") as worker:
        os.link(other, worker.folder / "files/1.parquet")
        with pytest.raises(Unavailable):
            worker.link(str(table))
    assert other.read_bytes() == b"somebody's"


def test_one_that_died_while_it_waited_is_not_taken(gate: SqlGate) -> None:
    gate._waiting.append(gate._start())
    gate._waiting[0].process.kill()
    gate._waiting[0].process.wait()
    assert ask(gate, "select 1 as x").num_rows == 1


def test_nothing_is_left_of_a_gate_that_nobody_closed(tmp_path: Path) -> None:
    gate = SqlGate(folder=tmp_path / "gate", limits=Governed(), spare=1)
    assert ask(gate, "select 1 as x").num_rows == 1
    del gate
    gc.collect()
    assert list((tmp_path / "gate").glob("query-*")) == []


def test_a_gate_may_be_named_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask(SqlGate(folder=Path("gate"), limits=Governed()), "select 1 as x").num_rows == 1


CALLER = """
import os, sys, time
from pathlib import Path
from meshwright.model.mesh import Governed
from meshwright.reading.sql_gate import SqlGate

gate = SqlGate(folder=Path(sys.argv[1]), limits=Governed(seconds=60))
with gate.worker("ada") as worker:
    gate.ready(worker, lambda: None)
    if sys.argv[2] == "with a child" and os.fork() == 0:
        # It holds the pipe open.
        time.sleep(30)
        os._exit(0)
    print(worker.process.pid, flush=True)
    if sys.argv[3] == "binds":
        sql = "select strftime(date '2020-01-01', repeat('x', 50000000)) as s from t"
        gate._write(worker, {"columns": [["t", [["id", "BIGINT"]]]], "sql": sql}, time.monotonic() + 60)
        time.sleep(60)
    gate.run(worker, [], sys.argv[4], check=lambda: None, explain=RuntimeError)
"""


def is_running(process: int) -> bool:
    """Whether a process is there that has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("does", ["binds", "runs"])
@pytest.mark.parametrize("how", ["alone", "with a child"])
def test_a_query_ends_with_the_process_that_asked(tmp_path: Path, how: str, does: str) -> None:
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(tmp_path / "gate"), how, does, LONG],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert caller.stdout is not None
        process = int(caller.stdout.readline())
        time.sleep(0.5)
        assert is_running(process)
        caller.kill()
        caller.wait()
        deadline = time.monotonic() + 10
        while is_running(process):
            assert time.monotonic() < deadline, "the query runs on"
            time.sleep(0.05)
        caller.stdout.close()
    finally:
        os.killpg(caller.pid, signal.SIGKILL) if how == "with a child" else caller.kill()


def test_a_process_outlives_the_thread_that_started_it(gate: SqlGate) -> None:
    starting = threading.Thread(target=lambda: gate._waiting.append(gate._start()))
    starting.start()
    starting.join()
    process = gate._waiting[0].process
    # Longer than it looks for its parent.
    time.sleep(1.5)
    assert process.poll() is None
    assert ask(gate, "select 1 as x").num_rows == 1
    assert process.poll() is not None


STORED = """
select i::bigint as id, 'n' || i as name, i::decimal(18, 4) / 7 as share, date '2026-01-01' + i::int as day,
    timestamp '2026-01-01 00:00:00.000001' + to_hours(i) as at, timestamptz '2026-01-01 00:00:00+00' + to_days(i::int) as zoned,
    time '10:00:00' as clock, [i, null] as list, {'x': i, 'y': [{'z': 'é'}]} as nested, map {'k': i} as mapped,
    '\\x00ab'::blob as bytes, uuid '00000000-0000-0000-0000-00000000000a' as uid, i % 2 = 0 as even, i::double / 3 as d,
    case when i % 3 = 0 then null else 'v' end as sometimes
from generate_series(1, 50) t(i)
"""
QUERIES = [
    "select * from a.b order by id",
    "select count(*) as n from a.b",
    "select count(name) as n, count(sometimes) as s, count(distinct even) as e from a.b",
    "select max(nested.x) as m, sum(list[1]) as s from a.b",
    "select columns('^(id|day)$') from a.b order by 1",
    "select b.* exclude (name) from a.b b where even order by id limit 3",
    "select x.id, y.name from a.b x join a.b y using (id) order by 1",
    "select * from a.b natural join (select id, even from a.b) order by id",
    "select distinct sometimes from a.b order by 1",
    "select exists (select 1 from a.b where id = 7) as e",
    "with c as (select * from a.b) select c.id, (select max(day) from a.b) as m from c order by 1",
    "select id from a.b union by name select id, name from a.b order by all",
    "select unnest(list) as u, mapped['k'] as k, bytes, uid, clock, zoned from a.b order by all",
    "select even, count(*) filter (where sometimes is null) as n from a.b group by all order by all",
    "from a.b select id qualify row_number() over (partition by even order by day) = 1 order by 1",
    "pivot (select even, sometimes, id from a.b) on even in (true, false) using count(id) order by all",
    "select b from a.b b order by id limit 1",
    "select name from a.b where id in (select id from a.b where d > 3) order by share desc limit 2",
]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A mesh with one port that has every type that can be stored."""
    mesh = MeshFolder(tmp_path_factory.mktemp("stored"))
    mesh.write("mesh.yaml", "name: test\n")
    mesh.product("a.b", STORED)
    mesh.build()
    return Node(mesh.root)


@pytest.mark.parametrize("rows_at_once", [0, 1000], ids=["written for the query", "copies"])
@pytest.mark.parametrize("sql", QUERIES)
def test_a_governed_query_gives_what_it_gives_in_process(stored: Node, sql: str, rows_at_once: int) -> None:
    restriction = Restriction(row_filter=Predicate("<", (FilterColumn(1), 40)), actions={2: "mask-alphanum"})
    inside = Reader(registry=stored.registry, warehouse=stored.warehouse, guard=Fixed(restriction))
    copies = replace(stored.copies, rows_at_once=rows_at_once, cache=FileCache(stored.root / "c", bytes_max=10**9))
    gated = replace(inside, copies=copies, gate=stored.sql_gate)
    found, plain = gated.query(sql).relation, inside.query(sql).relation
    assert found.columns == plain.columns
    assert [str(one) for one in found.types] == [str(one) for one in plain.types]
    assert repr(found.fetchall()) == repr(plain.fetchall())


def test_without_a_copy_only_what_a_query_uses_is_written_for_it(stored: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[list[str]] = []
    run = SqlGate.run

    def looking(gate: SqlGate, worker: Worker, *arguments: Any, **more: Any) -> Any:
        written.extend(pa.ipc.open_file(path).schema.names for path in worker.tables.values())
        return run(gate, worker, *arguments, **more)

    monkeypatch.setattr(SqlGate, "run", looking)
    guard = Fixed(Restriction(row_filter=Predicate("<", (FilterColumn(1), 40))))
    reader = Reader(registry=stored.registry, warehouse=stored.warehouse, guard=guard, gate=stored.sql_gate)
    assert reader.query("select sum(id) as s from a.b where even").to_arrow().to_pylist() == [{"s": 380}]
    assert reader.read("a.b", columns=["day"], where="name = 'n3'").to_arrow().num_rows == 1
    assert written == [["id", "even"], ["name", "day"]]


def reader_of(stored: Node, **limits: int) -> tuple[Fixed, Reader]:
    """A governed reader of *stored*, and the guard that hears what it takes."""
    guard = Fixed(Restriction(actions={2: "mask-alphanum"}))
    gate = SqlGate(folder=stored.root / "gate", limits=Governed(**limits))  # type: ignore[arg-type]
    warm = replace(stored.copies, cache=FileCache(stored.root / "c", bytes_max=10**9))
    reader = Reader(registry=stored.registry, warehouse=stored.warehouse, guard=guard, copies=warm, gate=gate)
    return guard, reader


@pytest.fixture
def unbound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is bound in this process."""

    def refuse() -> None:
        raise AssertionError("this process was to bind what a reader wrote")

    monkeypatch.setattr(guarding, "Binder", refuse)


@pytest.mark.parametrize(
    ("limits", "message"),
    [({"memory_mb": 512}, "512 MB|memory"), ({"memory_mb": 4_000, "seconds": 2}, "longer than 2 s")],
    ids=["memory", "time"],
)
def test_what_is_constant_in_a_query_is_evaluated_within_its_limits_only(
    stored: Node, unbound: None, limits: dict[str, int], message: str
) -> None:
    guard, reader = reader_of(stored, **limits)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(MeshwrightError, match=message):
        reader.query("select strftime(date '2020-01-01', repeat('x', 500000000)) as s from a.b")
    assert time.monotonic() - started < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert [(one.rows, one.size) for one in guard.taken] == [(0, 0)]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select count(*) as n from a.b", ()),
        ("select sum(id) as s from a.b where even", ("id", "even")),
        ("select max(nested.x) as m from a.b", ("nested",)),
        ("select x.id from a.b x join (select id, day from a.b) y using (id)", ("id",)),
    ],
)
def test_a_gated_query_is_recorded_with_the_columns_that_it_uses(
    stored: Node, unbound: None, sql: str, columns: tuple[str, ...]
) -> None:
    guard, reader = reader_of(stored)
    reader.query(sql).to_arrow()
    assert [one.columns for one in guard.taken] == [columns]
    reader.read("a.b", columns=["day"], where="name = 'n3'").to_arrow()
    assert guard.taken[1].columns == ("name", "day")


def test_a_record_names_no_column_that_is_not_visible_whatever_the_process_says(
    gate: SqlGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [("a.b", [("id", "BIGINT"), ("name", "VARCHAR")]), ("a.c", [("x", "BIGINT")])]
    answers: dict[str, Any] = {
        '{"used": [[1, 7, -1, "id", null, []], []]}': [("name",), ()],
        '{"used": [[0], {"x": 1}]}': [("id",), ("x",)],
        '{"used": [[0]]}': [("id", "name"), ("x",)],
        '{"used": null}': [("id", "name"), ("x",)],
        "{}": [("id", "name"), ("x",)],
    }
    for answer, columns in answers.items():
        monkeypatch.setattr(gate, "_ask", lambda *_, said=answer, **__: json.loads(said))
        with gate.worker("ada") as worker:
            assert gate.used_columns(worker, tables, "select 1", check=lambda: None, explain=explain) == columns


def test_a_process_that_dies_while_it_binds_is_an_error_as_while_it_runs(
    stored: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard, reader = reader_of(stored)
    write = SqlGate._write

    def dying(gate: SqlGate, worker: Worker, *arguments: Any) -> None:
        os.kill(worker.process.pid, signal.SIGSTOP)
        write(gate, worker, *arguments)
        worker.process.kill()

    monkeypatch.setattr(SqlGate, "_write", dying)
    with pytest.raises(Refused, match=r"the process of the query ended \(exit code -9\)"):
        reader.query("select id from a.b")
    assert len(guard.taken) == 1


def test_a_process_that_does_not_read_keeps_nobody_waiting(gate: SqlGate) -> None:
    with gate.worker("ada") as worker:
        gate.ready(worker, lambda: None)
        os.kill(worker.process.pid, signal.SIGSTOP)
        worker.seconds = 1
        with pytest.raises(Refused, match="longer than"):
            gate.run(worker, [], f"select '{'x' * 500_000}'", check=lambda: None, explain=explain)


@pytest.mark.parametrize(
    ("sql", "limits"),
    [
        ("select cast(name as integer) as n from a.b", {}),
        ("select error(name) as n from a.b", {}),
        ("select x.* from a.b, range(100000) x", {"result_mb": 1}),
        ("select count(*) from a.b, range(1000000) x, range(1000000) y where hash(x, y) % 7 = 1", {"seconds": 1}),
    ],
    ids=["cast", "error", "too large", "too long"],
)
def test_a_query_that_fails_is_recorded_too(stored: Node, sql: str, limits: dict[str, int]) -> None:
    guard, reader = reader_of(stored, **limits)
    with pytest.raises(MeshwrightError):
        reader.query(sql)
    (taken,) = guard.taken
    assert (taken.port, taken.rows, taken.size) == ("a.b", 0, 0)
    assert taken.seconds > 0


def test_the_seconds_of_a_record_are_those_of_the_whole_read(stored: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    guard, reader = reader_of(stored)
    started, spent, run = time.monotonic(), [], SqlGate.run

    def timed(*arguments: Any, **named: Any) -> Any:
        table = run(*arguments, **named)
        spent.append(time.monotonic() - started)
        return table

    monkeypatch.setattr(SqlGate, "run", timed)
    rows = reader.query("select count(*) as n from a.b, range(30000) x, range(1000) y where hash(x, y) % 7 = 1")
    # It is recorded when its result is there: before anybody has fetched it.
    assert spent[0] <= guard.taken[0].seconds <= time.monotonic() - started
    rows.to_arrow()
    assert len(guard.taken) == 1
    rows.to_arrow()
    # What it took to make them is told once.
    assert guard.taken[1].seconds < guard.taken[0].seconds / 2


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A mesh with a port whose rows take seconds to be restricted and written."""
    mesh = MeshFolder(tmp_path_factory.mktemp("large"))
    mesh.write("mesh.yaml", "name: test\n")
    mesh.product(
        "a.b", "select range::bigint as id, 'somebody-' || range || '@example.org' as email from range(5000000)"
    )
    mesh.build()
    return Node(mesh.root)


def test_what_is_written_for_a_query_is_part_of_its_time(large: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(SqlGate, "run", lambda *_, **__: begun.append("the query"))
    restriction = Restriction(actions={2: "pseudonym"})
    gate = SqlGate(folder=large.root / "gate", limits=Governed(seconds=1))
    reader = Reader(
        registry=large.registry,
        warehouse=large.warehouse,
        guard=Fixed(restriction),
        keys=Keys(pseudonym=b"k" * 32),
        copies=replace(large.copies, rows_at_once=0),
        gate=gate,
    )
    started = time.monotonic()
    with pytest.raises(Refused, match=r"the query ran longer than 1 s and was stopped: ask for less"):
        reader.query("select max(email) as m from a.b")
    assert time.monotonic() - started < 4
    assert (begun, left(gate)) == ([], [])


def test_a_query_has_the_time_that_giving_it_its_files_left(gate: SqlGate) -> None:
    started = time.monotonic()
    with gate.worker("ada") as worker:
        with gate.preparing(worker):
            # As if that had taken so long.
            worker.until -= 19.9
        with pytest.raises(Refused, match="the query ran longer than 20 s"):
            gate.run(worker, [], LONG, check=lambda: None, explain=explain)
    assert time.monotonic() - started < 15


def test_a_process_with_many_files_open_can_ask(gate: SqlGate) -> None:
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert ask(gate, "select 1 as x").num_rows == 1
    finally:
        for one in held:
            os.close(one)
