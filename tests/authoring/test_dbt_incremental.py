"""Incremental models: the filter says which input's changes are read, or the model is built in full with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from meshwright.authoring.dbt.incremental import recognised

FILTER = "where at > (select max(at) from __this__)"


def kept(filtered: str, whole: str | None = None, **config: Any) -> Any:
    return recognised(
        filtered, whole if whole is not None else filtered.replace(FILTER, ""), config=config, dialect="duckdb"
    )


@pytest.mark.parametrize(
    "query",
    [
        f"select * from t_1 {FILTER}",
        f"with s as (select * from t_1) select a, b from s {FILTER}",
        f"with s as (select a, at from t_1 where b), r as (select * from s {FILTER}) select a, count(*) from r group by a",
        "select * from t_1 where at >= coalesce((select max(at) from __this__), '1900-01-01')",
        "with s as (select * from t_1 where at > (select max(at) from __this__)) select * from s join t_2 using (id)",
        "select a.*, b.x from t_1 a left join t_2 b on a.i = b.i where b.x > 1 and a.at > (select max(at) from __this__)",
    ],
)
def test_the_filtered_table_is_found(query: str) -> None:
    found = kept(query, whole=query.replace("__this__", "nothing"), unique_key="id")
    assert (found.materialization, found.key, found.token) == ("merge", ("id",), "t_1")


def test_without_a_key_rows_are_appended() -> None:
    assert kept(f"select * from t_1 {FILTER}").materialization == "append"


@pytest.mark.parametrize(
    ("query", "config", "why"),
    [
        ("select * from t_1", {}, "compares nothing"),
        (f"select * from t_1 join t_2 using (id) {FILTER}", {}, "several tables"),
        ("select * from t_1 a join t_2 b using (i) where b.at > (select max(at) from __this__)", {}, "several tables"),
        (
            "select * from t_1 a full join t_2 b using (i) where a.at > (select max(at) from __this__)",
            {},
            "several tables",
        ),
        (f"with s as (select a, max(at) as at from t_1 group by a) select * from s {FILTER}", {}, "grouped rows"),
        ("select *, (select max(at) from __this__) as last from t_1", {}, "outside a single WHERE"),
        (f"select * from t_1 {FILTER}", {"unique_key": "a || b"}, "an expression"),
        ("select * from t_1 where id not in (select id from __this__ where is_done)", {}, "asks more of what it holds"),
        (f"select * from t_1 {FILTER}", {"incremental_strategy": "microbatch"}, "microbatch"),
        (f"with a as (select * from t_1 {FILTER}), b as (select * from t_1) select * from a, b", {}, "several places"),
    ],
)
def test_what_is_not_recognised_is_built_in_full_and_says_why(query: str, config: dict[str, Any], why: str) -> None:
    found = kept(query, **config)
    assert found.materialization == "full"
    assert why in found.why
