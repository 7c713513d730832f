"""Reading what a plan scans: everything when it is not understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshwright.analysis.usage import scans_of

TABLES = {"t": ["a", "b", "s"], 'odd "x"': ["a"], "lines": ["a\nb", "a", "b"]}


def plan(table: str, projections: Any) -> str:
    scan = {"name": "SEQ_SCAN", "children": [], "extra_info": {"Table": table, "Projections": projections}}
    return json.dumps([{"name": "WINDOW", "children": [scan], "extra_info": {}}])


@pytest.mark.parametrize(
    ("table", "projections", "expected"),
    [
        ("memory.main.t", "a", {"t": {"a"}}),
        ("memory.main.t", ["a", "s.x.y"], {"t": {"a", "s"}}),
        ("memory.main.t", "", {"t": set()}),
        ("memory.main.t", None, {"t": {"a", "b", "s"}}),
        ("memory.main.t", ["a", "never heard of"], {"t": {"a", "b", "s"}}),
        ('memory.main."odd ""x"""', "a", {'odd "x"': {"a"}}),
        ("memory.main.lines", ["a", "b"], {"lines": {"a\nb", "a", "b"}}),
        ("memory.main.unheard_of", "a", {name: set(columns) for name, columns in TABLES.items()}),
    ],
)
def test_a_scan_reads_the_columns_it_projects_and_all_of_them_in_doubt(
    table: str, projections: Any, expected: dict[str, set[str]]
) -> None:
    assert scans_of(plan(table, projections), TABLES).columns == expected


def test_windows_are_counted() -> None:
    assert scans_of(plan("memory.main.t", "a"), TABLES).windows == 1
