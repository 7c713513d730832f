"""The flights example, built from its files to its last claim: what its pages say of rows and warnings is what a build gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "flights"

# One build of fifteen products, two of them with their own Python processes.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meshwright", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rows(root: Path, query: str) -> list[dict[str, Any]]:
    answer = run(root, "query", "--json", "--", query)  # a query may begin with a comment
    assert answer.returncode == 0, answer.stderr
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("flights") / "mesh"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("data", ".mesh", "__pycache__"))
    fetched = subprocess.run([sys.executable, str(root / "fetch_data.py")], capture_output=True, text=True, check=False)
    assert fetched.returncode == 0, fetched.stderr
    built = run(root, "build")
    assert built.returncode == 0, built.stdout + built.stderr
    return root


@pytest.fixture(scope="module")
def ports(mesh: Path) -> dict[str, dict[str, Any]]:
    return {port["address"]: port for port in json.loads(run(mesh, "list", "--json").stdout)}


def product_table() -> dict[str, list[int]]:
    """Of each product in the README's table the rows of its ports (files of a files port are left out)."""
    lines = re.findall(r"^\| \[([a-z_.]+)\]\([^)]*\) \| ([^|]+) \|", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    return {
        name: [int(part.replace(",", "")) for part in counts.split("+") if part.strip().replace(",", "").isdigit()]
        for name, counts in lines
    }


def test_the_readme_lists_every_product() -> None:
    folders = {f"{path.parts[-3]}.{path.parts[-2]}" for path in EXAMPLE.glob("domains/*/*/product.yaml")}
    assert product_table().keys() == folders


@pytest.mark.parametrize("product", product_table())
def test_each_product_has_the_rows_that_the_readme_says(ports: dict[str, dict[str, Any]], product: str) -> None:
    served = [
        port["rows"]
        for address, port in ports.items()
        if (address == product or address.startswith(f"{product}.")) and port["kind"] == "tables"
    ]
    assert sorted(served) == sorted(product_table()[product])


def test_exactly_the_rules_that_the_readme_lists_warn(mesh: Path) -> None:
    listed = set(re.findall(r"^\| ([a-z_.]+) \| `(\w+)` \|", (EXAMPLE / "README.md").read_text(), re.MULTILINE))
    answer = run(mesh, "test", "--json")
    assert answer.returncode == 0, answer.stdout
    warned = set()
    for address, report in json.loads(answer.stdout)["contracts"].items():
        domain, product, *port = address.split("@")[0].split(".")
        name = ".".join([domain, product, *port])
        contract = EXAMPLE / "domains" / domain / product / "contracts" / f"{(port or [product])[0]}.yaml"
        for result in report["results"]:
            if result["outcome"] == "failed":
                rule = at(yaml.safe_load(contract.read_text()), result["relatesTo"])
                warned.add((name.removesuffix(f".{product}") if port == [product] else name, rule["name"]))
    assert warned == listed


def at(document: Any, pointer: str) -> Any:
    for part in pointer.strip("/").split("/"):
        document = document[int(part) if isinstance(document, list) else part]
    return document


def test_the_two_impossible_observations_are_served_to_nobody(mesh: Path) -> None:
    found = rows(
        mesh, "SELECT max(wind_speed) < 50 AS calm, count(*) FILTER (temp IS NULL) AS blind FROM weather.hourly"
    )
    assert found == [{"calm": True, "blind": 0}]


@pytest.mark.parametrize(
    "name", re.findall(r"^-- name: (\w+)", (EXAMPLE / "scenes/queries.sql").read_text(), re.MULTILINE)
)
def test_each_query_of_the_tour_has_an_answer(mesh: Path, name: str) -> None:
    queries = (EXAMPLE / "scenes/queries.sql").read_text().split("-- name: ")[1:]
    query = next(text.split("\n", 1)[1] for text in queries if text.startswith(f"{name}\n"))
    assert rows(mesh, query.split(";")[0])


def test_building_again_reuses_everything(mesh: Path) -> None:
    planned = json.loads(run(mesh, "plan", "--json").stdout)
    assert {product["action"] for product in planned["products"]} == {"reuse"}


def test_training_the_model_again_gives_the_same_model(mesh: Path, ports: dict[str, dict[str, Any]]) -> None:
    again = run(mesh, "build", "--full", "--select", "planning.delay_model")
    assert again.returncode == 0, again.stdout + again.stderr
    listed = {port["address"]: port for port in json.loads(run(mesh, "list", "--json").stdout)}
    port = "planning.delay_model.predictions"
    assert listed[port]["rows"] == ports[port]["rows"]
    compared = run(mesh, "changes", port, "--since", "1", "--json")
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout or "[]") == []
