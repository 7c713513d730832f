"""The SQL gate: other people's SQL gives what it gives in process, takes no more than its limits, and reaches nothing else."""

from __future__ import annotations

import gc
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meshwright.engines import sandbox
from meshwright.model.errors import Denied, InvalidInput, MeshwrightError, Refused
from meshwright.model.mesh import Governed
from meshwright.reading.sql_gate import SqlGate, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_TYPE = """
select 1::tinyint as a, 2::hugeint as b, 3.25::decimal(18, 4) as c, 'é€😀' as d, null::varchar as e, date '2026-02-28' as f,
    timestamp '2026-11-20 10:00:00.123456' as g, timestamptz '2026-11-20 10:00:00+02' as h, time '10:00:00' as i,
    interval '1 month 2 days' as j, [1, null, 3] as k, {'x': 1, 'y': ['z']} as l, map {'a': 1} as m, '\\x00ab'::blob as n,
    uuid '00000000-0000-0000-0000-00000000000a' as o, 'nan'::double as p, 'v'::enum('u', 'v') as q
"""


def explain(error: Exception) -> MeshwrightError:
    return InvalidInput(str(error))


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[SqlGate]:
    made = SqlGate(folder=tmp_path / "gate", limits=Governed(seconds=20))
    yield made
    made.close()


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
        (Governed(seconds=2), "select count(*) from range(10000000) a, range(10000000) b where a.range > b.range", "longer than 2 s"),
        (Governed(memory_mb=512), "select length(string_agg(repeat('x', 1000000), '')) from range(2000)", "512 MB"),
        (Governed(memory_mb=512), "select count(distinct repeat(range::varchar, 1000)) from range(3000000)", "512 MB"),
        (Governed(result_mb=1), "select * from range(1000000)", "larger than 1 MB"),
    ],
    ids=["time", "memory of a value", "memory of many", "result"],
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
        with pytest.raises(Refused, match="ended"):
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
            "select count(*) from range(10000000) a, range(10000000) b where a.range > b.range",
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
    left_over, living = tmp_path / "gate/99999999-abc", tmp_path / f"gate/{os.getpid()}-abc"
    for folder in (left_over, living):
        folder.mkdir(parents=True)
    SqlGate(folder=tmp_path / "gate", limits=Governed())
    assert (left_over.exists(), living.exists()) == (False, True)


def test_nothing_is_left_of_a_gate_that_nobody_closed(tmp_path: Path) -> None:
    gate = SqlGate(folder=tmp_path / "gate", limits=Governed(), spare=1)
    assert ask(gate, "select 1 as x").num_rows == 1
    del gate
    gc.collect()
    assert list((tmp_path / "gate").glob("*-*/")) == []
