"""`mesh maintain`: what goes, what stays, and that nobody notices but the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.table import StaticTable

from mesh_folder import MeshFolder
from meshwright.build import rewriting
from meshwright.node import open_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.model.publication import PublishedPort

SHORT = "name: t\nmaintenance: {history: 0s, publications: 1, grace: 0s}\n"
APPEND = "{property: mesh.materialization, value: append}"
LANDING = f"""
inputPorts:
- name: landing
  customProperties: [{{property: mesh.path, value: data/landing/*.csv}}]
outputPorts:
- {{name: events, customProperties: [{APPEND}]}}
"""


def land(mesh: MeshFolder, *numbers: int) -> None:
    for number in numbers:
        mesh.write(f"data/landing/{number:03d}.csv", f"id,v\n{number},v{number}\n")


def build(root: Path) -> MeshFolder:
    """events appends what lands; copied appends what is new in it; total counts it. Ten batches have landed."""
    mesh = MeshFolder(root)
    mesh.write("mesh.yaml", SHORT)
    land(mesh, 0)
    mesh.product("ingest.events", "select id, v from landing__changes", descriptor=LANDING)
    mesh.product(
        "core.copied",
        "select id, v from ingest.events__changes",
        descriptor=f"outputPorts:\n- {{name: copied, customProperties: [{APPEND}]}}\n",
    )
    mesh.product("core.total", "select count(*) as n from ingest.events")
    for number in range(10):
        land(mesh, number)
        mesh.build()
    return mesh


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("chain") / "mesh").root


@pytest.fixture
def fresh(tmp_path: Path) -> MeshFolder:
    """A mesh that was built where it is: Iceberg's own paths are absolute."""
    return build(tmp_path / "mesh")


@pytest.fixture
def chain(built: Path, tmp_path: Path) -> MeshFolder:
    """A copy of the mesh that was built."""
    shutil.copytree(built, tmp_path / "mesh")
    mesh = MeshFolder(tmp_path / "mesh")
    mesh.write("mesh.yaml", SHORT)
    # Files that came just now may be a build's that has just begun.
    time.sleep(0.1)
    return mesh


def maintain(mesh: MeshFolder, *arguments: str, code: int = 0) -> Any:
    answer = mesh.mesh("maintain", *arguments, "--json")
    assert answer.code == code, answer.out + answer.err
    return answer.data


def settle(mesh: MeshFolder) -> None:
    """Maintain until there is nothing left to do."""
    for _ in range(10):
        found = maintain(mesh)
        if not any(found[name] for name in ("forgotten", "removed", "waiting", "rewritten")):
            return
    raise AssertionError(found)


def port(mesh: MeshFolder, product: str, environment: str = "prod") -> PublishedPort:
    head = open_node(mesh.root).registry.head(environment, product)
    assert head is not None
    return head.ports[0]


def files(mesh: MeshFolder) -> set[str]:
    warehouse = mesh.root / ".mesh/warehouse"
    return {path.relative_to(warehouse).as_posix() for path in warehouse.rglob("*") if path.is_file()}


def iceberg(mesh: MeshFolder, product: str, environment: str = "prod") -> Iterator[list[dict[str, Any]]]:
    """The rows of every snapshot that the head's Iceberg metadata names, as pyiceberg reads them; the newest last."""
    node, served = open_node(mesh.root), port(mesh, product, environment)
    metadata = node.registry.snapshot(served.table, served.snapshot).metadata
    table = StaticTable.from_metadata(str(node.warehouse.locate(metadata)))
    for snapshot in table.snapshots():
        yield sorted(table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().to_pylist(), key=str)


def ids(mesh: MeshFolder, address: str, *arguments: str) -> list[int]:
    return [row["id"] for row in mesh.rows(address, *arguments)]


def test_a_dry_run_lists_exactly_what_goes_and_changes_nothing(chain: MeshFolder) -> None:
    before, registry = files(chain), chain.mesh("show", "ingest.events", "--publications", "--json").out
    told = maintain(chain, "--dry-run")
    assert files(chain) == before
    assert chain.mesh("show", "ingest.events", "--publications", "--json").out == registry
    assert maintain(chain, "--dry-run") == told
    done = maintain(chain)
    assert told["removed"] == done["removed"]
    assert told["forgotten"] == done["forgotten"]
    assert len(done["forgotten"]) == 27
    assert before - files(chain) == {one["path"] for one in done["removed"]}
    planned = [{**one, "publication": None} for one in done["rewritten"]]
    assert planned == told["rewritten"]


def test_what_is_served_stays_and_what_is_forgotten_says_so(chain: MeshFolder) -> None:
    chain.write("mesh.yaml", SHORT.replace("publications: 1", "publications: 3"))
    settle(chain)
    assert ids(chain, "ingest.events") == ids(chain, "core.copied") == list(range(10))
    # Number 11 is the compaction.
    assert ids(chain, "ingest.events", "--as-of", "10") == list(range(10))
    assert ids(chain, "ingest.events", "--as-of", "9") == list(range(9))
    # Number 8 is what the oldest kept publication of total has read.
    assert ids(chain, "ingest.events", "--as-of", "8") == list(range(8))
    answer = chain.mesh("read", "ingest.events", "--as-of", "7")
    assert answer.code == 2
    assert "has no publication 7 in prod any more" in answer.err


def test_by_default_a_month_and_ten_publications_stay_readable(chain: MeshFolder) -> None:
    chain.write("mesh.yaml", "name: t\n")
    found = maintain(chain)
    assert found["forgotten"] == found["removed"] == []
    assert ids(chain, "ingest.events", "--as-of", "1") == [0]


def test_a_product_says_itself_how_much_of_its_past_it_keeps(chain: MeshFolder) -> None:
    chain.edit(
        "domains/core/total/product.yaml",
        "id: core.total\n",
        "id: core.total\ncustomProperties: [{property: mesh.history, value: {age: 1y, publications: 1}}]\n",
    )
    assert chain.mesh("validate").code == 0
    found = {(one["product"], one["publication"]) for one in maintain(chain)["forgotten"]}
    assert {product for product, _ in found} == {"core.copied"}
    assert len(chain.rows("core.total", "--as-of", "1")) == 1


def test_compacted_files_hold_the_same_rows_in_order_and_nothing_is_built_for_them(chain: MeshFolder) -> None:
    before = port(chain, "ingest.events")
    done = maintain(chain)["rewritten"]
    assert {(one["product"], one["what"], one["files"], one["made"]) for one in done} == {
        ("ingest.events", "compaction", 10, 1),
        ("core.copied", "compaction", 10, 1),
    }
    after = port(chain, "ingest.events")
    assert (after.files, after.rows, after.table, after.columns) == (1, 10, before.table, before.columns)
    assert ids(chain, "ingest.events") == list(range(10))
    assert set(chain.actions().values()) == {"reuse"}
    assert chain.mesh("changes", "ingest.events", "--since", "10", "--json").data == []
    assert all(one["outcome"] == "reused" for one in chain.build().values())
    assert maintain(chain)["rewritten"] == []


def test_who_appends_what_is_new_does_not_take_compacted_rows_for_new(chain: MeshFolder) -> None:
    maintain(chain)
    land(chain, 20)
    assert chain.build()["core.copied"]["rows"] == 11
    assert ids(chain, "core.copied") == [*range(10), 20]
    # What copied has read is compacted together with what it has not.
    for number in range(21, 32):
        land(chain, number)
        chain.build("--select", "ingest.events")
    assert maintain(chain)["rewritten"]
    chain.build()
    assert sorted(ids(chain, "core.copied")) == [*range(10), *range(20, 32)]
    assert chain.rows("core.total") == [{"n": 22}]


def test_large_files_stay_where_they_are_between_compacted_ones(
    chain: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = port(chain, "ingest.events").bytes // 10
    rows = "".join(f"{number},{'x' * 50}{number}\n" for number in range(100, 1100))
    chain.write("data/landing/100.csv", "id,v\n" + rows)
    chain.build()
    for number in range(2000, 2010):
        land(chain, number)
        chain.build()
    monkeypatch.setattr(rewriting, "SMALL_BYTES", size * 2)
    node = open_node(chain.root)
    before = port(chain, "ingest.events")
    (large,) = [one for one in node.registry.files(before.table, before.snapshot) if one.bytes > size * 2]
    expected = ids(chain, "ingest.events")
    maintain(chain)
    after = port(chain, "ingest.events")
    found = node.registry.files(after.table, after.snapshot)
    assert [one.rows for one in found] == [10, 1000, 10]
    assert found[1].path == large.path
    assert ids(chain, "ingest.events") == expected == [*range(10), *range(100, 1100), *range(2000, 2010)]
    land(chain, 3000)
    chain.build()
    assert ids(chain, "ingest.events") == ids(chain, "core.copied") == [*expected, 3000]


def test_iceberg_names_no_snapshot_whose_files_are_gone(fresh: MeshFolder) -> None:
    fresh.write("mesh.yaml", SHORT.replace("publications: 1", "publications: 4"))
    settle(fresh)
    for product in ("ingest.events", "core.copied", "core.total"):
        found = list(iceberg(fresh, product))
        assert found[-1] == sorted(fresh.rows(product), key=str)
        assert 1 <= len(found) <= 6
    land(fresh, 50)
    fresh.build()
    assert len(list(iceberg(fresh, "ingest.events"))[-1]) == 11


def test_a_mesh_goes_on_after_everything_old_is_gone(chain: MeshFolder) -> None:
    settle(chain)
    held = files(chain)
    for number in range(60, 64):
        land(chain, number)
        chain.build()
        settle(chain)
    assert ids(chain, "core.copied") == [*range(10), *range(60, 64)]
    assert chain.rows("core.total") == [{"n": 14}]
    # Beside what landed since, as many files as before.
    assert len(files(chain)) < len(held) + 40
    assert chain.mesh("rollback", "core.total").code == 2


def test_rolling_back_passes_over_a_compaction(chain: MeshFolder) -> None:
    chain.write("mesh.yaml", SHORT.replace("publications: 1", "publications: 5"))
    maintain(chain)
    assert port(chain, "ingest.events").files == 1
    assert chain.mesh("rollback", "ingest.events").code == 0
    assert ids(chain, "ingest.events") == list(range(9))


def test_files_wait_for_the_time_of_grace(chain: MeshFolder) -> None:
    before = files(chain)
    time.sleep(2.1)
    first = maintain(chain, "--grace", "2s")
    assert first["forgotten"]
    assert first["removed"] == []
    assert before <= files(chain)
    time.sleep(2.1)
    waited = {one["path"] for one in first["waiting"]}
    assert {one["path"] for one in maintain(chain, "--grace", "2s")["removed"]} == waited
    assert not waited & files(chain)


def test_what_a_running_build_needs_stays_until_it_is_over(chain: MeshFolder) -> None:
    node = open_node(chain.root)
    run = "a-run-that-goes-on"
    staged = node.warehouse.staging(run)
    (staged / "rows.parquet").write_bytes(b"half")
    land(chain, 40)
    chain.build()
    # Published, and served no more, since that run began.
    found = maintain(chain)
    assert {("ingest.events", 10), ("core.total", 10)} <= {
        (product, number)
        for product in ("ingest.events", "core.total")
        for number in (10,)
        if chain.mesh("read", product, "--as-of", "10").code == 0
    }
    assert found["removed"] == found["staging"] == []
    assert (staged / "rows.parquet").exists()
    node.warehouse.end(run)
    assert maintain(chain)["staging"] == [run]
    assert not staged.exists()
    assert chain.mesh("read", "core.total", "--as-of", "10").code == 2


def test_what_killed_builds_left_behind_is_removed_and_strangers_stay(chain: MeshFolder) -> None:
    settle(chain)
    before, table = files(chain), port(chain, "ingest.events").table
    warehouse = chain.root / ".mesh/warehouse"
    orphans = {
        f"{table}/data/{'a' * 32}.parquet",
        f"{table}/metadata/00099-0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f.metadata.json",
        f"{table}/metadata/snap-77-0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f.avro",
        f"{table}/metadata/0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f-m0.avro",
        f"core/posters/artifacts/ab/{'ab' * 32}",
        f"gone/product/port-0123abcd/data/{'b' * 32}.parquet",
    }
    strangers = {"README.md", f"{table}/data/notes.txt", "somebody/else/data/their.parquet"}
    for path in orphans | strangers:
        (warehouse / path).parent.mkdir(parents=True, exist_ok=True)
        (warehouse / path).write_bytes(b"x")
    (warehouse / ".staging/dead").mkdir()
    spilled = chain.write(".mesh/spill/duckdb_temp_storage_DEFAULT-0.tmp", b"x")
    cache = chain.write(".mesh/cache/analysis-long_gone.msgpack", b"x")
    time.sleep(0.1)
    told = maintain(chain, "--dry-run")
    found = maintain(chain)
    assert {one["path"] for one in found["removed"]} == orphans
    assert (
        (told["staging"], told["leftovers"])
        == (found["staging"], found["leftovers"])
        == (
            ["dead"],
            sorted(map(str, (cache, spilled))),
        )
    )
    assert files(chain) == before | strangers
    assert not (warehouse / "gone/product/port-0123abcd").exists()
    assert not spilled.exists()
    assert not cache.exists()


def test_rows_that_a_failed_build_rejected_stay_for_its_owner(mesh: MeshFolder) -> None:
    mesh.write("mesh.yaml", SHORT.replace("history: 0s", "history: 30d"))
    mesh.product(
        "a.b", "select 1 as id union all select 1", contract="- {name: id, physicalType: INTEGER, unique: true}\n"
    )
    staging = mesh.root / ".mesh/warehouse/.staging"
    mesh.build(code=1)
    (first,) = staging.iterdir()
    mesh.build(code=1)
    (second,) = set(staging.iterdir()) - {first}
    time.sleep(0.1)
    assert maintain(mesh)["staging"] == [first.name]
    assert list(staging.iterdir()) == [second]
    mesh.write("mesh.yaml", SHORT)
    maintain(mesh)
    assert list(staging.iterdir()) == []


def test_an_environment_keeps_the_files_it_shares_with_prod(fresh: MeshFolder) -> None:
    fresh.mesh("env", "create", "trial")
    land(fresh, 70)
    fresh.build("--env", "trial")
    fresh.build()
    settle(fresh)
    land(fresh, 71)
    fresh.build()
    settle(fresh)
    assert ids(fresh, "ingest.events", "--env", "trial") == [*range(10), 70]
    assert ids(fresh, "core.copied", "--env", "trial") == [*range(10), 70]
    assert list(iceberg(fresh, "ingest.events", "trial"))[-1] == sorted(
        fresh.rows("ingest.events", "--env", "trial"), key=str
    )
    assert ids(fresh, "ingest.events") == [*range(10), 70, 71]
    land(fresh, 72)
    fresh.build("--env", "trial")
    assert ids(fresh, "core.copied", "--env", "trial") == [*range(10), 70, 71, 72]


def test_what_a_dropped_environment_alone_needed_is_removed(chain: MeshFolder) -> None:
    settle(chain)
    before = files(chain)
    chain.mesh("env", "create", "trial")
    chain.write("domains/core/total/transform/total.sql", "select count(*) + 1 as n from ingest.events")
    chain.build("--env", "trial")
    assert maintain(chain)["removed"] == []
    assert chain.rows("core.total", "--env", "trial") == [{"n": 11}]
    assert chain.mesh("env", "drop", "trial", "--yes").code == 0
    time.sleep(0.1)
    settle(chain)
    assert files(chain) == before
    assert chain.rows("core.total") == [{"n": 10}]


def test_a_compaction_below_does_not_keep_an_environment_from_being_promoted(chain: MeshFolder) -> None:
    chain.mesh("env", "create", "trial")
    chain.write("domains/ingest/events/transform/events.sql", "select id, upper(v) as v from landing__changes")
    chain.build("--env", "trial", "--full")
    maintain(chain)
    assert port(chain, "ingest.events").files == 1
    assert chain.mesh("env", "promote", "trial").code == 0
    assert chain.rows("ingest.events")[3] == {"id": 3, "v": "V3"}
    settle(chain)
    assert len(chain.rows("core.copied")) == 10


def test_an_environment_is_maintained_when_it_is_named(chain: MeshFolder) -> None:
    chain.mesh("env", "create", "trial")
    chain.write("domains/ingest/events/transform/events.sql", "select id, upper(v) as v from landing__changes")
    for number in range(80, 90):
        land(chain, number)
        chain.build("--env", "trial", "--select", "ingest.events")
    found = maintain(chain, "--env", "trial")
    assert [(one["product"], one["made"]) for one in found["rewritten"]] == [("ingest.events", 1)]
    assert port(chain, "ingest.events").files == 10
    assert len(ids(chain, "ingest.events", "--env", "trial")) == 20


def test_only_what_is_selected_is_maintained_and_no_file_goes(chain: MeshFolder) -> None:
    found = maintain(chain, "--select", "core.total")
    assert {one["product"] for one in found["forgotten"]} == {"core.total"}
    assert found["rewritten"] == found["removed"] == []
    assert chain.mesh("maintain", "--select", "core.totl").code == 2


def test_products_of_domains_elsewhere_are_left_to_their_owners(chain: MeshFolder) -> None:
    shutil.rmtree(chain.root / "domains/ingest")
    found = maintain(chain)
    assert {one["product"] for one in found["forgotten"]} == {"core.copied", "core.total"}
    assert {one["product"] for one in found["rewritten"]} == {"core.copied"}
    assert ids(chain, "ingest.events", "--as-of", "3") == [0, 1, 2]


def test_artifacts_and_quarantined_rows_go_with_their_publication(mesh: MeshFolder) -> None:
    mesh.write("mesh.yaml", SHORT)
    mesh.product("a.posters", "", descriptor="outputPorts:\n- {name: posters, type: files}\n")
    (mesh.root / "domains/a/posters/transform/posters.sql").unlink()
    script = "def posters(inputs):\n    (inputs.folder / 'a.txt').write_text({!r})\n    (inputs.folder / 'b.txt').write_text('b')\n"
    for text in ("one", "two", "one"):
        mesh.write("domains/a/posters/transform/posters.py", script.format(text))
        mesh.build()
    held = [path for path in files(mesh) if "/artifacts/" in path]
    # What the head serves is stored once.
    assert len(held) == 4
    time.sleep(0.1)
    maintain(mesh)
    assert len([path for path in files(mesh) if "/artifacts/" in path]) == 2
    assert mesh.mesh("read", "a.posters", "--to", str(mesh.root / "out")).code == 0
    assert (mesh.root / "out/a.txt").read_text() == "one"


EVENTS = """
- {name: id, physicalType: INTEGER}
- {name: at, physicalType: TIMESTAMP}
"""
RETENTION = "slaProperties:\n- {property: retention, value: 30, unit: d, element: events.at}\n"


def retained(mesh: MeshFolder, *ages: int, materialization: str = "append", more: str = "") -> None:
    """A product whose batch number n, landing together, happened as many days ago as *ages* says."""
    mesh.write("mesh.yaml", "name: t\n")
    mesh.product(
        "ingest.events",
        "select id, now()::timestamp - to_days(age) as at from landing__changes".replace(
            "__changes", "__changes" if materialization == "append" else ""
        ),
        descriptor=LANDING.replace("value: append", f"value: {materialization}"),
        port="events",
    )
    mesh.contract("ingest.events", EVENTS, port="events")
    path = "domains/ingest/events/contracts/events.yaml"
    mesh.write(path, (mesh.root / path).read_text() + RETENTION + more)
    for number, age in enumerate(ages):
        mesh.write(f"data/landing/{number:03d}.csv", f"id,age\n{number},{age}\n{100 + number},1\n")


def test_rows_past_their_retention_are_removed_by_a_publication(mesh: MeshFolder) -> None:
    retained(mesh, 2)
    mesh.build()
    for number, age in ((1, 40), (2, 5), (3, 50)):
        mesh.write(f"data/landing/{number:03d}.csv", f"id,age\n{number},{age}\n")
        # That rows of before are old is no reason to refuse new ones.
        assert mesh.build()["ingest.events"]["outcome"] == "published"
    assert ids(mesh, "ingest.events") == [0, 100, 1, 2, 3]
    told = maintain(mesh, "--dry-run")["rewritten"]
    (done,) = maintain(mesh)["rewritten"]
    assert [{**done, "publication": None}] == told
    assert (done["what"], done["files"], done["made"], done["publication"]) == ("retention", 2, 0, 5)
    assert ids(mesh, "ingest.events") == [0, 100, 2]
    assert ids(mesh, "ingest.events", "--as-of", "4") == [0, 100, 1, 2, 3]
    assert maintain(mesh)["rewritten"] == []
    shown = mesh.mesh("show", "ingest.events", "--publications").out
    assert "2 rows past their retention 30 d removed" in shown
    mesh.write("data/landing/004.csv", "id,age\n4,1\n")
    mesh.build()
    assert ids(mesh, "ingest.events") == [0, 100, 2, 4]
    assert sorted(row["id"] for row in list(iceberg(mesh, "ingest.events"))[-1]) == [0, 2, 4, 100]


def test_of_a_file_with_old_and_new_rows_the_new_ones_stay(mesh: MeshFolder) -> None:
    retained(mesh, 40, 3)
    mesh.build()
    (done,) = maintain(mesh)["rewritten"]
    assert (done["files"], done["made"]) == (1, 1)
    assert ids(mesh, "ingest.events") == [100, 1, 101]


def test_what_a_full_port_holds_is_left_to_its_transformation(mesh: MeshFolder) -> None:
    retained(mesh, 40, materialization="full")
    assert mesh.build(code=1)["ingest.events"]["outcome"] == "failed"
    mesh.write("data/landing/000.csv", "id,age\n1,2\n")
    mesh.build()
    assert maintain(mesh)["rewritten"] == []


def test_retention_that_would_break_the_contract_is_refused(mesh: MeshFolder) -> None:
    retained(mesh, 2)
    path = "domains/ingest/events/contracts/events.yaml"
    mesh.edit(
        path,
        "schema:\n- name: events\n",
        "schema:\n- name: events\n  quality:\n  - {metric: rowCount, mustBeGreaterThan: 2}\n",
    )
    mesh.write("data/landing/001.csv", "id,age\n1,40\n")
    mesh.build()
    found = maintain(mesh, code=1)
    assert "without the rows past their retention port events breaks" in found["rewritten"][0]["problem"]
    assert ids(mesh, "ingest.events") == [0, 100, 1]


def test_a_reader_that_has_resolved_a_port_is_not_disturbed(chain: MeshFolder) -> None:
    chain.write("mesh.yaml", SHORT.replace("grace: 0s", "grace: 1s"))
    time.sleep(1.1)
    rows = open_node(chain.root).reader("prod").read("ingest.events", as_of="5")
    found = maintain(chain)
    assert {"env": "prod", "product": "core.total", "publication": 5} in found["forgotten"]
    assert [row["id"] for row in rows.to_arrow().to_pylist()] == list(range(5))


def test_the_lease_of_a_killed_process_counts_for_nothing(chain: MeshFolder) -> None:
    code = (
        "import os, pathlib, signal\n"
        "from meshwright.node import open_node\n"
        f"open_node(pathlib.Path({str(chain.root)!r})).warehouse.staging('killed')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([os.sys.executable, "-c", code], check=False)  # type: ignore[attr-defined]
    assert Path(chain.root / ".mesh/warehouse/.leases/killed").exists()
    time.sleep(0.1)
    assert maintain(chain)["staging"] == ["killed"]
    assert not Path(chain.root / ".mesh/warehouse/.leases/killed").exists()


def test_a_registry_that_knows_nothing_does_not_cost_the_warehouse(chain: MeshFolder) -> None:
    before = files(chain)
    chain.write("mesh.yaml", SHORT + "registry: sqlite:///.mesh/another.db\n")
    answer = chain.mesh("maintain")
    assert answer.code == 1
    assert "nothing was ever published in this registry" in answer.err
    assert files(chain) == before


def test_maintaining_a_mesh_that_never_published_makes_no_registry(mesh: MeshFolder) -> None:
    assert maintain(mesh)["removed"] == []
    assert maintain(mesh, "--dry-run")["removed"] == []
    assert not (mesh.root / ".mesh/registry.db").exists()
