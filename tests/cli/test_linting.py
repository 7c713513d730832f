"""`mesh lint`: what is said of SQL's style, and that putting it right never changes what a query says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.analysis import sql_style
from meshwright.analysis.fingerprint import definitions, fingerprint
from meshwright.analysis.query import parse

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder

UGLY = "SELECT id,  amount*2 as amount\nfrom sales.orders o where amount>1 AND id<3"


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.write("data/orders.csv", "id,amount\n1,10\n")
    mesh.product("sales.orders", "select\n    id,\n    amount\nfrom 'data/orders.csv'\n")
    mesh.product("finance.totals", UGLY)
    return mesh


def test_findings_have_a_place_and_a_rule_and_leave_exit_code_1(shop: MeshFolder) -> None:
    found = shop.mesh("lint", "--json")
    assert found.code == 1
    assert {one["file"] for one in found.data["findings"]} == {"domains/finance/totals/transform/totals.sql"}
    assert {one["code"] for one in found.data["findings"]} == {"sql-style"}
    text = shop.mesh("lint")
    assert "domains/finance/totals/transform/totals.sql:1:11: warning[sql-style]: " in text.out
    assert "(layout.spacing)" in text.out


def test_fixed_queries_say_the_same_and_nothing_is_left(shop: MeshFolder) -> None:
    shop.build()
    found = shop.mesh("lint", "--fix", "--json")
    assert (found.code, found.data["clean"]) == (0, True)
    assert found.data["fixed"] == ["domains/finance/totals/transform/totals.sql"]
    made = (shop.root / "domains/finance/totals/transform/totals.sql").read_text()
    assert "amount * 2 as amount" in made.lower()
    assert fingerprint(parse(made)) == fingerprint(parse(UGLY))
    assert shop.actions() == {"sales.orders": "reuse", "finance.totals": "reuse"}
    assert shop.mesh("lint").code == 0


def test_a_file_whose_correction_would_say_something_else_is_left_as_it_is(shop: MeshFolder) -> None:
    shop.write(".sqlfluff", "[sqlfluff]\nrules = CV04,LT01\n")
    file = shop.write("domains/finance/totals/transform/totals.sql", "select count( 1) as n from sales.orders\n")
    found = shop.mesh("lint", "--fix")
    assert (found.code, "cannot be put right without a change of what it says" in found.out) == (1, True)
    assert file.read_text() == "select count( 1) as n from sales.orders\n"


def test_paths_may_be_files_folders_and_outside_any_mesh(
    shop: MeshFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    assert shop.mesh("lint", "domains/sales").code == 0
    assert shop.mesh("lint", "domains/sales", "domains/finance/totals/transform/totals.sql").code == 1
    missing = shop.mesh("lint", "domains/nowhere")
    assert (missing.code, "there is no file or folder domains/nowhere" in missing.err) == (2, True)


def test_what_is_no_query_is_an_error_and_what_the_linter_does_not_know_is_told(shop: MeshFolder) -> None:
    shop.write("domains/finance/totals/transform/totals.sql", "selec 1\n")
    broken = shop.mesh("lint", "--fix")
    assert (broken.code, "error[sql-syntax]" in broken.out) == (1, True)
    # DuckDB's prefix alias, which sqlfluff has not learnt.
    shop.write("domains/finance/totals/transform/totals.sql", "select total: sum(amount) from sales.orders\n")
    unknown = shop.mesh("lint", "--json")
    assert (unknown.code, unknown.data["not_read"]) == (0, ["domains/finance/totals/transform/totals.sql"])


def test_a_rule_may_be_silenced_in_its_line(shop: MeshFolder) -> None:
    shop.write("domains/finance/totals/transform/totals.sql", "select  id from sales.orders -- noqa: LT01\n")
    assert shop.mesh("lint").code == 0


@pytest.mark.parametrize(
    "query",
    [
        'select "Id" as ID,x from "a.b@1" where y=NULL',
        "FROM a.b SELECT COLUMNS('x.*')",
        "select * exclude(a) replace (b+1 as b) from 'data/*.csv'",
        "with x as (select 1 as a),y as (select a from x) select y.a,'It''s' as t from y join x using(a)",
        "select a::int,cast(b as varchar) from t__changes qualify row_number() over(partition by a order by b)=1",
        "pivot t on a in ('x','y') using sum(b)",
        "select list_transform(l,lambda x:x+1) as l,{'a':1} as s from t group by all order by all",
        "select 1 as a union all select 2 -- a comment at the end",
        "select case when a then 1 else 0 end x from t where b<>1 or b!=2;",
    ],
)
def test_putting_style_right_keeps_tree_and_columns(query: str) -> None:
    made = sql_style.fixed(query)
    assert fingerprint(parse(made)) == fingerprint(parse(query))
    assert definitions(parse(made)).keys() == definitions(parse(query)).keys()
    assert sql_style.fixed(made) == made
