"""Which product a dbt model belongs to, and whether it is served: groups, folders, layers, access, circles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.authoring.dbt.products import Arrangement, arrange, identifier
from meshwright.authoring.dbt.project import DbtProject, Place, Relation
from meshwright.model.graph import build_order
from meshwright.model.names import is_name

if TYPE_CHECKING:
    from pathlib import Path


def model(name: str, folders: str = "", **config: Any) -> Relation:
    path = f"models/{folders}/{name}.sql"
    parts = tuple(folder for folder in folders.split("/") if folder)
    return Relation(
        name=name, kind="model", package="shop", path=path, place=Place(path, 1), folders=parts, config=config
    )


def arranged(root: Path, models: list[Relation], reads: dict[str, list[str]], **options: Any) -> Arrangement:
    project = DbtProject(name="shop", root=root, groups={"money": {"owner": {"email": "money@example.com"}}})
    asked: dict[str, Any] = {"domain": "d", "by": "group", "exposed": (), "with_steps": True, **options}
    return arrange(project, models, reads, **asked)


@pytest.mark.parametrize(
    ("folders", "config", "product"),
    [
        ("", {}, "shop"),
        ("marts", {}, "shop"),
        ("staging/stripe", {}, "stripe"),
        ("marts/finance/reports", {}, "finance"),
        ("Marketing-EU", {}, "marketing_eu"),
        ("marts/finance", {"group": "money"}, "money"),
    ],
)
def test_a_group_or_the_first_folder_that_is_no_layer_names_the_product(
    tmp_path: Path, folders: str, config: dict[str, Any], product: str
) -> None:
    found = arranged(tmp_path, [model("m", folders, **config)], {})
    assert found.homes["m"].product == product
    assert found.owners.get(product) == ("money@example.com" if config else None)


@pytest.mark.parametrize(
    ("folders", "name", "config", "is_read", "is_port"),
    [
        ("marts", "orders", {}, True, True),
        ("", "orders", {}, True, True),
        ("staging", "orders", {}, True, False),
        ("", "stg_orders", {}, True, False),
        ("", "int_orders", {"materialized": "ephemeral"}, True, False),
        ("staging", "stg_orders", {}, False, True),
        ("staging", "stg_orders", {"access": "public"}, True, True),
        ("", "orders", {"access": "private"}, True, False),
        ("staging", "stg_orders", {"contract": {"enforced": True}}, True, True),
    ],
)
def test_what_nobody_is_meant_to_read_from_outside_is_a_step(
    tmp_path: Path, folders: str, name: str, config: dict[str, Any], is_read: bool, is_port: bool
) -> None:
    models = [model(name, folders, **config), model("reader")]
    found = arranged(tmp_path, models, {"reader": [name]} if is_read else {})
    assert found.homes[name].is_port == is_port


def test_what_another_product_reads_is_a_port_and_an_inner_model_of_one_reader_moves_to_it(tmp_path: Path) -> None:
    models = [model("stg_a", "staging/crm"), model("stg_b", "staging/crm"), model("x", "sales"), model("y", "finance")]
    found = arranged(tmp_path, models, {"x": ["stg_a", "stg_b"], "y": ["stg_b"]})
    assert (found.homes["stg_a"].product, found.homes["stg_a"].is_port) == ("sales", False)
    assert (found.homes["stg_b"].product, found.homes["stg_b"].is_port) == ("crm", True)


def test_what_an_exposure_reads_is_a_port(tmp_path: Path) -> None:
    models = [model("stg_a"), model("b")]
    assert arranged(tmp_path, models, {"b": ["stg_a"]}, exposed=["stg_a"]).homes["stg_a"].is_port


GRAPHS = st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.integers(0, 11), max_size=4)), min_size=1, max_size=12)


@given(GRAPHS)
def test_whatever_models_read_products_never_read_each_other_in_a_circle(
    tmp_path_factory: pytest.TempPathFactory, graph: list[tuple[str, list[int]]]
) -> None:
    models = [model(f"m{number}", folder) for number, (folder, _) in enumerate(graph)]
    reads = {f"m{number}": [f"m{one}" for one in ups if one < number] for number, (_, ups) in enumerate(graph)}
    found = arranged(tmp_path_factory.getbasetemp(), models, reads, by="folder")
    upstream: dict[str, set[str]] = {product: set() for product in found.products}
    for key, home in found.homes.items():
        upstream[home.product] |= {found.homes[one].product for one in reads[key]} - {home.product}
        assert all(found.homes[one].is_port for one in reads[key] if found.homes[one].product != home.product)
    assert build_order(upstream)[1] == []
    assert sorted(found.homes) == sorted(reads)


@given(st.text(max_size=100))
def test_every_name_becomes_a_valid_one(text: str) -> None:
    assert is_name(identifier(text))
