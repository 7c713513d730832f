"""`mesh plan --format markdown`: what merging does, whom it breaks and what building it has shown, as a comment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from meshwright.build.review import Review
from meshwright.cli.markdown import code, text
from meshwright.cli.reviewing import LENGTH_MAX, review_text
from meshwright.model.plan import Action, Affected, Change, Plan, ProductPlan

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

ORDERS = "select * from (values (1, 'ada', 10.0), (2, 'bob', 20.0)) t(id, customer, amount)"
CONTRACT = """
- {name: id, logicalType: integer, physicalType: INTEGER, required: true, primaryKey: true}
- {name: customer, logicalType: string, physicalType: VARCHAR}
- {name: amount, logicalType: number, physicalType: DOUBLE}
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """orders → revenue → board, built in prod, and an environment `trial`."""
    mesh.product("sales.orders", ORDERS, contract=CONTRACT)
    mesh.product("finance.revenue", "select sum(amount) as total from sales.orders")
    mesh.product("finance.board", "select total as best from finance.revenue")
    mesh.build()
    assert mesh.mesh("env", "create", "trial").code == 0
    return mesh


def comment(mesh: MeshFolder, *, code: int = 0, env: str = "trial") -> str:
    answer = mesh.mesh("plan", "--env", env, "--format", "markdown")
    assert answer.code == code, answer.out + answer.err
    return answer.out


def rows(comment: str, heading: str) -> list[list[str]]:
    """The cells of the table below *heading*, by row; every row must have as many as the headers."""
    part = comment.split(f"#### {heading}\n", 1)[1].split("\n####", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert len({len(row) for row in cells}) == 1, cells
    return cells[2:]


def test_nothing_changed_is_said_in_a_line(shop: MeshFolder) -> None:
    assert "**Nothing changes in `prod`.**" in comment(shop)


def test_what_is_built_in_the_environment_is_shown_with_reasons_counts_and_tests(shop: MeshFolder) -> None:
    query = "select * from (values (1, 'ada', 11.0, 'web'), (3, 'eve', 25.0, 'shop')) t(id, customer, amount, channel)"
    shop.write("domains/sales/orders/transform/orders.sql", query)
    shop.contract("sales.orders", f"{CONTRACT}- {{name: channel, logicalType: string, physicalType: VARCHAR}}\n")
    shop.build("--env", "trial")
    found = comment(shop)
    assert found.startswith("### Mesh review: `trial` → `prod`\n\n✅ **Ready.** 3 products change in `prod`")
    changes = {row[0]: row for row in rows(found, "What changes")}
    assert list(changes) == ["`sales.orders`", "`finance.revenue`", "`finance.board`"]
    assert "orders.sql changed" in changes["`sales.orders`"][3]
    assert changes["`finance.board`"][1:3] == ["`finance_team`", "changes"]
    assert {row[-1] for row in changes.values()} == {"built"}
    ((port, column, change, judged, version),) = rows(found, "Contracts")
    assert (port, column, judged) == ("`sales.orders`", "`channel`", "compatible")
    assert "column added" in change
    assert version == "1.0.0, **needs a new minor version**"
    data = {row[0]: row[1:] for row in rows(found, "Data")}
    assert data["`sales.orders`"] == ["2", "1", "1", "1", "added `channel`, `amount` in 1"]
    assert re.search(r"^\d+ passed, on 3 ports built in `trial`", found, re.MULTILINE)
    assert comment(shop) == found


def test_no_value_of_the_data_is_in_a_comment(shop: MeshFolder) -> None:
    shop.write("domains/sales/orders/transform/orders.sql", ORDERS.replace("'bob'", "'mallory'"))
    shop.build("--env", "trial")
    found = comment(shop)
    assert "`customer` in 1" in found
    assert not {"ada", "bob", "mallory"} & set(re.findall(r"\w+", found))


def test_a_break_is_not_ready_and_names_readers_columns_and_whom_to_tell(shop: MeshFolder) -> None:
    shop.write("domains/sales/orders/transform/orders.sql", "select id, customer from (" + ORDERS + ")")
    shop.contract("sales.orders", "".join(line + "\n" for line in CONTRACT.splitlines() if "amount" not in line))
    shop.build("--env", "trial", code=1)
    found = comment(shop, code=1)
    assert "⛔ **Not ready.** 1 product blocked: `sales.orders`." in found
    breaks = {row[0]: row[1:] for row in rows(found, "Who breaks")}
    assert breaks["`finance.revenue`"][:3] == ["`finance_team`", "`amount`", "`total`"]
    assert breaks["`finance.board`"][1:3] == ["_through others_", "`best`"]
    assert "amount column removed" in breaks["`finance.board`"][3]
    assert "**Tell** `finance_team` (`finance.board`, `finance.revenue`)." in found


def test_a_build_that_failed_in_the_environment_is_not_ready_and_its_rule_is_named(shop: MeshFolder) -> None:
    shop.write("domains/sales/orders/transform/orders.sql", ORDERS.replace("(2,", "(1,"))
    shop.build("--env", "trial", code=1)
    found = comment(shop)
    assert "⛔ **Not ready.** 1 of 3 builds failed in `trial`." in found
    states = {row[0]: row[-1] for row in rows(found, "What changes")}
    assert states["`sales.orders`"].startswith("**failed**")
    assert states["`finance.revenue`"] == "not built yet"
    assert ["`sales.orders`", "**failed**"] in [[row[0], row[2]] for row in rows(found, "Tests")]


def test_a_value_that_a_build_could_not_take_is_not_in_the_comment(shop: MeshFolder) -> None:
    notes = "(values (1, 'ada', 'secret-value')) t(id, customer, note)"
    shop.write(
        "domains/sales/orders/transform/orders.sql",
        f"select id, customer, cast(note as double) as amount from {notes}",
    )
    failed = shop.build("--env", "trial", code=2)
    assert "secret-value" in failed["sales.orders"]["message"]
    found = comment(shop)
    assert "**failed**: " in found
    assert "secret-value" not in found


def test_a_warning_that_the_environment_below_has_too_is_folded_away(shop: MeshFolder) -> None:
    rule = "quality: [{type: library, metric: nullValues, mustBe: 0, severity: warning}]"
    columns = f"""
    - {{name: id, logicalType: integer, physicalType: INTEGER}}
    - {{name: note, logicalType: string, physicalType: VARCHAR, {rule}}}
    """
    shop.product("sales.notes", "select 1 as id, null::varchar as note", contract=columns)
    shop.build("--env", "prod", "--select", "sales.notes")
    shop.write("domains/sales/notes/transform/notes.sql", "select 2 as id, null::varchar as note")
    shop.build("--env", "trial")
    found = comment(shop)
    assert "1 with a warning" in found
    folded = found.split("<details><summary>1 rule as in <code>prod</code></summary>", 1)[1]
    assert "| `sales.notes` | `note:nullValues` | warning | the same |" in folded
    shop.write("domains/sales/notes/transform/notes.sql", "select unnest([2, 3]) as id, null::varchar as note")
    shop.build("--env", "trial")
    assert ["warning", "1 rows, here 2"] in [row[2:4] for row in rows(comment(shop), "Tests")]


def test_a_mesh_that_is_not_valid_is_a_comment_of_what_is_wrong(shop: MeshFolder) -> None:
    shop.write("mesh.yaml", "name: test\nregistri: x\n")
    shop.write("domains/sales/orders/transform/orders.sql", "select 2 as id")
    answer = shop.mesh("plan", "--format", "markdown")
    assert answer.code == 2
    assert "⛔ **Not valid.**" in answer.out
    assert "`mesh.yaml:2`" in answer.out


def test_without_an_environment_below_it_is_the_plan_alone(shop: MeshFolder) -> None:
    shop.write("domains/sales/orders/transform/orders.sql", ORDERS.replace("20.0", "21.0"))
    found = comment(shop, env="prod")
    assert "3 products change in `prod`; 3 not built yet" in found
    assert "#### Data" not in found
    assert "Last time these builds read" in found


def test_json_is_the_same_by_either_option(shop: MeshFolder) -> None:
    assert shop.mesh("plan", "--format", "json").out == shop.mesh("plan", "--json").out


HOSTILE = [
    "a|b",
    "`rm`",
    "<img src=x>",
    "@everyone",
    "#12 and !12",
    "**bold** _it_",
    "[link](javascript:x)",
    "two\nlines\n## heading",
    "back\\",
    "</details>",
    "<!-- x -->",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_user_text_stays_text(value: str) -> None:
    for shown in (text(value), code(value)):
        assert "\n" not in shown
        assert not re.search(r"(?<!\\)\|", shown)
        assert not shown.endswith("\\")
    shown = text(value)
    assert not re.search(r"(?<!\\)[<>*_`\[\]]", shown)
    assert not re.search(r"[@#!]\w", shown)
    # Inside a code span nothing is markup; what could end the span is written as an entity.
    inner = code(value).removeprefix("`").removesuffix("`")
    assert "`" not in inner


def plan_of(count: int, reason: str) -> Plan:
    change = Change(port="p", column="c", kind="column removed", breaking=True, bump="major")
    products = [
        ProductPlan(
            id=f"domain.product_{number:05d}",
            action=Action.BUILD,
            reasons=(reason,),
            changes=(change,),
            affects=(Affected(id=f"other.reader_{number:05d}", port="x", columns=("one", "two"), owner="team|x"),),
        )
        for number in range(count)
    ]
    return Plan(environment="prod", products=tuple(products))


@pytest.mark.parametrize("count", [0, 1, 30, 3000])
@pytest.mark.parametrize("reason", ["short", "é<|" * 2000])
def test_a_comment_is_never_longer_than_github_takes_and_says_what_was_cut(count: int, reason: str) -> None:
    review = Review(base="prod", environment="trial", plan=plan_of(count, reason))
    found = review_text(review)
    assert len(found.encode()) <= LENGTH_MAX
    assert found == review_text(review)
    assert found.count("<details>") == found.count("</details>")
    if count == 3000:
        assert re.search(r"_Shortened to fit a comment: .* of 3,000 products", found)


def test_what_was_changed_stays_in_sight_when_much_follows_from_it(shop: MeshFolder) -> None:
    for number in range(14):
        shop.product(f"finance.report_{number:02d}", "select amount from sales.orders")
    shop.build("--env", "prod")
    shop.write("domains/sales/orders/transform/orders.sql", ORDERS.replace("20.0", "21.0"))
    shop.build("--env", "trial")
    found = comment(shop)
    changes, data = (
        found.split(f"#### {heading}\n", 1)[1].split("\n####", 1)[0] for heading in ("What changes", "Data")
    )
    for part, what in ((changes, "16 more products"), (data, "16 more ports")):
        opened, folded = part.split(f"<details><summary>{what}</summary>")
        assert "`sales.orders`" in opened
        assert "`sales.orders`" not in folded
        assert "`finance.report_13`" in folded
    assert "| `finance.report_00` | 2 | 1 | 1 | – | other values in `amount` |" in data
