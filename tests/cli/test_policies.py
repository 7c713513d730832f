"""Policies from the command line: written, checked, tried, published, explained, and kept to by every way to read."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from meshwright.cli.main import run
from meshwright.model.errors import Denied
from meshwright.node import open_node
from meshwright.reading.session import open_session

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

CONTRACT = """
- {name: id, physicalType: BIGINT, required: true, primaryKey: true}
- {name: email, physicalType: VARCHAR, tags: [personal]}
- {name: region, physicalType: VARCHAR}
- {name: amount, physicalType: BIGINT}
"""
ROWS = "(1, 'ada@x.org', 'EU', 10), (2, 'bob@x.org', 'US', 20), (3, NULL, NULL, 30)"
BY_REGION = """
@id("by-region")
forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales")
unless { principal in Domain::"sales" || (principal has region && resource has region && resource.region == principal.region) };
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """A port of sales; ada sells, bob is in marketing and in the EU. Starter policies bind."""
    mesh.write(
        "people/all.yaml", "groups: {sales_team: [ada], marketing_team: [bob]}\nattributes: {bob: {region: EU}}\n"
    )
    mesh.product("sales.orders", f"select * from (values {ROWS}) t(id, email, region, amount)")
    mesh.contract("sales.orders", CONTRACT)
    mesh.write("domains/marketing/domain.yaml", "team: {name: marketing_team}\n")
    mesh.build()
    starter(mesh)
    assert mesh.mesh("policy", "publish").code == 0
    return mesh


def starter(mesh: MeshFolder) -> None:
    assert run(["init", str(mesh.root / "other")]) == 0
    mesh.write("policies/starter.cedar", (mesh.root / "other/policies/starter.cedar").read_text())


def test_a_new_mesh_is_usable_by_its_starter_policies(shop: MeshFolder) -> None:
    assert [row["email"] for row in shop.rows("sales.orders", "--as", "ada")] == ["ada@x.org", "bob@x.org", None]
    masked = [row["email"] for row in shop.rows("sales.orders", "--as", "bob")]
    assert masked[2] is None
    assert len({*masked}) == 3
    assert not any(one and "@" in one for one in masked)
    assert shop.rows("sales.orders", "--as", "bob") == shop.rows("sales.orders", "--as", "bob")


def test_drafts_stay_in_their_domain(shop: MeshFolder) -> None:
    shop.product("sales.ideas", "select 1 as id")
    shop.build()
    assert shop.mesh("read", "sales.ideas", "--as", "ada").code == 0
    denied = shop.mesh("read", "sales.ideas", "--as", "bob")
    assert denied.code == 1
    assert "may not read sales.ideas.ideas" in denied.err


def test_an_edited_file_changes_nothing_until_it_is_published(shop: MeshFolder) -> None:
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    assert len(shop.rows("sales.orders", "--as", "bob")) == 3
    assert [one["edited"] for one in shop.mesh("policy", "list", "--json").data] == [False, True]
    assert shop.mesh("policy", "publish", "--domain", "sales", "--json").data["version"] == 1
    assert [row["id"] for row in shop.rows("sales.orders", "--as", "bob")] == [1]
    assert len(shop.rows("sales.orders", "--as", "ada")) == 3
    assert len(shop.rows("sales.orders")) == 3


@pytest.mark.parametrize(
    "question",
    [
        "select * from sales.orders",
        "select count(*) from sales.orders",
        "select sum(amount), min(region), max(email) from sales.orders",
        "with a as (select * from sales.orders) select a.* from a join a b on a.id = b.id",
        "select o from sales.orders o",
        "select * from sales.orders where email like '%@%'",
        "select * from (select id from sales.orders) order by 1 desc",
    ],
)
def test_no_query_tells_of_hidden_rows_and_values(shop: MeshFolder, question: str) -> None:
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    shop.mesh("policy", "publish", "--domain", "sales")
    first = shop.mesh("query", question, "--as", "bob", "--json")
    assert first.code == 0, first.err
    # The hidden rows and the hidden column become other ones; what bob sees stays, byte for byte.
    shop.write(
        "domains/sales/orders/transform/orders.sql",
        "select * from (values (1, 'ada@x.org', 'EU', 10), (7, 'eve@x.org', 'ZZ', 99), (8, 'x', NULL, -5), (9, NULL, 'US', 0)) "
        "t(id, email, region, amount)",
    )
    shop.build()
    assert shop.mesh("query", question, "--as", "bob", "--json").out == first.out


def test_old_publications_are_read_by_todays_policies(shop: MeshFolder) -> None:
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    shop.mesh("policy", "publish", "--domain", "sales")
    assert [row["id"] for row in shop.rows("sales.orders", "--as", "bob", "--as-of", "1")] == [1]
    assert "@" not in json.dumps(shop.rows("sales.orders", "--as", "bob", "--as-of", "1"))


def test_a_renamed_column_keeps_the_mask_in_what_was_published_before(shop: MeshFolder) -> None:
    shop.contract("sales.orders", CONTRACT.replace("name: email", "name: mail"), version="2.0.0")
    shop.edit("domains/sales/orders/transform/orders.sql", "email", "mail")
    shop.build()
    for version in ("sales.orders@1", "sales.orders@2"):
        assert "@x.org" not in json.dumps(shop.rows(version, "--as", "bob"))


def test_a_column_that_lost_its_tag_is_not_clear_in_old_publications_by_mistake(shop: MeshFolder) -> None:
    shop.contract("sales.orders", CONTRACT.replace(", tags: [personal]", ""))
    shop.build()
    assert "@x.org" in json.dumps(shop.rows("sales.orders", "--as", "bob"))
    assert "@x.org" not in json.dumps(shop.rows("sales.orders", "--as", "bob", "--as-of", "1"))


def test_changes_and_differences_are_kept_to_policies_too(shop: MeshFolder) -> None:
    shop.edit("domains/sales/orders/transform/orders.sql", "ada@x.org", "eve@x.org")
    shop.build()
    changed = shop.mesh("changes", "sales.orders", "--since", "1", "--as", "bob", "--json")
    compared = shop.mesh("diff", "sales.orders", "--as", "bob", "--json")
    for answer in (changed, compared):
        assert "@x.org" not in answer.out + answer.err


def test_changes_are_those_of_what_is_seen(shop: MeshFolder) -> None:
    """Of hidden rows and columns nothing tells, not even that something changed."""
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    shop.mesh("policy", "publish", "--domain", "sales")
    shop.edit("domains/sales/orders/transform/orders.sql", "'US', 20", "'US', 21")
    shop.build()
    assert shop.mesh("changes", "sales.orders", "--since", "1", "--as", "bob", "--json").data == []
    assert len(shop.mesh("changes", "sales.orders", "--since", "1", "--as", "ada", "--json").data) == 2
    shop.edit("domains/sales/orders/transform/orders.sql", "'EU', 10", "'EU', 11")
    shop.build()
    seen = shop.mesh("changes", "sales.orders", "--since", "1", "--as", "bob", "--json").data
    assert [(one["_change_type"], one["id"], one["amount"]) for one in seen] == [
        ("update_before", 1, 10),
        ("update_after", 1, 11),
    ]
    assert "@" not in json.dumps(seen)


@pytest.mark.parametrize(
    ("mask", "kinds"), [("pseudonym", ["update_before", "update_after"]), ("replace-with-null", ["delete", "insert"])]
)
def test_rows_whose_key_is_hidden_are_not_taken_for_the_same(shop: MeshFolder, mask: str, kinds: list[str]) -> None:
    contract = CONTRACT.replace(", primaryKey: true", "").replace(
        "tags: [personal]", "tags: [personal], primaryKey: true"
    )
    shop.contract("sales.orders", contract, version="2.0.0")
    shop.edit("domains/sales/orders/transform/orders.sql", "(3, NULL, NULL, 30)", "(3, 'eve', 'EU', 30)")
    shop.build()
    first = shop.mesh("show", "sales.orders", "--json").data["sequence"]
    shop.edit("policies/starter.cedar", '@mask("pseudonym")', f'@mask("{mask}")')
    assert shop.mesh("policy", "publish").code == 0
    shop.edit("domains/sales/orders/transform/orders.sql", "'EU', 10", "'EU', 11")
    shop.build()
    seen = shop.mesh("changes", "sales.orders@2", "--since", str(first), "--as", "bob", "--json")
    assert [one["_change_type"] for one in seen.data] == kinds, seen


@pytest.mark.parametrize(
    ("arguments", "columns", "rows"),
    [
        (("read", "sales.orders", "--json"), ["id", "email", "region", "amount"], 3),
        (("query", "select sum(o.amount) from sales.orders o where o.region = 'EU'"), ["region", "amount"], 1),
        (("query", "select id from sales.orders", "--format", "ndjson"), ["id"], 3),
        (("query", "select id from sales.orders", "--format", "csv"), ["id"], 3),
        (("changes", "sales.orders", "--since", "1"), ["id", "email", "region", "amount"], 0),
    ],
)
def test_every_governed_read_leaves_what_it_took(
    shop: MeshFolder, arguments: tuple[str, ...], columns: list[str], rows: int
) -> None:
    answer = shop.mesh(*arguments, "--as", "bob")
    assert answer.code == 0, answer.err
    (newest, *_) = shop.mesh("audit", "usage", "--json").data
    assert (newest["principal"], newest["port"], newest["publication"]) == ("person:bob", "sales.orders.orders", 1)
    assert (newest["columns"], newest["rows"], newest["purpose"]) == (columns, rows, "unspecified")
    assert newest["asked_by"].startswith("local:")
    assert (newest["bytes"] > 0) == (rows > 0)
    assert newest["seconds"] > 0


def test_a_stream_ends_when_a_policy_that_binds_says_something_else(shop: MeshFolder) -> None:
    shop.product("sales.many", "select range as id from range(3000000)")
    shop.contract("sales.many", "- {name: id, physicalType: BIGINT}\n")
    shop.build()
    node = open_node(shop.root)
    reader = pa.RecordBatchReader.from_stream(node.reader("prod", acting="bob").read("sales.many"))
    assert reader.read_next_batch().num_rows > 0
    shop.write("domains/sales/policies/closed.cedar", 'forbid (principal, action, resource in Domain::"sales");')
    assert shop.mesh("policy", "publish", "--domain", "sales").code == 0
    time.sleep(0.6)
    with pytest.raises(pa.ArrowInvalid, match="may not read"):
        reader.read_all()
    (newest, *_) = shop.mesh("audit", "usage", "--json").data
    assert 0 < newest["rows"] < 3_000_000


def test_changes_hide_what_was_hidden_when_it_was_published(shop: MeshFolder) -> None:
    shop.contract("sales.orders", CONTRACT.replace(", tags: [personal]", ""))
    shop.edit("domains/sales/orders/transform/orders.sql", "ada@x.org", "eve@y.org")
    shop.build()
    assert "eve@y.org" in json.dumps(shop.rows("sales.orders", "--as", "bob"))
    changed = shop.mesh("changes", "sales.orders", "--since", "1", "--as", "bob", "--json")
    assert changed.code == 0, changed.err
    assert len(changed.data) == 2
    assert "ada@x.org" not in changed.out


def test_environments_are_decided_about_each_on_its_own(shop: MeshFolder) -> None:
    """The same number of publication in two environments is not the same publication: one of them is a draft."""
    assert shop.mesh("env", "create", "dev").code == 0
    shop.contract("sales.orders", CONTRACT, version="1.1.0", status="draft")
    shop.edit("domains/sales/orders/transform/orders.sql", "'EU', 10", "'EU', 4711")
    shop.build("--env", "dev")
    shop.contract("sales.orders", CONTRACT)
    shop.edit("domains/sales/orders/transform/orders.sql", "4711", "11")
    shop.build("--env", "prod")
    for names in (("dev", "prod"), ("prod", "dev")):
        compared = shop.mesh("diff", "sales.orders", "--from", names[0], "--to", names[1], "--as", "bob", "--json")
        assert (compared.code, "may not read sales.orders" in compared.out) == (1, True), compared
        assert "4711" not in compared.out


def test_a_policy_that_is_published_between_binding_and_fetching_is_kept_to(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the query already is what counts, however long it took until somebody fetches."""

    def slow(*arguments: Any) -> Any:
        shop.write("domains/sales/policies/rows.cedar", BY_REGION)
        assert shop.mesh("policy", "publish", "--domain", "sales").code == 0
        time.sleep(1.2)
        return open_session(*arguments)

    node = open_node(shop.root)
    monkeypatch.setattr("meshwright.reading.reader.open_session", slow)
    rows = node.reader("prod", acting="bob").read("sales.orders")
    with pytest.raises(Denied, match="changed while it was read"):
        rows.to_arrow()


def test_policies_that_do_not_fit_are_named_with_their_line_and_never_bind(shop: MeshFolder) -> None:
    shop.write(
        "domains/sales/policies/wrong.cedar",
        'permit (principal, action == Action::"read", resource);\n\n'
        '@mask("rot13") forbid (principal, action == Action::"readClear", resource is Column in Domain::"sales");\n'
        'forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales") when { resource.amount + 1 > 3 };\n'
        'permit (principal, action == Action::"reed", resource in Domain::"sales");\n',
    )
    done = shop.mesh("policy", "publish", "--domain", "sales")
    assert done.code == 2
    for words in (
        "wrong.cedar:1:", "policy-scope", "wrong.cedar:3:", "policy-mask", "wrong.cedar:4:", "policy-arithmetic",
        "wrong.cedar:5:", "policy-invalid",
    ):  # fmt: skip
        assert words in done.err, words
    assert shop.mesh("validate").code == 2
    assert len(shop.mesh("policy", "list", "--json").data) == 2


def test_a_file_that_is_no_cedar_is_an_error_and_the_published_version_stays(shop: MeshFolder) -> None:
    shop.write("policies/starter.cedar", "permit (")
    assert shop.mesh("policy", "publish").code == 2
    assert shop.mesh("validate").code == 2
    assert len(shop.rows("sales.orders", "--as", "ada")) == 3


def test_without_published_policies_only_the_owner_reads(mesh: MeshFolder) -> None:
    mesh.write("people/all.yaml", "groups: {sales_team: [ada]}\n")
    mesh.product("sales.orders", "select 1 as id")
    mesh.build()
    assert mesh.rows("sales.orders") == [{"id": 1}]
    denied = mesh.mesh("read", "sales.orders", "--as", "ada")
    assert denied.code == 1
    assert "mesh policy publish" in denied.err


def test_somebody_unknown_is_nobody_and_reads_nothing(shop: MeshFolder) -> None:
    for name in ("zoe", "", "service:", "root:x", "agent:helper/zoe", "product:sales.nothing", "a b"):
        answer = shop.mesh("read", "sales.orders", "--as", name)
        assert answer.code == 2, name
    assert shop.mesh("read", "sales.orders", "--as", "service:etl").code == 0


def test_explain_names_the_policy_and_the_way_to_access(shop: MeshFolder) -> None:
    said = shop.mesh("policy", "explain", "sales.orders", "--as", "bob", "--column", "email")
    assert said.code == 0
    assert "email: pseudonym  (policies/starter.cedar#mask-personal)" in said.out
    data = shop.mesh("policy", "explain", "sales.orders", "--as", "bob", "--json").data
    assert data["columns"] == {"id": "clear", "email": "pseudonym", "region": "clear", "amount": "clear"}
    assert shop.mesh("policy", "explain", "sales.orders", "--as", "bob", "--column", "nope").code == 2


def test_cases_are_tried_on_the_files_before_they_bind(shop: MeshFolder) -> None:
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    case = "- {name: bob sees his region, as: bob, port: sales.orders, expect: {rows: ROWS, columns: {email: pseudonym}}}\n"
    shop.write("domains/sales/policies/tests/rows.yaml", case.replace("ROWS", "filtered"))
    assert shop.mesh("policy", "test").code == 0
    shop.write("domains/sales/policies/tests/rows.yaml", case.replace("ROWS", "all"))
    failed = shop.mesh("policy", "test")
    assert failed.code == 1
    assert "rows.yaml:1: bob sees his region" in failed.out
    assert "filtered rows are seen, expected all" in failed.out
    shop.write("domains/sales/policies/tests/rows.yaml", "- {name: x}\n")
    assert shop.mesh("policy", "test").code == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("mask", "sales", "--tag", "secret", "--mask", "show-last-4"), "mask-secret"),
        (("rows", "sales.orders", "--column", "region", "--attribute", "region"), "rows-by-region"),
        (("purpose", "sales.orders.orders", "--purpose", "Marketing"), "only-for-Marketing"),
        (("open", "sales.orders"), "open"),
        (("embargo", "sales", "--until", "2030-01-01"), "embargo-2030-01-01"),
    ],
)
def test_common_policies_are_written_without_knowing_cedar_and_are_valid(
    shop: MeshFolder, arguments: tuple[str, ...], expected: str
) -> None:
    done = shop.mesh("new", "policy", *arguments)
    assert done.code == 0, done.err
    (path,) = (shop.root / "domains/sales/policies").glob("*.cedar")
    assert expected in path.read_text()
    assert shop.mesh("policy", "check").code == 0, shop.mesh("policy", "check").err
    assert shop.mesh("policy", "publish", "--domain", "sales").code == 0
    assert shop.mesh("new", "policy", *arguments).code == 2


def test_the_key_of_pseudonyms_is_in_the_registry_and_without_a_whole_one_nobody_reads(shop: MeshFolder) -> None:
    before = shop.rows("sales.orders", "--as", "bob")
    assert not (shop.root / ".mesh/pseudonym.key").exists()
    assert (shop.root / ".mesh/registry.db").stat().st_mode & 0o077 == 0
    shutil.rmtree(shop.root / ".mesh/cache")
    assert shop.rows("sales.orders", "--as", "bob") == before
    with sqlite3.connect(shop.root / ".mesh/registry.db") as database:
        database.execute("UPDATE mesh_keys SET key_hex = substr(key_hex, 1, 62)")
    database.close()
    done = shop.mesh("read", "sales.orders", "--as", "bob")
    assert (done.code, done.out) == (3, "")
    assert "the registry's key for pseudonyms is damaged" in done.err


def test_the_key_that_a_mesh_had_in_a_file_stays_its_key(shop: MeshFolder) -> None:
    path = shop.write(".mesh/pseudonym.key", b"f" * 32)
    before = shop.rows("sales.orders", "--as", "bob")
    assert not path.exists()
    with sqlite3.connect(shop.root / ".mesh/registry.db") as database:
        assert database.execute("SELECT key_hex FROM mesh_keys").fetchall() == [((b"f" * 32).hex(),)]
    database.close()
    path.write_bytes(b"g" * 32)
    said = shop.mesh("-v", "read", "sales.orders", "--as", "bob", "--json")
    assert said.data == before
    assert path.exists()


def test_every_decision_is_in_the_log_with_its_reason_before_anything_is_read(shop: MeshFolder) -> None:
    shop.product("sales.ideas", "select 1 as id")
    shop.build()
    shop.rows("sales.orders", "--as", "bob")
    shop.mesh("read", "sales.ideas", "--as", "agent:helper/bob")
    shop.rows("sales.orders")
    denied, allowed = shop.mesh("audit", "log", "--json").data
    assert (allowed["principal"], allowed["port"], allowed["allowed"], allowed["masked"]) == (
        "person:bob", "sales.orders.orders", True, ["email"],
    )  # fmt: skip
    assert allowed["asked_by"].startswith("local:")
    assert "policies/starter.cedar#mask-personal" in allowed["policies"]
    assert (denied["principal"], denied["acts_for"], denied["allowed"], denied["rows"]) == (
        "agent:helper", "bob", False, "none",
    )  # fmt: skip
    assert denied["reasons"]
    assert "denied" in shop.mesh("audit", "log").out


def test_a_decision_that_cannot_be_kept_lets_nobody_read(shop: MeshFolder) -> None:
    with sqlite3.connect(shop.root / ".mesh/registry.db") as registry:
        registry.execute("CREATE TRIGGER full BEFORE INSERT ON access_records BEGIN SELECT RAISE(ABORT, 'full'); END")
    registry.close()
    answer = shop.mesh("read", "sales.orders", "--as", "bob", "--json")
    assert answer.code == 3
    assert "EU" not in answer.out + answer.err
    assert shop.mesh("read", "sales.orders", "--json").code == 0


def test_purposes_that_a_mesh_declares_bind_when_policies_are_published(shop: MeshFolder) -> None:
    shop.mesh("new", "policy", "purpose", "sales.orders.orders", "--purpose", "Marketing")
    shop.mesh("policy", "publish", "--domain", "sales")
    text = (shop.root / "mesh.yaml").read_text()
    shop.write("mesh.yaml", f"{text}purposes: {{LoyaltyProgramme: Marketing, Benchmarking: null}}\n")
    assert {"name": "LoyaltyProgramme", "part_of": "Marketing"} in shop.mesh("policy", "purposes", "--json").data
    before = shop.mesh("read", "sales.orders", "--as", "bob", "--purpose", "LoyaltyProgramme")
    assert before.code == 1
    assert "there is no purpose 'LoyaltyProgramme'" in before.err
    assert shop.mesh("policy", "publish", "--json").data["version"] == 2
    assert len(shop.rows("sales.orders", "--as", "bob", "--purpose", "LoyaltyProgramme")) == 3
    assert shop.mesh("read", "sales.orders", "--as", "bob", "--purpose", "Benchmarking").code == 1
    assert shop.mesh("token", "create", "--for", "bob", "--purpose", "LoyaltyProgramme").code == 0


@pytest.mark.parametrize(
    ("purposes", "message"),
    [
        ("{Loyalty: Markting}", "did you mean Marketing?"),
        ("{Marketing: Advertising}", "is a usual purpose"),
        ("{One: Two, Two: One}", "is part of itself"),
    ],
)
def test_a_purpose_that_is_none_is_an_error(shop: MeshFolder, purposes: str, message: str) -> None:
    text = (shop.root / "mesh.yaml").read_text()
    shop.write("mesh.yaml", f"{text}purposes: {purposes}\n")
    checked = shop.mesh("validate")
    assert checked.code == 2
    assert message in checked.out + checked.err
    assert shop.mesh("policy", "publish").code == 2


def test_a_preview_in_somebodys_name_reads_what_that_one_may_read(shop: MeshFolder) -> None:
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    shop.mesh("policy", "publish", "--domain", "sales")
    shop.product("marketing.mail", "select id, email, sum(amount) over () as amount from sales.orders")
    whole = shop.mesh("preview", "marketing.mail", "--as", "ada", "--json").data["rows"]
    assert [(row["email"], int(row["amount"])) for row in whole] == [("ada@x.org", 60), ("bob@x.org", 60), (None, 60)]
    part = shop.mesh("preview", "marketing.mail", "--as", "bob", "--json").data["rows"]
    assert [(row["id"], int(row["amount"])) for row in part] == [(1, 10)]
    assert "@" not in part[0]["email"]
    used = shop.mesh("audit", "usage", "--json").data[0]
    assert (used["principal"], used["port"], used["rows"]) == ("person:bob", "sales.orders.orders", 1)


def test_a_preview_of_what_lies_outside_the_mesh_is_the_owners(shop: MeshFolder) -> None:
    shop.write("data/secret.csv", "id,word\n1,hidden\n")
    shop.product("sales.raw", "select * from 'data/secret.csv'")
    shop.build()
    denied = shop.mesh("preview", "sales.raw", "--as", "bob")
    assert denied.code == 1
    assert "of which policies do not speak" in denied.err
    assert "hidden" not in denied.out + denied.err


def test_contracts_are_tested_on_what_somebody_may_see(shop: MeshFolder) -> None:
    rule = "quality: [{type: library, metric: invalidValues, severity: warning, mustBe: 0, arguments: {validValues: [%s]}}]"
    amount, email = rule % "10", rule % "nobody@x.org"
    contract = CONTRACT.replace("amount, physicalType: BIGINT", f"amount, physicalType: BIGINT, {amount}")
    shop.contract("sales.orders", contract.replace("[personal]}", f"[personal], {email}}}"))
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    shop.mesh("policy", "publish", "--domain", "sales")
    shop.build()
    whole = shop.mesh("test", "sales.orders", "--as", "ada", "--json")
    assert ("ada@x.org" in whole.out, "30" in whole.out) == (True, True)
    part = shop.mesh("test", "sales.orders", "--as", "bob", "--json")
    assert (part.code, "ada@x.org" in part.out, "bob@x.org" in part.out, "email" in part.out) == (0, *[False] * 3)
    found = part.data["contracts"]["sales.orders.orders@1"]["results"]
    assert {one["status"] for one in found if "amount" in str(one)} == {"pass"}
    assert shop.mesh("test", "sales.orders", "--as", "somebody else").code == 2


def test_all_policies_are_published_at_once_or_none(shop: MeshFolder) -> None:
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    shop.write("domains/marketing/policies/wrong.cedar", BY_REGION)
    refused = shop.mesh("policy", "publish", "--all")
    assert refused.code == 2
    assert "domains/marketing/policies/wrong.cedar" in refused.err
    assert shop.mesh("policy", "publish", "--all", "--domain", "sales").code == 2
    (shop.root / "domains/marketing/policies/wrong.cedar").unlink()
    done = shop.mesh("policy", "publish", "--all", "--json").data
    assert [(one["scope"], one["version"], one["changed"]) for one in done] == [("", 1, False), ("sales", 1, True)]
    assert [row["id"] for row in shop.rows("sales.orders", "--as", "bob")] == [1]


def test_a_port_may_be_named_twice_in_a_governed_query(shop: MeshFolder) -> None:
    sql = 'select count(*) as n from sales.orders a join sales.orders.orders b using (id) join "sales.orders@1" c using (id)'
    assert shop.mesh("query", sql, "--as", "bob", "--json").data == [{"n": 3}]


def test_policies_whose_files_are_gone_bind_no_more_once_all_are_published(shop: MeshFolder) -> None:
    shop.write("domains/sales/policies/rows.cedar", BY_REGION)
    shop.mesh("policy", "publish", "--all")
    (shop.root / "domains/sales/policies/rows.cedar").unlink()
    done = {one["scope"]: one["changed"] for one in shop.mesh("policy", "publish", "--all", "--json").data}
    assert done == {"": False, "sales": True}
    assert len(shop.rows("sales.orders", "--as", "bob")) == 3


@pytest.mark.parametrize("mask", ["pseudonym:x", "sha-256-query-local:1", "replace-with-null:", "nothing"])
def test_a_mask_that_is_none_is_an_error(shop: MeshFolder, mask: str) -> None:
    text = f'@mask("{mask}") forbid (principal, action == Action::"readClear", resource is Column in Domain::"sales");'
    shop.write("domains/sales/policies/masks.cedar", text)
    assert "policy-mask" in shop.mesh("policy", "publish", "--domain", "sales").err


NOT_FROM_THE_US = """
@id("not-from-the-us")
forbid (principal, action == Action::"read", resource) when { principal has region && principal.region == "US" };
"""


def test_who_gets_an_attribute_of_another_type_is_denied_until_policies_are_checked_with_it(shop: MeshFolder) -> None:
    shop.write("policies/region.cedar", NOT_FROM_THE_US)
    assert shop.mesh("policy", "publish").code == 0
    assert len(shop.rows("sales.orders", "--as", "bob")) == 3
    people = "groups: {{sales_team: [ada], marketing_team: [bob]}}\nattributes: {{bob: {{region: {}}}}}\n"
    shop.write("people/all.yaml", people.format("[US, EU]"))
    denied = shop.mesh("read", "sales.orders", "--as", "bob")
    assert denied.code == 1
    assert "its region is Set<String>, and policies were checked with String" in denied.err
    assert len(shop.rows("sales.orders", "--as", "ada")) == 3
    assert shop.mesh("policy", "publish").code == 2
    shop.write(
        "policies/region.cedar", NOT_FROM_THE_US.replace('principal.region == "US"', 'principal.region.contains("US")')
    )
    assert shop.mesh("policy", "publish").code == 0
    assert "not-from-the-us forbids person:bob" in shop.mesh("read", "sales.orders", "--as", "bob").err
    shop.write("people/all.yaml", people.format("[APAC, EU]"))
    assert len(shop.rows("sales.orders", "--as", "bob")) == 3


def test_what_two_scopes_checked_with_two_types_holds_for_nobody_who_has_it(shop: MeshFolder) -> None:
    shop.write("policies/region.cedar", NOT_FROM_THE_US)
    shop.mesh("policy", "publish")
    shop.write(
        "people/all.yaml", "groups: {sales_team: [ada], marketing_team: [bob]}\nattributes: {bob: {region: [EU]}}\n"
    )
    (shop.root / "policies/region.cedar").unlink()
    contains = 'principal has region && principal.region.contains("EU")'
    shop.write(
        "domains/sales/policies/r.cedar",
        f'forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales") when {{ {contains} }};',
    )
    assert shop.mesh("policy", "publish", "--domain", "sales").code == 0
    denied = shop.mesh("read", "sales.orders", "--as", "bob")
    assert (denied.code, "policies were checked with none, or with two types" in denied.err) == (1, True)
    assert len(shop.rows("sales.orders", "--as", "ada")) == 3
    assert shop.mesh("policy", "publish").code == 0
    assert shop.rows("sales.orders", "--as", "bob") == []


def test_an_attribute_that_somebody_gets_later_counts_before_policies_are_published_anew(shop: MeshFolder) -> None:
    shop.write(
        "policies/external.cedar",
        'forbid (principal, action == Action::"read", resource) when { principal has external && principal.external };',
    )
    assert shop.mesh("policy", "publish").code == 0
    assert len(shop.rows("sales.orders", "--as", "bob")) == 3
    shop.write(
        "people/all.yaml", "groups: {sales_team: [ada], marketing_team: [bob]}\nattributes: {bob: {external: true}}\n"
    )
    assert "policies were checked with none" in shop.mesh("read", "sales.orders", "--as", "bob").err
    assert shop.mesh("policy", "publish").code == 0
    assert "external.cedar" in shop.mesh("read", "sales.orders", "--as", "bob").err
