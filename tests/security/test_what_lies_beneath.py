"""What rows tell besides their values: the order in which they come, and what lies in memory under a NULL."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import meshwright
from mesh_folder import MeshFolder
from security.shop import POLICIES, Shop, masking, people
from security.test_non_interference import PUBLISHED
from security.ways import Ask, Kind, bearing, ways

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from security.ways import Way

ID: Final = "- {name: id, physicalType: INTEGER}\n"
HIDDEN_KEY: Final = ID + "- {name: email, physicalType: VARCHAR, tags: [nulled], primaryKey: true, required: true}\n"
MERGED: Final = (
    "- {name: id, physicalType: INTEGER, primaryKey: true, required: true}\n"
    "- {name: pay, physicalType: INTEGER, tags: [nulled]}\n"
)
MERGES: Final = "outputPorts:\n- name: r\n  customProperties:\n  - {property: mesh.materialization, value: merge}\n"
KEYED: Final = "outputPorts:\n- name: r\n  customProperties:\n  - {property: mesh.key, value: [region]}\n"
ENTRANCES: Final = {
    Kind.READ: ("mesh read", "mesh read --json", "mesh read --out .parquet", "SDK read().__arrow_c_stream__"),
    Kind.SQL: ("mesh query --json", "mesh query --format arrow", "SDK sql().to_arrow"),
    Kind.CHANGES: ("mesh changes --json", "SDK changes().to_arrow"),
    Kind.DIFF: ("mesh diff", "mesh diff --json"),
}
ASKED: Final = {
    Kind.READ: Ask(kind=Kind.READ, port="sales.r"),
    Kind.SQL: Ask(kind=Kind.SQL, sql="from sales.r"),
    Kind.CHANGES: Ask(kind=Kind.CHANGES, port="sales.r", before="1"),
    Kind.DIFF: Ask(kind=Kind.DIFF, port="sales.r", before="1"),
}
TOLD: Final = [
    pytest.param(way, ask, id=str(way))
    for kind, ask in ASKED.items()
    for way in ways(kind, by="token", names=ENTRANCES[kind])
]


def shop(root: Path) -> Shop:
    """A mesh with its people, and no products."""
    root.mkdir(parents=True)
    made = Shop(folder=MeshFolder(root))
    people(made.folder)
    return made


def with_keys(root: Path, *publications: Sequence[str]) -> Shop:
    """A mesh whose rows lie in the order of a hidden key, which has these values in each of its *publications*."""
    made = shop(root)
    for letters in publications:
        values = ", ".join(f"({number}, '{letter}')" for number, letter in enumerate(letters))
        made.folder.product("sales.r", f"select * from (values {values}) t(id, email)", contract=HIDDEN_KEY)
        made.folder.build()
    made.publish({"policies/all.cedar": POLICIES + masking()})
    return made


def with_merges(root: Path, *publications: dict[int, int]) -> Shop:
    """A mesh whose rows (hidden pay by id) are merged: one file more for those that changed."""
    made = shop(root)
    (root / "data").mkdir()
    made.folder.product("sales.r", "select * from 'data/pay.parquet'", contract=MERGED, descriptor=MERGES)
    for pays in publications:
        table = pa.table({"id": pa.array(list(pays), pa.int32()), "pay": pa.array(list(pays.values()), pa.int32())})
        pq.write_table(table, root / "data/pay.parquet")
        made.folder.build()
    made.publish({"policies/all.cedar": POLICIES + masking()})
    return made


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Shop]:
    """Two meshes that differ in hidden keys only."""
    root = tmp_path_factory.mktemp("keyed")
    return with_keys(root / "one", "xyz", "xyzw"), with_keys(root / "two", "zyx", "cbda")


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Shop]:
    """Two meshes that differ in which rows' hidden cells changed."""
    root = tmp_path_factory.mktemp("merged")
    first = {0: 10, 1: 10, 2: 10, 3: 10}
    return with_merges(root / "one", first, {1: 20}), with_merges(root / "two", first, {2: 30})


@pytest.mark.slow
@pytest.mark.parametrize(("way", "ask"), TOLD)
def test_the_order_of_rows_tells_nothing_of_hidden_keys(keyed: tuple[Shop, Shop], way: Way, ask: Ask) -> None:
    told = [_without_times(way(one, ask).text) for one in keyed]
    assert told[0] == told[1]


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Shop]:
    """Two meshes whose rows lie in the order of a key that several have, and then in that of a hidden column."""
    root, made = tmp_path_factory.mktemp("tied"), []
    contract = "".join(
        f"- {{name: {name}, physicalType: {kind}{tags}}}\n"
        for name, kind, tags in (
            ("region", "VARCHAR", ""),
            ("pay", "INTEGER", ", tags: [nulled]"),
            ("who", "VARCHAR", ""),
        )
    )
    for name, pays in (("one", (3, 1, 2)), ("two", (1, 2, 3))):
        one = shop(root / name)
        for more in (0, 1):
            values = ", ".join(f"('EU', {pay + more}, '{who}{more}')" for pay, who in zip(pays, "abc", strict=True))
            one.folder.product(
                "sales.r", f"select * from (values {values}) t(region, pay, who)", contract=contract, descriptor=KEYED
            )
            one.folder.build()
        one.publish({"policies/all.cedar": POLICIES + masking()})
        made.append(one)
    return made[0], made[1]


@pytest.mark.slow
@pytest.mark.parametrize(("way", "ask"), TOLD)
def test_the_order_of_rows_of_one_key_tells_nothing_of_what_is_hidden(
    tied: tuple[Shop, Shop], way: Way, ask: Ask
) -> None:
    told = [_without_times(way(one, ask).text) for one in tied]
    assert told[0] == told[1]


@pytest.mark.slow
@pytest.mark.parametrize(("way", "ask"), TOLD)
def test_the_order_of_rows_does_not_tell_which_ones_changed(merged: tuple[Shop, Shop], way: Way, ask: Ask) -> None:
    told = [_without_times(way(one, ask).text) for one in merged]
    assert told[0] == told[1]


def _without_times(text: str) -> str:
    return PUBLISHED.sub(b"TIME", text.encode()).decode()


def test_merged_rows_lie_in_several_files(merged: tuple[Shop, Shop]) -> None:
    for one in merged:
        shown = one.owner("show", "sales.r", "--json").data
        assert shown["ports"][0]["files"] > 1, shown


VALUES: Final = """
select range::integer as id, 1.5::decimal(20, 3) as rate, 7::bigint as pay, 'x' || range as name,
    case when range % 3 <> 0 then range end as gap, case when range % 5 <> 0 then {'a': range, 'b': [range, null, 4]} end as nest,
    case when range % 2 = 0 then true end as flag from range(300)
"""
COLUMNS: Final = (
    ID
    + """
- {name: rate, physicalType: "DECIMAL(20,3)", tags: [nulled]}
- {name: pay, physicalType: BIGINT, tags: [nulled]}
- {name: name, physicalType: VARCHAR, tags: [salted]}
- {name: gap, physicalType: BIGINT}
- {name: nest, physicalType: "STRUCT(a BIGINT, b BIGINT[])"}
- {name: flag, physicalType: BOOLEAN}
"""
)


def beneath(array: pa.Array) -> list[bytes]:
    """What lies under each NULL in *array*, at any depth."""
    kind = array.type
    if pa.types.is_struct(kind):
        return [found for number in range(kind.num_fields) for found in beneath(array.field(number))]
    if pa.types.is_list(kind):
        return beneath(array.values)
    if kind.bit_width % 8 or not array.null_count:
        return []
    width, content = kind.bit_width // 8, array.buffers()[1].to_pybytes()
    places = [array.offset + number for number, value in enumerate(array) if not value.is_valid]
    return [content[place * width : (place + 1) * width] for place in places]


def test_below_a_null_an_arrow_buffer_holds_nothing(tmp_path: Path) -> None:
    made = shop(tmp_path / "mesh")
    made.folder.product("sales.r", VALUES, contract=COLUMNS)
    made.folder.build()
    made.publish({"policies/all.cedar": POLICIES + masking()})
    with bearing(made.token()):
        mesh = meshwright.connect(made.root)
        _soil_memory()
        for _ in range(10):
            for table in (
                mesh.read("sales.r").to_arrow(),
                pa.table(mesh.read("sales.r")),
                mesh.sql("from sales.r").to_arrow(),
            ):
                _require_nothing_beneath(table)


def _require_nothing_beneath(table: pa.Table) -> None:
    held: list[Any] = []
    for name in ("rate", "pay", "gap", "nest"):
        for chunk in table.column(name).chunks:
            held += beneath(chunk)
    assert len(held) > 300
    assert not any(any(one) for one in held)


def _soil_memory() -> None:
    for _ in range(20):
        bytearray(random.randbytes(1_000_000))
