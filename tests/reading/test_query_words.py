"""What a reader is told of a query that is refused: in a reader's words, with a step that a reader can take."""

from __future__ import annotations

import pytest

from meshwright.model.errors import InvalidInput
from meshwright.reading.query_text import accepted

QUERIES = {
    "from read_text('/etc/passwd')": "name published ports as domain.product",
    "describe sales.orders": "`mesh show` describes",
    "show tables": "`mesh list` lists",
    "select getenv('A')": "a query computes from published ports only",
    "drop table x": "this is no query, a query is one SELECT",
    "from duckdb_tables": "`mesh list` lists the ports",
    "from x at (version => 1)": "--as-of",
    "from x using sample 3 rows": "other rows each time",
    "select 1; select 2": "ask one at a time",
    f"select {'(' * 2000}1{')' * 2000}": "nested too deeply",
    f"select {'+'.join(['1'] * 3000)}": "ask for less at once",
}


@pytest.mark.parametrize("sql", QUERIES, ids=lambda sql: sql[:30])
def test_a_reader_is_told_what_a_reader_can_do(sql: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accepted(sql)
    assert QUERIES[sql] in str(caught.value)
    for word in ("transformation", "input", "step", "SET ", "SHOW_REF", "build"):
        assert word not in str(caught.value)
