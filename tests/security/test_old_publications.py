"""Old publications are read by today's policies, whatever their columns and products were called then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from mesh_folder import MeshFolder
from security.shop import POLICIES, Shop, masking, people
from security.ways import Ask, Kind, Way, ways

if TYPE_CHECKING:
    from pathlib import Path

BY_REGION: Final = {
    "has": 'forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales") '
    'when { resource has region && resource.region != "EU" };',
    "if": 'forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales") '
    'when { if resource has region then resource.region != "EU" else false };',
    "unless": 'forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales") '
    'unless { resource has region && resource.region == "EU" };',
}
ID: Final = "- {name: id, physicalType: INTEGER}\n"
AREA: Final = ID + "- {name: area, physicalType: VARCHAR}\n"
REGION: Final = ID + "- {name: region, physicalType: VARCHAR}\n"
ROWS: Final = "select * from (values (11, 'US'), (12, 'EU')) t(id, {})"
SINCE_FIRST: Final = [
    *((way, Ask(kind=Kind.READ, port="sales.r", as_of="1")) for way in ways(Kind.READ)),
    *((way, Ask(kind=Kind.SQL, sql="from sales.r", as_of="1")) for way in ways(Kind.SQL)),
    *((way, Ask(kind=Kind.CHANGES, port="sales.r", before="1")) for way in ways(Kind.CHANGES)),
    *((way, Ask(kind=Kind.DIFF, port="sales.r", before="1", key="id")) for way in ways(Kind.DIFF)),
]


def published(root: Path, *states: tuple[str, str], policies: str = "", domain_policies: str = "") -> Shop:
    """A mesh whose `sales.r` was published in each of *states* (query, contract), and then the policies."""
    root.mkdir()
    made = Shop(folder=MeshFolder(root))
    people(made.folder)
    for sql, contract in states:
        made.folder.product("sales.r", sql)
        made.folder.contract("sales.r", contract, version="0.1.0")
        made.folder.build()
    texts = {"policies/all.cedar": POLICIES + masking() + policies}
    if domain_policies:
        texts["domains/sales/policies/r.cedar"] = domain_policies
    made.publish(texts)
    return made


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Rows are filtered by a column that the first publication called otherwise, without saying that it is the same."""
    return published(
        tmp_path_factory.mktemp("filtered") / "mesh",
        (ROWS.format("area"), AREA),
        (ROWS.format("region"), REGION),
        domain_policies=BY_REGION["has"],
    )


@pytest.mark.slow
@pytest.mark.parametrize(("way", "ask"), SINCE_FIRST, ids=lambda one: str(one) if isinstance(one, Way) else "")
def test_rows_stay_hidden_where_the_column_of_the_filter_was_called_otherwise(
    filtered: Shop, way: Way, ask: Ask
) -> None:
    found = way(filtered, ask)
    assert "US" not in found.text
    assert "11" not in found.words


def test_of_today_the_rows_of_the_filter_are_seen(filtered: Shop) -> None:
    for way in ways(Kind.READ, names=("mesh read --json",)):
        found = way(filtered, Ask(kind=Kind.READ, port="sales.r"))
        assert '"region": "EU"' in found.text, found.text


@pytest.mark.parametrize("policy", BY_REGION.values(), ids=BY_REGION)
@pytest.mark.parametrize("kind", ["VARCHAR", "INTEGER"])
def test_a_column_that_was_spelt_otherwise_filters_under_todays_name(tmp_path: Path, policy: str, kind: str) -> None:
    old = "'US'" if kind == "VARCHAR" else "1"
    made = published(
        tmp_path / "mesh",
        (f'select 11 as id, {old} as "REGION"', ID + f"- {{name: REGION, physicalType: {kind}}}\n"),
        (ROWS.format("region"), REGION),
        domain_policies=policy,
    )
    found = read(made, as_of="1")
    assert "11" not in found, found
    assert "EU" in read(made)


@pytest.mark.parametrize("policy", BY_REGION.values(), ids=BY_REGION)
def test_a_column_that_was_not_there_yet_lets_no_row_through(tmp_path: Path, policy: str) -> None:
    made = published(
        tmp_path / "mesh",
        ("select 11 as id, 'US' as area", AREA),
        (ROWS.format("region"), REGION),
        domain_policies=policy,
    )
    assert "11" not in read(made, as_of="1")


def read(shop: Shop, as_of: str = "") -> str:
    """What bob reads, or why not."""
    (way,) = (one for one in ways(Kind.READ, names=("mesh read --json",)) if one.by == "token")
    return way(shop, Ask(kind=Kind.READ, port="sales.r", as_of=as_of)).text


def test_a_policy_that_names_a_column_reaches_what_was_spelt_otherwise(tmp_path: Path) -> None:
    named = """@id("one") @mask("replace-with-null")
forbid (principal, action == Action::"readClear", resource == Column::"sales.r.r.ssn") unless { principal in resource.domain };
"""
    made = published(
        tmp_path / "mesh",
        ("select 1 as id, '1234' as \"SSN\"", ID + "- {name: SSN, physicalType: VARCHAR}\n"),
        ("select 1 as id, '1234' as ssn", ID + "- {name: ssn, physicalType: VARCHAR}\n"),
        policies=named,
    )
    assert '"SSN": null' in read(made, as_of="1")
    assert '"ssn": null' in read(made)


def test_a_tag_hides_an_old_column_of_the_same_name_and_another_type(tmp_path: Path) -> None:
    made = published(
        tmp_path / "mesh",
        ("select 1 as id, 1234 as ssn", ID + "- {name: ssn, physicalType: INTEGER}\n"),
        ("select 1 as id, '1234' as ssn", ID + "- {name: ssn, physicalType: VARCHAR, tags: [nulled]}\n"),
    )
    assert '"ssn": null' in read(made, as_of="1")


SECRET: Final = """@id("secret")
forbid (principal, action == Action::"read", resource is Port) when { resource.tags.contains("secret") };
"""


def test_a_tag_that_a_table_has_today_counts_for_what_was_published_before(tmp_path: Path) -> None:
    first, second = ("select 1 as id", ID), ("select 2 as id", ID + "tags: [secret]\n")
    made = published(tmp_path / "mesh", first, second, policies=SECRET)
    assert "secret forbids" in read(made)
    assert "secret forbids" in read(made, as_of="1")


def test_a_tag_that_a_table_had_counts_for_what_was_published_with_it(tmp_path: Path) -> None:
    first, second = ("select 1 as id", ID + "tags: [secret]\n"), ("select 2 as id", ID)
    made = published(tmp_path / "mesh", first, second, policies=SECRET)
    assert '"id": 2' in read(made)
    assert "secret forbids" in read(made, as_of="1")


def test_what_was_published_as_a_draft_stays_inside(tmp_path: Path) -> None:
    made = published(tmp_path / "mesh", ("select 1 as id", ID))
    made.folder.product("sales.d", "select 1 as id")
    made.folder.build()
    made.folder.contract("sales.d", ID)
    made.folder.build()
    (way,) = (one for one in ways(Kind.READ, names=("mesh read --json",)) if one.by == "token")
    assert '"id": 1' in way(made, Ask(kind=Kind.READ, port="sales.d")).text
    assert "no policy permits" in way(made, Ask(kind=Kind.READ, port="sales.d", as_of="1")).text


def test_a_tag_of_a_new_major_version_hides_what_an_older_one_published(tmp_path: Path) -> None:
    mail = ID + "- {name: email, physicalType: VARCHAR%s}\n"
    root = tmp_path / "mesh"
    root.mkdir()
    shop = Shop(folder=MeshFolder(root))
    people(shop.folder)
    for version, tags in (("0.1.0", ""), ("1.0.0", ", tags: [nulled]")):
        shop.folder.product("sales.r", ROWS.format("email"))
        shop.folder.contract("sales.r", mail % tags, version=version)
        shop.folder.build()
    shop.publish({"policies/all.cedar": POLICIES + masking()})
    assert read(shop) == read(shop, "1")
    assert "US" not in read(shop, "1")
    assert "US" not in shop.folder.run("diff", "sales.r", "--as", "bob").out
