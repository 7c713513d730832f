"""What is proposed of a table: rules that its rows keep and that say something, and columns for a person to judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.authoring.personal import personal, personal_columns
from meshwright.authoring.text_formats import text_options

if TYPE_CHECKING:
    from authoring.conftest import Shop

CITIES = ("Berlin", "Paris", "Oslo")


def customers(rows: int = 120) -> str:
    header = "customer_id,email,country,city,ordered,amount,share_percent,site,note"
    lines = [
        f"{n},user{n}@example.com,{'DE' if n % 3 else 'FR'},{CITIES[n % 3]},2026-01-{n % 28 + 1:02},{n}.50,{n % 101},"
        f"https://example.com/{n},{'' if n % 7 else f'note {n}'}"
        for n in range(1, rows + 1)
    ]
    return "\n".join([header, *lines]) + "\n"


def test_the_key_required_and_unique_columns_are_found(shop: Shop) -> None:
    shop.start(customers())
    columns = shop.columns()
    assert [name for name, one in columns.items() if one.get("primaryKey")] == ["customer_id"]
    assert [name for name, one in columns.items() if one.get("unique")] == ["email"]
    assert [name for name, one in columns.items() if not one.get("required")] == ["note"]


def test_ranges_enums_and_formats_are_proposed(shop: Shop) -> None:
    shop.start(customers())
    columns = shop.columns()
    assert columns["amount"]["logicalTypeOptions"] == {"minimum": 0}
    assert columns["share_percent"]["logicalTypeOptions"] == {"minimum": 0, "maximum": 100}
    assert [one["value"] for one in columns["country"]["enum"]] == ["DE", "FR"]
    assert columns["email"]["logicalTypeOptions"] == {"format": "email"}
    assert columns["site"]["logicalTypeOptions"] == {"format": "uri"}


def test_a_range_that_was_only_seen_warns_and_does_not_block(shop: Shop) -> None:
    shop.start(customers())
    shop.rows()
    later = customers() + "999,late@example.com,DE,Berlin,2026-02-01,99999.50,5,https://example.com/z,x\n"
    shop.mesh.write("data/in.csv", later)
    ended = shop.mesh.build()["shop.taken"]
    assert ended["outcome"] == "published"
    assert "in the range seen" in str(ended)


def test_a_rule_that_one_row_breaks_is_not_proposed(shop: Shop) -> None:
    rows = [f"{n},user{n}@example.com,{n}" for n in range(30_000)]
    rows[29_000] = "29000,nobody at example,-1"
    shop.start("\n".join(["id,email,amount", *rows]) + "\n")
    columns = shop.columns()
    assert "format" not in columns["email"].get("logicalTypeOptions", {})
    assert "minimum" not in columns["amount"].get("logicalTypeOptions", {})
    assert len(shop.rows()) == 30_000


def test_three_rows_prove_no_key_and_no_list(shop: Shop) -> None:
    shop.start("name,amount,colour\nann,1.5,red\nbob,2.5,blue\ncid,3.5,red\n")
    columns = shop.columns()
    assert not any(one.get("primaryKey") or one.get("unique") or one.get("enum") for one in columns.values())


def test_likely_personal_columns_are_marked_and_named(shop: Shop) -> None:
    said = shop.start(customers())
    assert "email: likely personal: its values look like e-mail addresses" in said
    column = shop.columns()["email"]
    assert (column["classification"], column["tags"]) == ("confidential", ["personal"])
    assert column["customProperties"][0]["property"] == "mesh.review"
    assert "email" in (shop.mesh.root / "domains/shop/taken/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("contact", ["ada@example.com", "grace@example.org"]),
        ("first_name", ["Ada"]),
        ("vorname", ["Ada"]),
        ("date_of_birth", []),
        ("billing_address", ["Elm Street 1"]),
        ("account", ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"]),
        ("ip", []),
        ("gender", ["f"]),
        ("client", ["192.168.0.1", "10.0.0.7"]),
    ],
)
def test_what_is_about_a_person_is_noticed(name: str, values: list[str]) -> None:
    assert personal(name, values)


@pytest.mark.parametrize(
    "name", ["product_name", "station_name", "amount", "status", "percentage", "city", "image", "stage"]
)
def test_what_is_about_a_thing_is_left_alone(name: str) -> None:
    assert personal(name, ["a", "b"]) == ""


def test_a_place_is_a_person_s_only_beside_something_that_is() -> None:
    assert not any(personal_columns({"name": [], "lat": [], "city": []}).values())
    assert all(personal_columns({"name": [], "lat": [], "email": []}).values())


def test_what_may_well_fall_below_zero_has_no_such_bound(shop: Shop) -> None:
    rows = [f"{n},{n % 90 + 10.5},{n},{2000 + n % 20},{n + 900}" for n in range(1, 100)]
    shop.start("\n".join(["row,temp,stock,year,pressure", *rows]) + "\n")
    options = {name: one.get("logicalTypeOptions", {}) for name, one in shop.columns().items()}
    assert [name for name, one in options.items() if "minimum" in one] == ["row", "stock"]


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["a@example.com", "b.c@example.org"], {"format": "email"}),
        (["https://example.com", "http://a.org/x?y=1"], {"format": "uri"}),
        (["6f9619ff-8b86-4011-b42d-00c04fc964ff"], {"format": "uuid"}),
        (["10.0.0.1", "192.168.1.1"], {"format": "ipv4"}),
        ([f"ORD-{number:06}" for number in range(20)], {"pattern": "^[A-Z]{3}\\-[0-9]{6}$"}),
        ([f"A{number}" for number in range(20)], {"pattern": "^[A-Z]{1}[0-9]+$"}),
    ],
)
def test_texts_of_one_shape_are_recognised(values: list[str], options: dict[str, str]) -> None:
    assert next(text_options(values)) == options


@pytest.mark.parametrize("values", [["Ada", "Grace"], ["two words", "more words"], ["é1", "é2"], [], ["A1", "B2"]])
def test_words_are_no_code(values: list[str]) -> None:
    assert next(text_options(values * 1), None) is None
