from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyiceberg.table import StaticTable

from meshwright.model.errors import Conflict
from meshwright.storage.local_files import LocalWarehouse
from meshwright.storage.sql_registry import SqlRegistry

if TYPE_CHECKING:
    from storage.conftest import Publications

SCRIPT = Path(__file__).with_name("publishing_process.py")


def start(url: str, root: Path, times: int, *products: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), url, str(root), str(times), *products],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(processes: list[subprocess.Popen[str]]) -> list[tuple[str, int, str]]:
    """What each process said it published, as (product, sequence, run); they must end well and say nothing else."""
    published = []
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert (process.returncode, errors) == (0, "")
        published += [(product, int(number), run) for product, number, run in map(str.split, output.splitlines())]
    return published


def assert_whole(url: str, root: Path, product: str) -> int:
    """Every publication of *product* holds each earlier run's row once, and its own; the newest sequence, or 0."""
    registry = SqlRegistry(url, root)
    warehouse = LocalWarehouse(root / ".mesh/warehouse")
    publications = registry.publications("prod", product)[::-1]
    runs: list[str] = []
    for number, publication in enumerate(publications, 1):
        assert publication.sequence == number
        runs.append(publication.run)
        port = publication.ports[0]
        files = registry.files(port.table, port.snapshot)
        assert [warehouse.locate(file.path).read_text() for file in files] == runs
        assert port.rows == number
    if publications:
        assert registry.head("prod", product) == publications[-1]
        snapshot = registry.snapshot(port.table, port.snapshot)
        table = StaticTable.from_metadata(str(warehouse.locate(snapshot.metadata)))
        planned = {Path(task.file.file_path).stem for task in table.scan().plan_files()}
        assert planned == set(runs)
    assert [sequence for _, sequence in registry.move_history("prod", product)] == list(range(1, len(runs) + 1))
    registry.close()
    return len(publications)


@pytest.mark.slow
@pytest.mark.parametrize("products", [["a.b"], ["a.b", "a.c", "a.d"]])
def test_of_eight_processes_publishing_at_once_none_loses_a_publication(
    registry_url: str, tmp_path: Path, products: list[str]
) -> None:
    times = 50 if registry_url.startswith("sqlite") else 25
    published = finished([start(registry_url, tmp_path, times, *products) for _ in range(8)])
    assert len(published) == 8 * times
    for product in products:
        mine = sorted(sequence for found, sequence, _ in published if found == product)
        assert mine == list(range(1, len(mine) + 1))
        assert assert_whole(registry_url, tmp_path, product) == len(mine)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_every_head_serves_one_whole_publication(
    registry_url: str, tmp_path: Path, seed: int
) -> None:
    moments = random.Random(seed)
    acknowledged = 0
    for _ in range(8):
        process = start(registry_url, tmp_path, 10_000, "a.b")
        if moments.random() < 0.7:
            assert process.stdout is not None
            process.stdout.readline()  # it publishes by now; else it may die while it makes the registry
        time.sleep(moments.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        told = [int(line.split()[1]) for line in output.splitlines() if len(line.split()) == 3]
        whole = assert_whole(registry_url, tmp_path, "a.b")
        assert whole >= max(told, default=acknowledged)
        assert whole >= acknowledged
        acknowledged = whole
        # One that was killed at once has made no registry yet.
        if registry_url.startswith("sqlite") and (tmp_path / ".mesh/registry.db").exists():
            with closing(sqlite3.connect(tmp_path / ".mesh/registry.db")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert acknowledged > 0
    finished([start(registry_url, tmp_path, 1, "a.b")])
    assert assert_whole(registry_url, tmp_path, "a.b") == acknowledged + 1


def test_of_threads_that_publish_one_sequence_exactly_one_wins(
    registry: SqlRegistry, publications: Publications
) -> None:
    outcomes: list[str] = []

    def publish(run: str) -> None:
        try:
            registry.publish(publications.publication(1, run=run), snapshots=[], head=None)
        except Conflict:
            outcomes.append("conflict")
        else:
            outcomes.append(run)

    threads = [threading.Thread(target=publish, args=[f"run-{number}"]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[:7] == ["conflict"] * 7
    (published,) = registry.publications("prod", "sales.orders")
    assert sorted(outcomes)[7] == published.run


def test_a_reader_sees_the_old_head_while_another_writes(registry: SqlRegistry, publications: Publications) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    with registry._database.writing() as transaction:
        transaction.execute("DELETE FROM products")
        seen: list[object] = []
        reader = threading.Thread(target=lambda: seen.append(registry.head_sequences("prod")))
        reader.start()
        reader.join(timeout=10)
        assert seen == [{"sales.orders": 1}]
        transaction.execute(
            "INSERT INTO products (environment, product, head, sequence, moves, moved_at) VALUES ('prod', 'sales.orders', 1, 1, 1, '')"
        )
