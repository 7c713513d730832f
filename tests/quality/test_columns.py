"""Promises of single columns: each kept and broken, with counts and rows to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.contract import Table

if TYPE_CHECKING:
    from quality.conftest import Lab

# option, physical type, logical type, what is asked, rows that keep it, rows that break it (SQL)
OPTIONS = [
    ("minLength", "VARCHAR", "string", 2, ["'ab'", "'äö'", "NULL"], ["'a'", "''"]),
    ("maxLength", "VARCHAR", "string", 2, ["'ab'", "'äö'", "NULL"], ["'abc'"]),
    ("pattern", "VARCHAR", "string", "ACC[0-9]{3}", ["'ACC123'", "'xACC123y'", "NULL"], ["'ACC12'", "'acc123'"]),
    ("pattern", "VARCHAR", "string", r"^\u00e9+$", ["'éé'"], ["'e'"]),
    ("pattern", "VARCHAR", "string", "^[a-z]*$", ["'ab'", "''"], ["'aB'", "E'ab\\n'"]),
    ("format", "VARCHAR", "string", "email", ["'a.b+c@d-e.org'"], ["'a'", "'a@'", "'a b@c.d'", "'.a@b.c'"]),
    ("format", "VARCHAR", "string", "uuid", ["'53581432-6c55-4ba2-a65f-72344a91553a'"], ["'53581432'", "'x'"]),
    ("format", "VARCHAR", "string", "uri", ["'https://a.b/c?d#e'", "'urn:isbn:1'"], ["'a b'", "'/c'", "'http://a b'"]),
    ("format", "VARCHAR", "string", "hostname", ["'a.b-c.org'", "'localhost'"], ["'-a.b'", "'a..b'", "'a_b'"]),
    ("format", "VARCHAR", "string", "ipv4", ["'127.0.0.1'", "'255.255.255.255'"], ["'256.1.1.1'", "'1.1.1'"]),
    ("format", "VARCHAR", "string", "ipv6", ["'::1'", "'2001:db8::8a2e:370:7334'", "'::ffff:1.2.3.4'"], ["'1::2::3'", "'g::'"]),
    ("format", "VARCHAR", "string", "date", ["'2024-02-29'"], ["'2023-02-29'", "'2024-2-9'", "'29.02.2024'"]),
    ("format", "VARCHAR", "string", "date-time", ["'2024-02-29T10:00:00Z'"], ["'2024-02-29'", "'2023-02-30T10:00:00Z'"]),
    ("format", "VARCHAR", "string", "time", ["'10:00:00Z'", "'23:59:59.5'"], ["'24:00:00'", "'10:00'"]),
    ("format", "VARCHAR", "string", "duration", ["'P1DT2H'", "'P2W'"], ["'P'", "'1D'", "'PT'"]),
    ("format", "VARCHAR", "string", "byte", ["'YWI='", "''"], ["'YWI'", "'?'"]),
    ("format", "VARCHAR", "string", "json-pointer", ["'/a/0'", "''"], ["'a'", "'/~'"]),
    ("format", "VARCHAR", "string", "password", ["'x'", "''"], []),
    ("format", "BIGINT", "integer", "i8", ["127", "-128"], ["128", "-129"]),
    ("format", "BIGINT", "integer", "u16", ["0", "65535"], ["-1", "65536"]),
    ("format", "DOUBLE", "number", "f32", ["3e38", "'nan'::DOUBLE", "'inf'::DOUBLE"], ["1e39"]),
    ("format", "DATE", "date", "yyyy-MM-dd", ["DATE '2020-01-01'"], []),
    ("format", "VARCHAR", "date", "dd.MM.yyyy", ["'29.02.2024'"], ["'30.02.2024'", "'2024-02-29'"]),
    ("format", "VARCHAR", "timestamp", "yyyy-MM-dd'T'HH:mm:ss", ["'2024-02-29T10:00:00'"], ["'2024-02-29 10:00:00'"]),
    ("minimum", "BIGINT", "integer", 5, ["5", "6", "NULL"], ["4", "-1"]),
    ("minimum", "INTEGER", "integer", 0.5, ["1"], ["0"]),
    ("maximum", "DECIMAL(10,2)", "number", 0.1, ["0.10", "-5"], ["0.11"]),
    ("maximum", "FLOAT", "number", 0.1, ["0.1::FLOAT"], ["0.1000001::FLOAT", "'nan'::FLOAT", "'inf'::FLOAT"]),
    ("minimum", "DOUBLE", "number", 0, ["0.0", "'inf'::DOUBLE"], ["-1e-300", "'nan'::DOUBLE", "'-inf'::DOUBLE"]),
    ("exclusiveMinimum", "DOUBLE", "number", 0, ["1e-300"], ["0.0", "'nan'::DOUBLE"]),
    ("exclusiveMaximum", "INTEGER", "integer", 100, ["99"], ["100", "101"]),
    ("minimum", "DATE", "date", "2020-01-01", ["DATE '2020-01-01'"], ["DATE '2019-12-31'"]),
    ("exclusiveMinimum", "DATE", "date", "2020-01-01", ["DATE '2020-01-02'"], ["DATE '2020-01-01'"]),
    ("maximum", "TIMESTAMP", "timestamp", "2021-01-01 00:00:00+10:00", ["TIMESTAMP '2020-12-31 14:00:00'"], ["TIMESTAMP '2020-12-31 14:00:01'"]),
    ("maximum", "TIMESTAMPTZ", "timestamp", "2021-01-01 00:00:00", ["TIMESTAMPTZ '2021-01-01 00:00:00+00'"], ["TIMESTAMPTZ '2021-01-01 00:00:00-01'"]),
    ("maximum", "TIME", "time", "12:00:00", ["TIME '12:00:00'"], ["TIME '12:00:01'"]),
    ("minimum", "VARCHAR", "integer", 10, ["'10'", "' 11'"], ["'9'", "'x'"]),
    ("multipleOf", "INTEGER", "integer", 5, ["0", "-10"], ["3"]),
    ("multipleOf", "DECIMAL(10,2)", "number", 0.05, ["7.35"], ["7.36"]),
    ("multipleOf", "DOUBLE", "number", 0.1, ["0.3::DOUBLE", "1e6::DOUBLE"], ["0.35::DOUBLE", "'nan'::DOUBLE", "'inf'::DOUBLE"]),
    ("enum", "VARCHAR", "string", ["A", "B"], ["'A'", "NULL"], ["'a'", "''"]),
    ("enum", "INTEGER", "integer", [1, "2"], ["1", "2"], ["3"]),
    ("enum", "BOOLEAN", "boolean", [True], ["true"], ["false"]),
    ("enum", "DOUBLE", "number", [0.1], ["0.1::DOUBLE"], ["0.2::DOUBLE", "'nan'::DOUBLE"]),
    ("enum", "DATE", "date", ["2020-01-01"], ["DATE '2020-01-01'"], ["DATE '2020-01-02'"]),
    ("minItems", "INTEGER[]", "array", 1, ["[1]", "NULL"], ["[]::INTEGER[]"]),
    ("maxItems", "INTEGER[]", "array", 1, ["[1]", "[]"], ["[1, 2]"]),
    ("uniqueItems", "INTEGER[]", "array", True, ["[1, NULL]", "[1, 2]", "[]"], ["[1, 1]", "[NULL, NULL]"]),
    ("uniqueItems", "INTEGER[]", "array", False, ["[1, 1]"], []),
    ("maxProperties", "STRUCT(a INTEGER, b INTEGER)", "object", 1, ["{'a': 1, 'b': NULL}", "NULL"], ["{'a': 1, 'b': 2}"]),
    ("minProperties", "MAP(VARCHAR, INTEGER)", "map", 1, ["MAP {'a': 1}"], ["MAP {}::MAP(VARCHAR, INTEGER)"]),
    ("required", "STRUCT(a INTEGER, b INTEGER)", "object", ["a"], ["{'a': 1, 'b': NULL}", "NULL"], ["{'a': NULL, 'b': 2}"]),
    ("required", "STRUCT(a INTEGER)", "object", ["z"], ["NULL"], ["{'a': 1}"]),
    ("dimensions", "FLOAT[]", "vector", 2, ["[1.0::FLOAT, 2.0::FLOAT]"], ["[1.0::FLOAT]"]),
]  # fmt: skip


@pytest.mark.parametrize(("option", "kind", "logical", "asked", "good", "bad"), OPTIONS)
def test_an_option_passes_what_keeps_it_and_counts_what_breaks_it(
    lab: Lab, option: str, kind: str, logical: str, asked: Any, good: list[str], bad: list[str]
) -> None:
    promised = lab.typed("v", kind, logical_type=logical, options={option: asked})
    typed = [f"CAST({value} AS {kind})" for value in good]
    kept = lab.column(lab.values(*typed), promised).get(f"v:{option}")
    assert kept is None or (kept.outcome, kept.failing, kept.sample) == ("passed", 0, ()), kept
    if bad:
        typed += [f"CAST({value} AS {kind})" for value in bad]
        broken = lab.column(lab.values(*typed), promised)[f"v:{option}"]
        assert (broken.outcome, broken.failing, len(broken.sample)) == ("failed", len(bad), len(bad)), broken
        assert broken.rows == len(typed)


@pytest.mark.parametrize(
    ("option", "kind", "asked", "words"),
    [
        ("pattern", "VARCHAR", "(?=a)", "looks around"),
        ("pattern", "VARCHAR", r"(a)\1", "looks around or back"),
        ("pattern", "VARCHAR", "(", "missing"),
        ("format", "VARCHAR", "postcode", "no known format"),
        ("minimum", "VARCHAR", 1, "no minimum"),
        ("minimum", "INTEGER", "many", "no value of type"),
        ("minLength", "INTEGER[]", 1, "about text"),
        ("minItems", "INTEGER", 1, "about lists"),
        ("multipleOf", "INTEGER", 0, "above zero"),
        ("enum", "INTEGER", ["a"], "no value of type"),
        ("shoeSize", "INTEGER", 1, "not known"),
    ],
)
def test_an_option_that_cannot_be_evaluated_is_an_error_that_says_why(
    lab: Lab, option: str, kind: str, asked: Any, words: str
) -> None:
    value = "NULL" if kind == "INTEGER[]" else "'1'"
    logical = "string" if kind == "VARCHAR" else ""
    promised = lab.typed("v", kind, logical_type=logical, options={option: asked, "maxLength": 9})
    result = lab.column(lab.values(f"CAST({value} AS {kind})"), promised)[f"v:{option}"]
    assert result.outcome == "error"
    assert words in result.message
    assert result.blocks


def test_a_rule_that_cannot_be_evaluated_does_not_hide_its_neighbours(lab: Lab) -> None:
    promised = lab.typed("v", "VARCHAR", options={"pattern": "(", "maxLength": 1, "minLength": 1})
    results = lab.column(lab.values("'ab'", "'a'"), promised)
    assert {name: result.outcome for name, result in results.items()} == {
        "v:pattern": "error",
        "v:maxLength": "failed",
        "v:minLength": "passed",
    }


def test_required_counts_nulls_from_footers(lab: Lab) -> None:
    result = lab.column(lab.values("1", "NULL", "NULL"), lab.typed("v", "INTEGER", required=True))["v:required"]
    assert (result.outcome, result.failing, result.proof, result.dimension) == ("failed", 2, "footer", "completeness")
    assert result.sample == ({"v": None}, {"v": None})


def test_unique_counts_rows_beyond_the_first_and_ignores_nulls(lab: Lab) -> None:
    promised = lab.typed("v", "INTEGER", unique=True)
    assert lab.column(lab.values("1", "2", "NULL", "NULL"), promised)["v:unique"].outcome == "passed"
    result = lab.column(lab.values("1", "2", "1", "1", "2", "3"), promised)["v:unique"]
    assert (result.outcome, result.failing, len(result.sample)) == ("failed", 3, 3)


def test_a_compound_primary_key_is_not_null_and_unique(lab: Lab) -> None:
    table = Table(
        name="t",
        columns=(
            lab.typed("b", "INTEGER", primary_key=True, primary_key_position=2),
            lab.typed("a", "VARCHAR", primary_key=True, primary_key_position=1),
        ),
    )
    good = lab.run(table, lab.data(lab.values("1, 'x'", "2, 'x'", "1, 'y'", names="b, a")))
    assert {good["primaryKey:required"].outcome, good["primaryKey:unique"].outcome} == {"passed"}
    bad = lab.run(table, lab.data(lab.values("1, 'x'", "NULL, 'x'", "1, 'x'", names="b, a")))
    assert (bad["primaryKey:required"].failing, bad["primaryKey:unique"].failing) == (1, 1)
    assert bad["primaryKey:unique"].sample == ({"b": 1, "a": "x"},)


def test_rules_reach_into_structs_and_lists(lab: Lab) -> None:
    address = lab.typed(
        "address",
        "STRUCT(zip VARCHAR, tags VARCHAR[])",
        properties=(
            lab.typed("zip", "VARCHAR", required=True, options={"maxLength": 2}),
            lab.typed("tags", "VARCHAR[]", items=lab.typed("", "VARCHAR", required=True, options={"enum": ["a", "b"]})),
        ),
    )
    results = lab.column(
        lab.values(
            "{'zip': '12', 'tags': ['a', 'b']}",
            "{'zip': NULL, 'tags': ['c', 'd']}",
            "{'zip': '123', 'tags': [NULL]}",
            "NULL",
            names="address",
        ),
        address,
    )
    assert {name: result.failing for name, result in results.items()} == {
        "address.zip:required": 1,
        "address.zip:maxLength": 1,
        "address.tags[]:required": 1,
        "address.tags[]:enum": 1,
    }


def test_rules_reach_into_lists_of_lists_and_maps(lab: Lab) -> None:
    inner = lab.typed("", "INTEGER[]", items=lab.typed("", "INTEGER", options={"minimum": 0}))
    lists = lab.column(lab.values("[[1], [0, -1]]", "[[1]]", "NULL"), lab.typed("v", "INTEGER[][]", items=inner))
    assert lists["v[][]:minimum"].failing == 1
    parts = (lab.typed("key", "VARCHAR", options={"maxLength": 1}), lab.typed("value", "INTEGER", required=True))
    promised = lab.typed("v", "MAP(VARCHAR, INTEGER)", logical_type="map", properties=parts)
    maps = lab.column(lab.values("MAP {'a': 1}", "MAP {'ab': NULL}"), promised)
    assert (maps["v.key:maxLength"].failing, maps["v.value:required"].failing) == (1, 1)


def test_objects_kept_as_json_text_are_asked_as_objects(lab: Lab) -> None:
    promised = lab.typed("v", "JSON", logical_type="object", options={"required": ["a"], "maxProperties": 1})
    rows = lab.values("""'{"a": 1}'""", """'{"b": 1, "c": 2}'""", "'nonsense'", "NULL")
    results = lab.column(rows, promised)
    assert results["v:json"].failing == 1
    assert results["v:maxProperties"].failing == 1
    assert results["v:required"].failing >= 1


def test_text_kept_for_a_uuid_column_is_a_uuid(lab: Lab) -> None:
    results = lab.column(lab.values("'53581432-6c55-4ba2-a65f-72344a91553a'", "'x'", "NULL"), lab.typed("v", "UUID"))
    assert results["v:uuid"].failing == 1


def test_two_rules_of_a_kind_have_names_of_their_own(lab: Lab) -> None:
    rules = (lab.rule("nullValues", mustBe=0), lab.rule("nullValues", mustBeLessThan=50, unit="percent"))
    results = lab.column(lab.values("1"), lab.typed("v", "INTEGER", quality=rules))
    assert list(results) == ["v:nullValues", "v:nullValues:2"]


def test_rules_reach_into_json_text(lab: Lab) -> None:
    members = (
        lab.typed("zip", "VARCHAR", required=True, options={"maxLength": 2}),
        lab.typed("n", "BIGINT", logical_type="integer", options={"minimum": 1}),
        lab.typed('a"b', "VARCHAR", options={"enum": ["x"]}),
        lab.typed("tags", "JSON", items=lab.typed("", "VARCHAR", required=True, options={"enum": ["a"]})),
    )
    rows = lab.values(
        """'{"zip": "12", "n": 1, "a\\"b": "x", "tags": ["a", "a"]}'""",
        """'{"zip": "123", "n": 0, "a\\"b": "y", "tags": ["b", null]}'""",
        """'{"n": "many", "tags": []}'""",
        "NULL",
    )
    results = lab.column(rows, lab.typed("v", "JSON", logical_type="object", properties=members))
    assert {name: result.failing for name, result in results.items()} == {
        "v:json": 0,
        "v.zip:required": 1,
        "v.zip:maxLength": 1,
        "v.n:minimum": 2,
        'v.a"b:enum': 1,
        "v.tags:json": 0,
        "v.tags[]:required": 1,
        "v.tags[]:enum": 1,
    }
