"""The company example, built from its files to its last claim: rows, quarantine, policies, and one query as several people."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from mesh_folder import MeshFolder

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "company"
DOMAINS = ("finance", "marketing", "product", "sales")
CUSTOMERS = "select customer_id, name, email, birth_date, region, has_consent from sales.customers order by customer_id"

# One build of twenty-one products, one of them with its own Python process.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def copied(root: Path, *arguments: str) -> MeshFolder:
    """The example with its data made, in a folder of its own."""
    root.mkdir()
    folder = MeshFolder(root)
    unwanted = shutil.ignore_patterns("data", ".mesh", "__pycache__")
    shutil.copytree(EXAMPLE, root, ignore=unwanted, dirs_exist_ok=True)
    command = [sys.executable, str(root / "generate_data.py"), *arguments]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> MeshFolder:
    return copied(tmp_path_factory.mktemp("company") / "mesh")


@pytest.fixture(scope="module")
def built(company: MeshFolder) -> dict[str, dict[str, Any]]:
    return company.build()


@pytest.fixture(scope="module")
def governed(company: MeshFolder, built: dict[str, dict[str, Any]]) -> MeshFolder:
    """The example with all its policies published."""
    for scope in ((), *(("--domain", domain) for domain in DOMAINS)):
        published = company.mesh("policy", "publish", *scope, "--json")
        assert published.code == 0, published.err
        assert published.data["changed"]
        assert published.data["files"]
    return company


def asked(mesh: MeshFolder, query: str, who: str, purpose: str = "") -> list[dict[str, Any]]:
    answer = mesh.mesh("query", query, "--as", who, *(("--purpose", purpose) if purpose else ()), "--json")
    assert answer.code == 0, answer.err
    found: list[dict[str, Any]] = answer.data
    return found


def product_table() -> dict[str, tuple[int, int]]:
    """Of each product in the README's table the rows, and those in quarantine."""
    lines = re.findall(
        r"^\| \[([a-z0-9_.]+)\]\([^)]*\) \| ([\d,]+) \| ([\d,]+) \|", (EXAMPLE / "README.md").read_text(), re.MULTILINE
    )
    return {name: (int(rows.replace(",", "")), int(aside.replace(",", ""))) for name, rows, aside in lines}


def test_the_readme_lists_every_product_and_there_are_enough_in_each_domain() -> None:
    folders = [path.parent for path in EXAMPLE.glob("domains/*/*/product.yaml")]
    assert product_table().keys() == {f"{folder.parent.name}.{folder.name}" for folder in folders}
    assert {folder.parent.name for folder in folders} == {*DOMAINS}
    assert len(folders) >= 14
    assert all((folder / "README.md").is_file() for folder in folders)


def test_the_picture_has_every_input(company: MeshFolder, built: dict[str, dict[str, Any]]) -> None:
    drawn = re.findall(r"^    ([a-z_0-9]+) --> ([a-z_0-9]+)$", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    read = {
        (used["product"].partition(".")[2], product.partition(".")[2])
        for product in built
        for used in company.mesh("show", product, "--json").data["inputs"]
        if used["product"]
    }
    assert {(source, target) for source, target in drawn if not re.fullmatch(r"f\d+", source)} == read


def test_the_files_are_valid(company: MeshFolder) -> None:
    assert company.mesh("validate").code == 0
    assert company.mesh("policy", "check").code == 0


@pytest.mark.parametrize("product", product_table())
def test_each_product_has_the_rows_and_the_quarantine_that_the_readme_says(
    built: dict[str, dict[str, Any]], product: str
) -> None:
    ended = built[product]
    assert ended["outcome"] == "published"
    ((_, rules),) = ended["tests"].items()
    # Rules that set rows aside tell of how many rows there were, the others of those that are left.
    tested = max(rule["rows"] for rule in rules)
    assert (ended["rows"], tested - ended["rows"]) == product_table()[product]


def test_contracts_and_cases_hold_and_one_rule_warns(company: MeshFolder, built: dict[str, dict[str, Any]]) -> None:
    answer = company.mesh("test", "--json")
    assert answer.code == 0, answer.out
    assert len(answer.data["cases"]) >= 8
    failed = [
        (result["name"], result["measure"]["value"])
        for report in answer.data["contracts"].values()
        for result in report["results"]
        if result["outcome"] == "failed"
    ]
    ((name, found),) = re.findall(r"`(\w+)` of finance.transactions finds (\d+) ", (EXAMPLE / "README.md").read_text())
    assert failed == [(name, int(found))]


def test_building_again_reuses_everything(company: MeshFolder, built: dict[str, dict[str, Any]]) -> None:
    assert set(company.actions().values()) == {"reuse"}


def test_every_policy_has_a_case_and_all_cases_pass(governed: MeshFolder) -> None:
    answer = governed.mesh("policy", "test", "--json")
    assert answer.code == 0, answer.out
    files = {case["file"] for case in answer.data}
    cases = {path.with_suffix(".yaml").name for path in EXAMPLE.glob("**/policies/*.cedar")}
    assert {Path(file).name for file in files} == cases
    assert {file.split("/")[1] for file in files if file.startswith("domains/")} == {*DOMAINS}


def test_the_own_domain_sees_its_customers_as_they_are(governed: MeshFolder) -> None:
    rows = asked(governed, CUSTOMERS, "sales_analyst")
    assert len(rows) == 2_000
    assert {row["region"] for row in rows} == {"EU", "US", "APAC", "LATAM"}
    assert all(row["email"].endswith("@example.org") for row in rows if row["email"])
    assert rows == governed.mesh("query", CUSTOMERS, "--json").data


@pytest.mark.parametrize(
    ("who", "purpose"),
    [("sales_analyst", ""), ("data_scientist", ""), ("eu_analyst", ""), ("campaign_manager", "DirectMarketing")],
)
def test_the_readme_shows_what_each_of_four_people_sees(governed: MeshFolder, who: str, purpose: str) -> None:
    text = (EXAMPLE / "README.md").read_text()
    query = text.split('Q="')[1].split('"')[0]
    shown = text.split(f'"$Q" --as {who}')[1].split("\n$ ")[0].split("```")[0]
    lines = [re.split(r" {2,}", line.strip()) for line in shown.splitlines()[2:]]
    rows = asked(governed, query, who, purpose)
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for cell, value in zip(line, row.values(), strict=True):
            # Each mesh has its own key, so pseudonyms are other ones everywhere.
            assert re.fullmatch("[0-9a-f]{64}", value) if cell.endswith("…") else cell == str(value)


def test_others_see_the_same_customers_by_pseudonym_and_year(governed: MeshFolder) -> None:
    rows, clear = asked(governed, CUSTOMERS, "data_scientist"), asked(governed, CUSTOMERS, "sales_analyst")
    assert [row["customer_id"] for row in rows] == [row["customer_id"] for row in clear]
    for seen, true in zip(rows, clear, strict=True):
        assert re.fullmatch("[0-9a-f]{64}", seen["name"])
        assert (seen["email"] is None) == (true["email"] is None)
        assert seen["birth_date"] == (f"{true['birth_date'][:4]}-01-01" if true["birth_date"] else None)
        assert (seen["region"], seen["has_consent"]) == (true["region"], true["has_consent"])
    # Equal values have equal pseudonyms, different ones others: also in another product.
    assert len({row["name"] for row in rows}) == len({row["name"] for row in clear})
    again = asked(governed, "select name from sales.customer_360 order by customer_id", "data_scientist")
    assert [row["name"] for row in again] == [row["name"] for row in rows]


def test_a_regional_analyst_sees_the_own_region_in_every_domain(governed: MeshFolder) -> None:
    everybody, european = asked(governed, CUSTOMERS, "data_scientist"), asked(governed, CUSTOMERS, "eu_analyst")
    assert european == [row for row in everybody if row["region"] == "EU"]
    for port, purpose in (
        ("sales.orders", ""),
        ("finance.transactions", ""),
        ("marketing.sentiment", ""),
        ("product.usage", "ServiceOptimisation"),
    ):
        counted = f"select region, count(*) as rows from {port} group by region"
        found, all_of_them = asked(governed, counted, "us_analyst", purpose), governed.rows(port, "--columns", "region")
        assert found == [{"region": "US", "rows": sum(row["region"] == "US" for row in all_of_them)}]
    assert asked(governed, "select count(*) as rows from product.catalogue", "us_analyst") == [{"rows": 240}]


def test_an_agent_sees_no_more_than_the_person_for_whom_it_acts(governed: MeshFolder) -> None:
    assert asked(governed, CUSTOMERS, "agent:assistant/eu_analyst") == asked(governed, CUSTOMERS, "eu_analyst")


def test_direct_marketing_has_the_addresses_of_those_who_agreed(governed: MeshFolder) -> None:
    clear = asked(governed, CUSTOMERS, "sales_analyst")
    named = asked(governed, CUSTOMERS, "campaign_manager", "DirectMarketing")
    agreed = [row for row in clear if row["has_consent"]]
    assert 0 < len(agreed) < len(clear)
    assert [(row["customer_id"], row["email"]) for row in named] == [
        (row["customer_id"], row["email"]) for row in agreed
    ]
    assert not {row["name"] for row in named} & {row["name"] for row in clear}
    assert asked(governed, CUSTOMERS, "campaign_manager") == asked(governed, CUSTOMERS, "data_scientist")
    assert asked(governed, "select count(*) as n from sales.orders", "campaign_manager", "DirectMarketing") == [
        {"n": 0}
    ]


def test_amounts_are_hundreds_to_others_and_accounts_are_not_there(governed: MeshFolder) -> None:
    columns = "transaction_id, amount_eur, kind"
    query = f"select {columns} from finance.transactions order by transaction_id"
    seen, true = asked(governed, query, "sales_analyst"), asked(governed, query, "controller")
    assert [row["kind"] for row in seen] == [row["kind"] for row in true]
    assert [float(row["amount_eur"]) for row in seen] == [float(row["amount_eur"]) // 100 * 100 for row in true]
    hidden = governed.mesh("query", "select iban from finance.transactions", "--as", "sales_analyst")
    assert hidden.code != 0
    assert "iban" not in governed.rows("finance.transactions", "--as", "sales_analyst", "--limit", "1")[0]


def test_finance_sees_whole_accounts_to_find_fraud_only(governed: MeshFolder) -> None:
    query = "select iban from finance.transactions order by transaction_id limit 20"
    true = asked(governed, query, "controller", "FraudPreventionAndDetection")
    assert all(re.fullmatch(r"XX\d{18}", row["iban"]) for row in true)
    assert [row["iban"] for row in asked(governed, query, "controller")] == [
        f"XX{'n' * 14}{row['iban'][-4:]}" for row in true
    ]


def test_planned_campaigns_are_for_those_who_plan_and_pay(governed: MeshFolder) -> None:
    query = "select status, count(*) as n from marketing.campaigns group by status order by status"
    everything = [{"status": "ended", "n": 192}, {"status": "planned", "n": 24}]
    assert asked(governed, query, "campaign_manager") == everything
    assert asked(governed, query, "controller") == everything
    assert asked(governed, query, "product_analyst") == everything[:1]


def test_usage_wants_a_purpose_and_drafts_stay_at_home(governed: MeshFolder) -> None:
    unnamed = governed.mesh("read", "product.usage", "--as", "data_scientist", "--limit", "1")
    assert unnamed.code == 1
    assert "ResearchAndDevelopment, ServiceOptimisation are granted" in unnamed.err
    assert len(governed.rows("product.usage", "--as", "data_scientist", "--purpose", "ResearchAndDevelopment")) == 9_958
    assert governed.mesh("read", "marketing.quiet_customers", "--as", "data_scientist").code == 1
    assert len(governed.rows("marketing.quiet_customers", "--as", "campaign_manager")) == 171


def test_a_product_that_reads_another_domain_is_let_at_every_column_that_it_reads(governed: MeshFolder) -> None:
    """Products act as principals: what they are made of must be theirs to see."""
    for product in product_table():
        domain = product.partition(".")[0]
        publication = json.loads(governed.mesh("show", product, "--json").out)
        for used in publication["inputs"]:
            if used["product"] and used["product"].partition(".")[0] != domain:
                seen = governed.mesh("policy", "explain", used["product"], "--as", f"product:{product}", "--json").data
                assert seen["allowed"]
                assert seen["rows"] == "all"
                assert {seen["columns"][name] for name in used["columns"]} <= {"clear"}, (product, used["product"])


def test_a_month_that_comes_later_gives_what_a_full_build_gives(tmp_path: Path) -> None:
    mesh = copied(tmp_path / "mesh", "--orders", "2000")
    held = sorted(mesh.root.glob("data/*/*/2025-12.*"))
    assert len(held) == 6
    for file in held:
        file.rename(tmp_path / f"{file.parent.name}{file.suffix}")
    chosen = ("--select", "+product.device_status", "--select", "+marketing.touches")
    mesh.build(*chosen)
    before = {port: len(mesh.rows(port)) for port in ("product.usage", "marketing.touches")}
    for file in held:
        (tmp_path / f"{file.parent.name}{file.suffix}").rename(file)
    mesh.build(*chosen)
    ports = {"product.usage": "event_id", "marketing.touches": "touch_id", "product.device_status": "device_id"}
    added = {port: sorted(mesh.rows(port), key=itemgetter(key)) for port, key in ports.items()}
    assert all(len(added[port]) > rows > 0 for port, rows in before.items())
    mesh.build("--full", *chosen)
    assert {port: sorted(mesh.rows(port), key=itemgetter(key)) for port, key in ports.items()} == added
