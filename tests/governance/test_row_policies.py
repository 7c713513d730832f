"""Row policies compiled to SQL let through exactly the rows that Cedar permits when it is asked of each row."""

from __future__ import annotations

import json
import random
from typing import Any

import cedarpy
import duckdb
import pytest

from meshwright.governance.decisions import Decider
from meshwright.governance.policy_set import PolicySet
from meshwright.governance.policy_text import PolicyFile
from meshwright.governance.port_facts import ColumnFacts, PortFacts
from meshwright.governance.purposes import DPV
from meshwright.governance.vocabulary import schema
from meshwright.model.datatype import DataType
from meshwright.model.principal import Principal
from meshwright.model.restriction import FALSE
from meshwright.reading.masks import condition

COLUMNS = {"region": "VARCHAR", "amount": "BIGINT", "active": "BOOLEAN"}
PORT = PortFacts(
    product="sales.orders",
    port="orders",
    major=1,
    status="active",
    columns=tuple(
        ColumnFacts(number, name, DataType.parse(kind)) for number, (name, kind) in enumerate(COLUMNS.items(), 1)
    ),
)
ADA = Principal(id="ada", groups=("g",), attributes={"region": "EU", "clearance": 3})
ATTRIBUTES = {"region": "String", "clearance": "Long"}
TEXTS = ["EU", "US", "", "é", "e\u0301", "ß", "100%", "a_b", "日本", "\U0001f600", "eu", " EU", "\\"]
NUMBERS = [-(2**63), -1, 0, 1, 2, 3, 2**53 + 1, 2**63 - 1]
READS = 'permit (principal, action in [Action::"read", Action::"readClear"], resource);\n'
POLICIES, ROWS = 260, 40


def literal(text: str) -> str:
    return (
        '"'
        + "".join(f"\\u{{{ord(letter):x}}}" if letter in '"\\' or not letter.isascii() else letter for letter in text)
        + '"'
    )


class Conditions:
    """Random conditions on a row that Cedar's validator accepts: nothing is asked of a column before `has`."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def any(self, depth: int = 3) -> str:
        if depth == 0 or self.draw.random() < 0.3:
            return self.guarded()
        one, two = self.any(depth - 1), self.any(depth - 1)
        shape = self.draw.randrange(5)
        if shape == 0:
            return f"!({one})"
        if shape == 1:
            return f"(if {one} then {two} else {self.any(depth - 1)})"
        return f"({one} {'&&' if shape < 4 else '||'} {two})"

    def guarded(self) -> str:
        name = self.draw.choice(list(COLUMNS))
        asked = {"region": self.region, "amount": self.amount, "active": self.active}[name]()
        return f"(resource has {name} && {asked})" if self.draw.random() < 0.9 else f"(resource has {name})"

    def region(self) -> str:
        text = literal(self.draw.choice(TEXTS))
        return self.draw.choice(
            [
                f"resource.region == {text}",
                f"resource.region != {text}",
                "resource.region == principal.region",
                f"[{text}, {literal(self.draw.choice(TEXTS))}].contains(resource.region)",
                'resource.region like "*U*"',
                'resource.region like "1*\\u{25}"',
                'resource.region like "a_b"',
            ]
        )

    def amount(self) -> str:
        operator = self.draw.choice(["==", "!=", "<", "<=", ">", ">="])
        number = self.draw.choice([*map(str, NUMBERS[1:]), "principal.clearance"])
        return (
            f"resource.amount {operator} {number}"
            if self.draw.random() < 0.7
            else f"{number} {operator} resource.amount"
        )

    def active(self) -> str:
        return self.draw.choice(
            ["resource.active", "!resource.active", "resource.active == true", "resource.active != false"]
        )


def policy_set(draw: random.Random) -> str:
    made = Conditions(draw)
    text = ""
    for number in range(draw.randint(1, 4)):
        effect = "permit" if number == 0 else draw.choice(["permit", "forbid", "forbid"])
        clause = draw.choice(["when", "when", "unless"])
        text += f'{effect} (principal, action == Action::"readRow", resource is Row) {clause} {{ {made.any()} }};\n'
    return text


def rows(draw: random.Random) -> list[dict[str, Any]]:
    values: dict[str, list[Any]] = {"region": TEXTS, "amount": NUMBERS, "active": [True, False]}
    return [{name: draw.choice([None, *some]) for name, some in values.items()} for _ in range(ROWS)]


def permitted(text: str, found: list[dict[str, Any]]) -> list[bool]:
    """What Cedar says of each row; a NULL is an attribute that the row has not."""
    entities: list[dict[str, Any]] = [
        {"uid": {"type": "Person", "id": "ada"}, "attrs": ADA.attributes, "parents": []},
    ]
    for number, row in enumerate(found):
        attributes = {name: value for name, value in row.items() if value is not None}
        entities.append({"uid": {"type": "Row", "id": str(number)}, "attrs": attributes, "parents": []})
    requests = [
        {
            "principal": {"type": "Person", "id": "ada"},
            "action": {"type": "Action", "id": "readRow"},
            "resource": {"type": "Row", "id": str(number)},
            "context": {},
        }
        for number in range(len(found))
    ]
    answers = cedarpy.is_authorized_batch(requests, text, json.dumps(entities))
    assert not [error for answer in answers for error in answer.diagnostics.errors]
    return [answer.allowed for answer in answers]


def let_through(text: str, found: list[dict[str, Any]], connection: duckdb.DuckDBPyConnection) -> list[bool]:
    """What the compiled filter says of each row."""
    decider = Decider(PolicySet([PolicyFile(path="p.cedar", text=READS + text)], attributes=ATTRIBUTES), purposes=DPV)
    decision = decider.read(ADA, PORT)
    assert decision.allowed, decision.reasons
    rows = decision.restriction.row_filter
    if rows is None:
        return [True] * len(found)
    names = {column.id: f'"{column.name}"' for column in PORT.columns}
    connection.execute("DELETE FROM t")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?)",
        [(number, row["region"], row["amount"], row["active"]) for number, row in enumerate(found)],
    )
    kept = {number for (number,) in connection.execute(f"SELECT n FROM t WHERE {condition(rows, names)}").fetchall()}
    return [number in kept for number in range(len(found))]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_compiled_filters_agree_with_cedar_on_every_row(seed: int) -> None:
    draw = random.Random(seed)
    kinds = schema({"region": "String", "amount": "Long", "active": "Bool"}, {"region": "String", "clearance": "Long"})
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (n INTEGER, region VARCHAR, amount BIGINT, active BOOLEAN)")
        seen = {True: 0, False: 0}
        for _ in range(POLICIES // 4):
            text = policy_set(draw)
            guarded = text.replace("principal.region", '"EU"').replace("principal.clearance", "3")
            assert cedarpy.validate_policies(guarded, kinds).validation_passed, text
            found = rows(draw)
            expected, got = permitted(text, found), let_through(text, found, connection)
            wrong = [row for row, one, two in zip(found, expected, got, strict=True) if one != two]
            assert not wrong, f"seed {seed}: {text}\n{wrong}"
            for one in expected:
                seen[one] += 1
    assert min(seen.values()) > POLICIES * ROWS // 4 // 20, "hardly a row was let through, or hardly one held back"


def test_a_row_policy_on_a_column_that_the_port_has_not_lets_nothing_through() -> None:
    text = 'permit (principal, action == Action::"readRow", resource is Row) when { resource has other && resource.other == "x" };'
    decision = Decider(
        PolicySet([PolicyFile(path="p.cedar", text=READS + text)], attributes=ATTRIBUTES), purposes=DPV
    ).read(ADA, PORT)
    assert decision.allowed
    assert decision.restriction.row_filter == FALSE


@pytest.mark.parametrize(
    "body",
    [
        "resource.amount + 1 > 3",
        "resource.region == resource.amount",
        'resource.region.contains("x")',
        "ip(resource.region).isLoopback()",
        "resource has amount && resource.amount * 2 == 4",
    ],
)
def test_what_sql_would_answer_otherwise_denies_the_whole_read(body: str) -> None:
    text = f'permit (principal, action == Action::"readRow", resource is Row) when {{ {body} }};'
    decision = Decider(
        PolicySet([PolicyFile(path="p.cedar", text=READS + text)], attributes=ATTRIBUTES), purposes=DPV
    ).read(ADA, PORT)
    rows = decision.restriction.row_filter
    assert not decision.allowed or rows is not None
    if decision.allowed:
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE t (region VARCHAR, amount BIGINT, active BOOLEAN)")
            connection.execute("INSERT INTO t VALUES ('3', 3, true), (NULL, NULL, NULL)")
            assert rows is not None
            names = {column.id: f'"{column.name}"' for column in PORT.columns}
            assert connection.execute(f"SELECT count(*) FROM t WHERE {condition(rows, names)}").fetchone() == (0,)
