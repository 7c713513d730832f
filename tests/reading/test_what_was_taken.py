"""What was taken is known however a read ends: early, refused in the middle, or with nobody fetching it."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import meshwright
from meshwright.model.errors import Denied, MeshwrightError
from meshwright.model.restriction import EVERYTHING
from meshwright.node import Node
from meshwright.reading.export import write
from reading.fixed_guard import Fixed

if TYPE_CHECKING:
    from mesh_folder import MeshFolder
    from meshwright.reading.reader import Reader
    from meshwright.reading.rows import Rows

ROWS = 200_000


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """A port of many rows that bob may read."""
    mesh.product("sales.orders", f"select range as id, md5(range::varchar) as word from range({ROWS})")
    mesh.contract("sales.orders", "- {name: id, physicalType: BIGINT}\n- {name: word, physicalType: VARCHAR}\n")
    mesh.write("people/all.yaml", "groups: {sales_team: [ada], readers: [bob]}\n")
    mesh.write("policies/all.cedar", '@id("all") permit (principal, action, resource);')
    mesh.build()
    assert mesh.mesh("policy", "publish").code == 0
    return mesh


class Shut(io.BytesIO):
    """A pipe that is shut once it has taken a few kilobytes."""

    def write(self, content: Any) -> int:
        if self.tell() > 5_000:
            raise BrokenPipeError
        return super().write(content)


class Wavering(Fixed):
    """A guard that leaves something else once it was asked a few times."""

    def restrict(self, resolved: Any) -> Any:
        self.asked = getattr(self, "asked", 0) + 1
        return self.restriction if self.asked < 5 else replace(self.restriction, others_absent=True)


def guarded(shop: MeshFolder, guard: Fixed) -> Reader:
    return replace(Node(shop.root).reader("prod"), guard=guard)


def used(shop: MeshFolder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.mesh("audit", "usage", "--json").data
    return found


@pytest.mark.parametrize("format_", ["csv", "json", "ndjson", "arrow", "parquet"])
def test_what_was_written_when_a_stream_ends_early_is_recorded(shop: MeshFolder, format_: str) -> None:
    guard = Fixed(EVERYTHING)
    rows = guarded(shop, guard).read("sales.orders")
    pipe = Shut()
    with pytest.raises((BrokenPipeError, MeshwrightError)):
        write(rows, format_, pipe)
    (taken,) = guard.taken
    assert 0 < taken.rows < ROWS
    assert taken.size == len(pipe.getvalue()) > 5_000


@pytest.mark.parametrize("format_", ["csv", "json", "ndjson"])
def test_what_was_written_before_policies_changed_is_recorded(shop: MeshFolder, format_: str) -> None:
    guard = Wavering(EVERYTHING)
    rows = guarded(shop, guard).read("sales.orders")
    with pytest.raises(Denied):
        write(rows, format_, io.BytesIO())
    (taken,) = guard.taken
    assert 0 < taken.rows < ROWS
    assert taken.size > 0


def test_what_goes_through_a_pipe_that_is_closed_is_recorded(shop: MeshFolder) -> None:
    command = f"{sys.executable} -m meshwright -C {shop.root} read sales.orders --as bob --format csv | head -3"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    (one,) = used(shop)
    assert 2 <= one["rows"] < ROWS
    assert one["bytes"] >= len(done.stdout)


def _nothing(rows: Any) -> None:
    del rows


def _schema(rows: Any) -> None:
    assert rows.batches().schema.names == ["id"]


def _table(rows: Any) -> None:
    assert rows.to_arrow().num_rows == 10


@pytest.mark.parametrize("use", [_nothing, _schema, _table])
def test_a_query_leaves_one_record_whatever_is_made_of_its_result(shop: MeshFolder, use: Any) -> None:
    use(meshwright.connect(shop.root, acting="bob").sql("select id from sales.orders where id < 10"))
    (one,) = used(shop)
    assert (one["rows"], one["columns"]) == (10, ["id"])
    assert one["bytes"] > 0


def test_a_result_that_is_used_again_is_recorded_again(shop: MeshFolder) -> None:
    reader = Node(shop.root).reader("prod", acting="bob")
    rows: Rows = reader.query("select id from sales.orders where id < 10")
    assert [rows.to_arrow().num_rows, rows.to_arrow().num_rows] == [10, 10]
    assert [one["rows"] for one in used(shop)] == [10, 10]


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("none/rows.csv", "there is no folder"),
        ("rows.xlsx", ".csv, .arrow, .parquet, or add --format"),
        ("rows", "the ending says no format"),
        ("rows.table", "the ending says no format"),
    ],
)
@pytest.mark.parametrize(
    "verb", [("read", "sales.orders"), ("query", "from sales.orders"), ("changes", "sales.orders")]
)
def test_where_nothing_can_be_written_nothing_is_read(
    shop: MeshFolder, verb: tuple[str, str], out: str, words: str
) -> None:
    since = ("--since", "1") if verb[0] == "changes" else ()
    answer = shop.mesh(*verb, *since, "--as", "bob", "--out", str(shop.root / out))
    assert (answer.code, words in answer.err) == (2, True), answer.err
    assert used(shop) == []
    assert not (shop.root / out).exists()


def test_a_format_that_is_named_goes_with_any_ending(shop: MeshFolder) -> None:
    file = shop.root / "rows.txt"
    assert shop.mesh("query", "select 1 as id", "--out", str(file), "--format", "csv").code == 0
    assert file.read_text() == "id\n1\n"
