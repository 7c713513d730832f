"""Laws of field ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meshwright.model.datatype import DataType
from meshwright.model.fields import fields, nested_count

if TYPE_CHECKING:
    from meshwright.model.publication import Field

LEAVES = st.sampled_from([DataType.parse(kind) for kind in ("INTEGER", "BIGINT", "VARCHAR", "DECIMAL(10,2)", "DATE")])
KINDS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda kind: DataType("LIST", fields=(("", kind),))),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda kinds: DataType("STRUCT", fields=tuple((f"m{i}", kind) for i, kind in enumerate(kinds)))
        ),
    ),
    max_leaves=5,
)
COLUMNS = st.lists(KINDS, min_size=1, max_size=5).flatmap(
    lambda kinds: st.permutations([f"c{i}" for i in range(len(kinds))]).map(
        lambda names: tuple(zip(names, kinds, strict=True))
    )
)


def parsed(*columns: str) -> tuple[tuple[str, DataType], ...]:
    return tuple((column.split(" ", 1)[0], DataType.parse(column.split(" ", 1)[1])) for column in columns)


def all_ids(schema: tuple[Field, ...]) -> list[int]:
    return [number for field in schema for number in (field.id, *field.nested_ids)]


@given(COLUMNS, COLUMNS)
def test_ids_are_unique_and_new_ones_were_never_used(
    before: tuple[tuple[str, DataType], ...], after: tuple[tuple[str, DataType], ...]
) -> None:
    first, last = fields(before)
    second, newest = fields(after, first, last)
    ids = all_ids(second)
    assert len(ids) == len(set(ids))
    assert all(number in all_ids(first) or number > last for number in ids)
    assert newest == max([last, *ids])
    assert all(len(field.nested_ids) == nested_count(field.type) for field in second)


@given(COLUMNS)
def test_the_same_columns_keep_their_ids(columns: tuple[tuple[str, DataType], ...]) -> None:
    first, last = fields(columns)
    assert fields(tuple(reversed(columns)), first, last) == (tuple(reversed(first)), last)


def test_a_widened_column_keeps_its_id_and_a_changed_one_does_not() -> None:
    first, last = fields(parsed("a INTEGER", "b FLOAT", "c DECIMAL(10,2)", "d VARCHAR", "e BIGINT"))
    second, _ = fields(parsed("a BIGINT", "b DOUBLE", "c DECIMAL(12,2)", "d DATE", "e INTEGER"), first, last)
    assert [field.id for field in second] == [1, 2, 3, 6, 7]


def test_a_column_that_comes_back_gets_a_new_id() -> None:
    first, last = fields(parsed("a INTEGER", "b INTEGER"))
    second, last = fields(parsed("a INTEGER"), first, last)
    third, _ = fields(parsed("a INTEGER", "b INTEGER"), second, last)
    assert [field.id for field in third] == [1, 3]


def test_a_struct_keeps_the_ids_of_members_that_stay() -> None:
    first, last = fields(parsed("s STRUCT(x INTEGER, y VARCHAR)"))
    second, _ = fields(parsed("s STRUCT(z DATE, x BIGINT)"), first, last)
    assert (second[0].id, second[0].nested_ids) == (1, (4, 2))
