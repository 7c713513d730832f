import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.model.datatype import DataType, Unstorable, stored

scalars = st.sampled_from(
    [
        "BOOLEAN",
        "INTEGER",
        "BIGINT",
        "DOUBLE",
        "VARCHAR",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "BLOB",
        "UUID",
    ]
).map(DataType)
decimals = st.integers(1, 38).flatmap(
    lambda precision: st.integers(0, precision).map(lambda scale: DataType("DECIMAL", precision, scale))
)
names = st.text(min_size=1, max_size=8).filter(lambda text: "\x00" not in text)
types = st.recursive(
    scalars | decimals,
    lambda inner: st.one_of(
        inner.map(lambda kind: DataType("LIST", fields=(("", kind),))),
        st.tuples(inner, inner).map(lambda pair: DataType("MAP", fields=(("", pair[0]), ("", pair[1])))),
        st.lists(st.tuples(names, inner), min_size=1, max_size=3).map(
            lambda found: DataType("STRUCT", fields=tuple(found))
        ),
    ),
    max_leaves=6,
)


@given(types)
def test_a_type_is_read_back_as_it_was_written(kind: DataType) -> None:
    assert DataType.parse(str(kind)) == kind


@given(types)
def test_what_is_stored_is_stored_as_itself(kind: DataType) -> None:
    assert stored(stored(kind)) == stored(kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("varchar(18)", "VARCHAR"),
        ("character varying(3)", "VARCHAR"),
        ("nvarchar(max)", "VARCHAR"),
        ("int64", "BIGINT"),
        ("NUMERIC(10)", "DECIMAL(10,0)"),
        ("number(38, 2)", "DECIMAL(38,2)"),
        ("double precision", "DOUBLE"),
        ("timestamp(3) with time zone", "TIMESTAMP WITH TIME ZONE"),
        ("timestamp_ntz", "TIMESTAMP"),
        ("array<struct<a:int,b:string>>", 'STRUCT("a" INTEGER, "b" VARCHAR)[]'),
        ("map<string, bigint>", "MAP(VARCHAR, BIGINT)"),
        ("ENUM('a', 'b, c')", "VARCHAR"),
        ("DOUBLE[3][]", "DOUBLE[3][]"),
    ],
)
def test_the_words_of_common_databases_are_understood(text: str, kind: str) -> None:
    assert str(DataType.parse(text)) == kind


@pytest.mark.parametrize(
    "text", ["", "quux", "DECIMAL(39,0)", "DECIMAL(3,9)", "INTEGER)", "STRUCT(", "MAP(INTEGER)", "INTEGER[", "a b c"]
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a known type"):
        DataType.parse(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("HUGEINT", "DECIMAL(38,0)"),
        ("UBIGINT", "DECIMAL(20,0)"),
        ("UINTEGER", "BIGINT"),
        ("JSON", "VARCHAR"),
        ("INTEGER[3]", "INTEGER[]"),
        ("STRUCT(a UUID)", 'STRUCT("a" VARCHAR)'),
    ],
)
def test_a_type_without_a_home_is_kept_in_a_wider_one(text: str, kept: str) -> None:
    assert str(stored(DataType.parse(text))) == kept


@pytest.mark.parametrize("text", ["TIMETZ", "INTERVAL", "TIMESTAMP_NS", "UNION(a INTEGER)", "INTERVAL[]"])
def test_a_type_that_would_lose_something_is_refused_with_the_cast_that_helps(text: str) -> None:
    with pytest.raises(Unstorable, match="cast it to"):
        stored(DataType.parse(text))
