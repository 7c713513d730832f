"""Names made valid: always a name, never twice, and still readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.authoring.naming import valid_name, valid_names
from meshwright.model.names import is_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Order ID", "order_id"),
        ("orderID", "order_id"),
        ("HTTPStatus", "http_status"),
        ("Größe (m²)", "grosse_m2"),
        ("Discount %", "discount_percent"),
        ("Price €", "price_eur"),
        ("2020", "n2020"),
        ("customer's name", "customers_name"),
        ("Город", "gorod"),
        ("  a -- b  ", "a_b"),
        ("---", "column"),
    ],
)
def test_a_name_says_what_the_text_said(text: str, name: str) -> None:
    assert valid_name(text, otherwise="column") == name


@given(st.lists(st.text(max_size=80), max_size=12))
def test_every_text_gets_a_valid_name_of_its_own(texts: list[str]) -> None:
    names = valid_names(texts)
    assert len(names) == len(texts) == len(set(names))
    assert all(is_name(name) for name in names)
