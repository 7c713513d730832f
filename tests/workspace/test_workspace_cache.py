from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.workspace import cache
from meshwright.workspace.loading import Workspace, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workspace.conftest import MeshFolder

PRODUCT = "domains/sales/orders"
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: orders-contract
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: id, physicalType: 'DECIMAL(38,10)', primaryKey: true}
      - {name: tags, logicalType: array, items: {logicalType: string}}
      - {name: kind, logicalType: string, enum: [{value: a}, {value: 3}]}
    quality:
      - {type: custom, engine: soda, implementation: {a: [1, 2.5, null, true]}}
slaProperties:
  - {property: freshness, value: 24, unit: h}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def aged(mesh: MeshFolder) -> MeshFolder:
    """The mesh with files that are old enough to be trusted by their signatures."""
    mesh.write(f"{PRODUCT}/contracts/orders.yaml", CONTRACT)
    mesh.write(f"{PRODUCT}/tests/a.yaml", "- {name: a, given: {x: [{id: 1}]}, expect: []}\n")
    mesh.write(f"{PRODUCT}/inputs.lock.yaml", "a: {format: csv}\n")
    mesh.write(f"{PRODUCT}/steps/s.sql", "select 1")
    age(mesh.root)
    return mesh


def age(root: Path) -> None:
    long_ago = time.time() - 3600
    for path in [root, *root.rglob("*")]:
        os.utime(path, (long_ago, long_ago))


def everything(workspace: Workspace) -> tuple[Any, ...]:
    return workspace.mesh, workspace.findings, workspace.fingerprints, workspace.locks


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the cache believe that it is *seconds* later: a file's change time cannot be set back."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + int(seconds * 1e9))


def test_a_second_load_says_the_same_and_writes_nothing(
    aged: MeshFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, 10)
    first = load(aged.root, cache=folder)
    written = (folder / cache.FILE).stat()
    second = load(aged.root, cache=folder)
    assert everything(first) == everything(second) == everything(load(aged.root))
    assert (folder / cache.FILE).stat() == written


def test_a_second_load_does_not_even_import_a_parser(aged: MeshFolder, folder: Path) -> None:
    load(aged.root, cache=folder)
    code = (
        "import sys; from pathlib import Path; from meshwright.workspace.loading import load;"
        "load(Path(sys.argv[1]), cache=Path(sys.argv[2]));"
        "print([name for name in ('yaml_rs', 'yaml', 'jsonschema_rs') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(aged.root), str(folder)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


CHANGES: list[Callable[[Path], object]] = [
    lambda root: (root / PRODUCT / "orders.sql").write_text("select * from 'data/orders.txt'\n"),
    lambda root: (root / PRODUCT / "contracts/orders.yaml").unlink(),
    lambda root: (root / PRODUCT / "contracts/orders@2.yaml").write_text(CONTRACT.replace("1.0.0", "2.0.0")),
    lambda root: (root / PRODUCT / "contracts/orders.yml").write_text("x"),
    lambda root: (root / PRODUCT / "steps").rename(root / PRODUCT / "transform"),
    lambda root: (root / PRODUCT / "product.yaml").rename(root / PRODUCT / "product.yml"),
    lambda root: (root / PRODUCT).rename(root / "domains/sales/renamed"),
    lambda root: (root / "domains/sales/domain.yaml").write_text("team: {name: other}\n"),
    lambda root: (root / "mesh.yaml").write_text("name: other\n"),
]


@pytest.mark.parametrize("later", [0, 10], ids=["racy", "settled"])
@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_no_change_is_missed(
    aged: MeshFolder, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, later: float
) -> None:
    set_clock(monkeypatch, later)
    before = load(aged.root, cache=folder)
    CHANGES[number](aged.root)
    after = load(aged.root, cache=folder)
    assert everything(after) == everything(load(aged.root))
    assert everything(after) != everything(before)
    assert everything(load(aged.root, cache=folder)) == everything(after)


def test_a_change_of_equal_size_and_time_right_after_loading_is_seen(aged: MeshFolder, folder: Path) -> None:
    file = aged.root / PRODUCT / "orders.sql"
    for round_ in range(20):
        text = f"select {round_ % 10} from 'data/orders.csv'\n"
        status = file.stat()
        file.write_text(text)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        product = load(aged.root, cache=folder).mesh.products["sales.orders"]
        (port,) = product.output_ports
        assert port.transformation is not None
        assert port.transformation.text == text


def test_a_name_that_is_no_longer_wrong_is_forgotten(aged: MeshFolder, folder: Path) -> None:
    wrong = aged.root / PRODUCT / "contracts/orders.yml"
    wrong.write_text("x")
    assert [finding.code for finding in load(aged.root, cache=folder).findings] == ["unexpected-file"]
    wrong.unlink()
    assert load(aged.root, cache=folder).findings == ()


def test_a_source_that_appears_or_goes_is_noticed(
    aged: MeshFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, 10)
    aged.product("inputPorts: [{name: raw, customProperties: [{property: mesh.path, value: data/o.csv}]}]\n")
    age(aged.root)
    assert [finding.code for finding in load(aged.root, cache=folder).findings] == ["missing-source"]
    aged.write("data/o.csv", "id\n1\n")
    for place in ("data/o.csv", f"{PRODUCT}/data/o.csv"):
        aged.write(place, "id\n1\n")
        workspace = load(aged.root, cache=folder)
        assert workspace.findings == ()
        source = workspace.mesh.products["sales.orders"].input_ports[0].source
        assert source is not None
        assert source.path == place


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x93\xa1x", b"not msgpack at all", b"\x94" * 5000])
def test_a_damaged_cache_is_ignored_and_replaced(aged: MeshFolder, folder: Path, content: bytes) -> None:
    load(aged.root, cache=folder)
    (folder / cache.FILE).write_bytes(content)
    assert everything(load(aged.root, cache=folder)) == everything(load(aged.root))
    assert cache.read_cache(folder).entries


def test_a_damaged_record_is_read_again(aged: MeshFolder, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    set_clock(monkeypatch, 10)
    load(aged.root, cache=folder)
    kept = cache.read_cache(folder)
    entries = {
        path: msgspec.structs.replace(entry, record=msgspec.Raw(b"\x01")) for path, entry in kept.entries.items()
    }
    cache.write_cache(folder, msgspec.structs.replace(kept, entries=entries))
    assert everything(load(aged.root, cache=folder)) == everything(load(aged.root))


def test_a_cache_of_another_version_is_ignored(aged: MeshFolder, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(aged.root, cache=folder)
    assert cache.read_cache(folder).entries
    monkeypatch.setattr(cache, "__version__", "another")
    assert cache.read_cache(folder).entries == {}


def test_a_cache_that_cannot_be_written_costs_only_time(aged: MeshFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert everything(load(aged.root, cache=tmp_path / "file" / "cache")) == everything(load(aged.root))


def test_a_value_that_cannot_be_kept_is_read_each_time(aged: MeshFolder, folder: Path) -> None:
    aged.product("customProperties: [{property: big, value: 123456789012345678901234567890}]\n")
    for _ in range(2):
        custom = load(aged.root, cache=folder).mesh.products["sales.orders"].custom
        assert custom == {"big": 123456789012345678901234567890}


def test_a_clock_that_goes_backwards_misses_no_change(
    aged: MeshFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(aged.root, cache=folder)
    set_clock(monkeypatch, -86400)
    (aged.root / PRODUCT / "orders.sql").write_text("select 1")
    assert everything(load(aged.root, cache=folder)) == everything(load(aged.root))


def test_loads_at_the_same_time_share_a_cache(aged: MeshFolder, folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: everything(load(aged.root, cache=folder)), range(40)))
    assert all(one == found[0] for one in found)
    assert [path.name for path in folder.iterdir()] == [cache.FILE]
    assert gc.isenabled()


@pytest.mark.slow
def test_a_thousand_products_load_again_quickly(tmp_path: Path) -> None:
    root = tmp_path / "mesh"
    for index in range(1000):
        product = root / f"domains/d/p{index}"
        (product / "contracts").mkdir(parents=True)
        (product / "product.yaml").write_text(f"apiVersion: v1.1.0\nkind: DataProduct\nid: p{index}\n")
        contract = CONTRACT.replace("orders-contract", f"c{index}")
        (product / f"contracts/p{index}.yaml").write_text(contract)
        (product / f"p{index}.sql").write_text("select 1")
    (root / "mesh.yaml").write_text("name: big\n")
    (root / "domains/d/domain.yaml").write_text("team: {name: t}\n")
    time.sleep(2.1)
    cold = timed(root, tmp_path / "cache")
    warm = min(timed(root, tmp_path / "cache") for _ in range(3))
    assert warm < cold / 4


def timed(root: Path, folder: Path) -> float:
    start = time.process_time()
    assert load(root, cache=folder).findings == ()
    return time.process_time() - start
