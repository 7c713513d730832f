"""Governed copies: shared by everybody who may see just that, made once, and never in the way of a read."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.restriction import (
    FALSE,
    PSEUDONYM,
    SHA_256_QUERY_LOCAL,
    FilterColumn,
    Predicate,
    Restriction,
)
from meshwright.node import Node
from meshwright.reading import governed_copies
from meshwright.reading.governed_copies import _data, _restriction
from meshwright.reading.masks import Keys
from meshwright.reading.reader import Reader
from meshwright.reading.session import write_governed
from reading.fixed_guard import Fixed

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder

# Fields of sales.orders, by id.
ID, EMAIL, REGION = 1, 2, 3
IN_EUROPE = Predicate("==", (FilterColumn(REGION), "EU"))
MASKED = Restriction(row_filter=IN_EUROPE, actions={EMAIL: PSEUDONYM})


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.write("data/one.csv", "id,email,region\n1,ada@x.org,EU\n2,bob@x.org,US\n3,,EU\n")
    mesh.product("sales.orders", "select id::bigint as id, email, region from 'data/*.csv'")
    mesh.build()
    return mesh


def reader(mesh: MeshFolder, restriction: Restriction, key: bytes = b"key", *, copying: bool = True) -> Reader:
    node = Node(mesh.root)
    return Reader(
        registry=node.registry,
        warehouse=node.warehouse,
        guard=Fixed(restriction),
        keys=Keys(pseudonym=key),
        copies=node.copies if copying else None,
    )


def copies(mesh: MeshFolder) -> list[Path]:
    return sorted((mesh.root / ".mesh/cache/governed/files").rglob("*.parquet"))


def test_a_copy_holds_what_the_restriction_leaves_and_nothing_else(shop: MeshFolder) -> None:
    found = reader(shop, MASKED).read("sales.orders").to_arrow()
    assert found.equals(reader(shop, MASKED, copying=False).read("sales.orders").to_arrow())
    (copy,) = copies(shop)
    held = pq.read_table(copy)
    assert held.column("id").to_pylist() == [1, 3]
    assert b"ada@x.org" not in copy.read_bytes()
    assert [int(field.metadata[b"PARQUET:field_id"]) for field in held.schema] == [ID, EMAIL, REGION]


def test_a_copy_is_made_once_and_shared(shop: MeshFolder) -> None:
    reader(shop, MASKED).read("sales.orders")
    made = [(path, path.stat().st_ino) for path in copies(shop)]
    other = Restriction(row_filter=IN_EUROPE, actions={EMAIL: PSEUDONYM}, policies=("of somebody else",))
    reader(shop, other).query("select count(*) from sales.orders")
    assert [(path, path.stat().st_ino) for path in copies(shop)] == made


@pytest.mark.parametrize(
    ("restriction", "key"),
    [
        (Restriction(row_filter=IN_EUROPE), b"key"),
        (Restriction(row_filter=Predicate("==", (FilterColumn(REGION), "US")), actions={EMAIL: PSEUDONYM}), b"key"),
        (Restriction(row_filter=IN_EUROPE, actions={REGION: PSEUDONYM}), b"key"),
        (MASKED, b"another key"),
    ],
    ids=["another mask", "another filter", "another column", "another key"],
)
def test_who_may_see_something_else_gets_a_copy_of_that(shop: MeshFolder, restriction: Restriction, key: bytes) -> None:
    reader(shop, MASKED).read("sales.orders")
    found = reader(shop, restriction, key).read("sales.orders").to_arrow()
    assert found.equals(reader(shop, restriction, key, copying=False).read("sales.orders").to_arrow())
    assert len(copies(shop)) == 2


def test_what_differs_for_every_read_is_never_copied(shop: MeshFolder) -> None:
    reader(shop, Restriction(actions={EMAIL: SHA_256_QUERY_LOCAL})).read("sales.orders")
    assert copies(shop) == []


def test_nothing_is_copied_where_nothing_is_visible(shop: MeshFolder) -> None:
    found = reader(shop, Restriction(others_absent=True, row_filter=FALSE)).read("sales.orders").to_arrow()
    assert (found.num_rows, copies(shop)) == (0, [])


def test_a_large_port_is_scanned_until_it_is_warmed(shop: MeshFolder) -> None:
    node = Node(shop.root)
    one = reader(shop, MASKED, node.pseudonym_key)
    one = replace(one, copies=replace(node.copies, rows_at_once=2))
    before = one.read("sales.orders").to_arrow()
    assert copies(shop) == []
    assert node.warm("prod", ["sales.orders"]) == 1
    (made,) = copies(shop)
    assert one.read("sales.orders").to_arrow().equals(before)
    assert str(made) in one.read("sales.orders").sql


def test_a_publication_is_warm_for_those_who_read_the_one_before(shop: MeshFolder) -> None:
    reader(shop, MASKED, Node(shop.root).pseudonym_key).read("sales.orders")
    shop.write("data/two.csv", "id,email,region\n4,dee@x.org,EU\n")
    shop.build()
    assert len(copies(shop)) == 2
    held = pq.read_table(max(copies(shop), key=lambda path: path.stat().st_ctime))
    assert held.column("id").to_pylist() == [1, 3, 4]


def test_what_is_promoted_or_rolled_back_to_is_warm_for_those_who_read_the_one_before(shop: MeshFolder) -> None:
    reader(shop, MASKED, Node(shop.root).pseudonym_key).read("sales.orders")
    (first,) = copies(shop)
    assert shop.mesh("env", "create", "trial").code == 0
    shop.write("data/two.csv", "id,email,region\n4,dee@x.org,EU\n")
    shop.build("--env", "trial")
    assert copies(shop) == [first]
    promoted = shop.mesh("env", "promote", "trial")
    assert promoted.code == 0, promoted.err
    (second,) = set(copies(shop)) - {first}
    assert pq.read_table(second).column("id").to_pylist() == [1, 3, 4]
    first.unlink()
    assert shop.mesh("rollback", "sales.orders").code == 0
    assert set(copies(shop)) == {first, second}


def test_what_nobody_read_lately_is_not_waited_for(shop: MeshFolder) -> None:
    reader(shop, MASKED).read("sales.orders")
    (note,) = (shop.root / ".mesh/cache/governed/wanted").rglob("*.json")
    long_ago = time.time() - governed_copies.LIVE_SECONDS - 60
    for path in (note, *copies(shop)):
        os.utime(path, (long_ago, long_ago))
    assert shop.mesh("maintain").code == 0
    assert (copies(shop), note.exists()) == ([], False)


def test_no_copy_is_left_of_rows_that_were_forgotten(shop: MeshFolder) -> None:
    shop.write("mesh.yaml", "name: test\nmaintenance: {history: 0s, publications: 1, grace: 0s}\n")
    shown = Restriction(row_filter=IN_EUROPE)
    reader(shop, shown).read("sales.orders")
    (forgotten,) = copies(shop)
    assert b"ada@x.org" in forgotten.read_bytes()
    shop.write("data/one.csv", "id,email,region\n4,dee@x.org,EU\n")
    shop.build()
    time.sleep(0.1)
    # Somebody has used both a moment ago.
    reader(shop, shown).read("sales.orders")
    reader(shop, shown).read("sales.orders", as_of="1")
    assert len(copies(shop)) == 2
    assert shop.mesh("maintain", "--dry-run").code == 0
    assert shop.mesh("maintain", "--select", "sales.orders").code == 0
    assert forgotten.exists()
    assert shop.mesh("maintain").code == 0
    (left,) = copies(shop)
    assert pq.read_table(left).column("email").to_pylist() == ["dee@x.org"]
    cache = shop.root / ".mesh/cache"
    assert not [path for path in cache.rglob("*") if path.is_file() and b"ada@x.org" in path.read_bytes()]


def test_copies_of_files_that_went_elsewhere_go_too_and_others_stay(shop: MeshFolder) -> None:
    reader(shop, MASKED, Node(shop.root).pseudonym_key).read("sales.orders")
    (made,) = copies(shop)
    # As of a file that another machine has removed, and as an older release has named its copies.
    others = [made.parent.parent / "0" / made.name, made.parent.parent / made.name]
    for path in (made, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path != made:
            shutil.copy(made, path)
        os.utime(path, (time.time() - 60, time.time() - 60))
    assert shop.mesh("maintain").code == 0
    assert copies(shop) == [made]


def test_a_port_with_a_restriction_per_person_is_scanned(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(governed_copies, "RESTRICTIONS_MAX", 3)
    for number in range(5):
        mine = Restriction(row_filter=Predicate("==", (FilterColumn(ID), number)))
        found = reader(shop, mine).read("sales.orders").to_arrow()
        assert found.column("id").to_pylist() == ([number] if number in {1, 2, 3} else [])
    assert len(copies(shop)) == 3


def test_a_copy_that_cannot_be_made_is_done_without(shop: MeshFolder) -> None:
    folder = shop.root / ".mesh/cache/governed"
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("no folder")
    assert reader(shop, MASKED).read("sales.orders").to_arrow().num_rows == 2


def test_changes_and_differences_are_told_from_copies_too(shop: MeshFolder) -> None:
    shop.write("data/one.csv", "id,email,region\n1,ada@x.org,EU\n2,bob@x.org,EU\n")
    shop.build()
    told = reader(shop, MASKED).changes("sales.orders", since="1").to_arrow()
    plain = reader(shop, MASKED, copying=False).changes("sales.orders", since="1").to_arrow()
    assert told.sort_by("id").equals(plain.sort_by("id"))
    assert reader(shop, MASKED).diff("sales.orders") == reader(shop, MASKED, copying=False).diff("sales.orders")
    assert len(copies(shop)) == 2


def test_a_record_names_the_columns_that_were_asked_for(shop: MeshFolder) -> None:
    one = reader(shop, MASKED)
    assert isinstance(one.guard, Fixed)
    one.read("sales.orders", columns=["ID"]).to_arrow()
    one.read("sales.orders", columns=["id"], where="region = 'EU'").to_arrow()
    one.read("sales.orders").to_arrow()
    assert [taken.columns for taken in one.guard.taken] == [("id",), ("id", "region"), ("id", "email", "region")]


def test_a_record_counts_the_seconds_in_which_copies_were_made(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*arguments: Any) -> int:
        time.sleep(0.5)
        return write_governed(*arguments)

    monkeypatch.setattr(governed_copies, "write_governed", slowly)
    one = reader(shop, MASKED)
    assert isinstance(one.guard, Fixed)
    for ask in (one.read("sales.orders"), one.read("sales.orders")):
        ask.to_arrow()
    assert [taken.seconds > 0.5 for taken in one.guard.taken] == [True, False]


def test_a_difference_leaves_one_record_for_each_state(shop: MeshFolder) -> None:
    shop.write("data/one.csv", "id,email,region\n1,ada@x.org,EU\n2,bob@x.org,EU\n")
    shop.build()
    one = reader(shop, MASKED)
    assert isinstance(one.guard, Fixed)
    one.diff("sales.orders")
    assert [(taken.publication, taken.columns) for taken in one.guard.taken] == [
        (1, ("id", "email", "region")),
        (2, ("id", "email", "region")),
    ]
    assert len({taken[3:] for taken in one.guard.taken}) == 1
    assert min(one.guard.taken[0].rows, one.guard.taken[0].size, one.guard.taken[0].seconds) > 0
    one.guard.taken.clear()
    with pytest.raises(InvalidInput, match="no column of both"):
        one.diff("sales.orders", key=["none"])
    assert [taken.publication for taken in one.guard.taken] == [1, 2]
    one.guard.taken.clear()
    one.diff("sales.orders", before="2", after="2")
    assert [taken.publication for taken in one.guard.taken] == [2]


@pytest.mark.parametrize("damage", ["empty", "truncated", "pages", "footer", "a folder"])
@pytest.mark.parametrize("ask", ["read", "query", "gated"])
def test_a_damaged_copy_is_made_anew(shop: MeshFolder, damage: str, ask: str) -> None:
    node = Node(shop.root)
    one = reader(shop, MASKED)
    if ask == "gated":
        one = replace(one, gate=node.sql_gate)

    def asked() -> Any:
        rows = one.read("sales.orders") if ask == "read" else one.query("from sales.orders")
        return rows.to_arrow()

    before = asked()
    (copy,) = copies(shop)
    held = copy.read_bytes()
    if damage == "a folder":
        copy.unlink()
        copy.mkdir()
    else:
        copy.write_bytes(
            {
                "empty": b"",
                "truncated": held[: len(held) // 2],
                "pages": b"PAR1" + b"\xff" * 150 + held[154:],
                "footer": held[:-80] + b"\xff" * 60 + held[-20:],
            }[damage]
        )
    if damage in {"pages", "footer"}:
        # It ends as it should: what is wrong shows when it is read.
        with pytest.raises(Unavailable, match=r"sales\.orders was damaged, and is removed: run again") as caught:
            asked()
        assert ".mesh" not in str(caught.value)
    assert asked().equals(before)
    assert copy.is_file() is (damage != "a folder")


def test_what_ends_as_it_should_is_not_found_damaged(shop: MeshFolder) -> None:
    one = replace(reader(shop, MASKED), gate=Node(shop.root).sql_gate)
    one.read("sales.orders").to_arrow()
    (made,) = [(path, path.stat().st_ino) for path in copies(shop)]
    with pytest.raises(InvalidInput, match=r"1\.parquet"):
        one.query("select error('Invalid Error: 1.parquet') as e from sales.orders")
    assert [(path, path.stat().st_ino) for path in copies(shop)] == [made]


@pytest.mark.parametrize(
    "restriction",
    [
        MASKED,
        Restriction(others_absent=True),
        Restriction(
            row_filter=Predicate(
                "and",
                (
                    Predicate("not", (Predicate("contains", ((1, 2, 3), FilterColumn(ID))),)),
                    Predicate("or", (Predicate("true"), Predicate("like", (FilterColumn(EMAIL), "a%é\\_")))),
                    Predicate("==", (FilterColumn(ID), True)),
                ),
            )
        ),
    ],
)
def test_a_noted_restriction_is_the_same_when_it_is_read_again(restriction: Restriction) -> None:
    again = _restriction(json.loads(json.dumps(_data(restriction))))
    assert repr(replace(again, policies=restriction.policies)) == repr(restriction)
