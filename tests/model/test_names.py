import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.model.names import PortAddress, is_name, nearest

names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


@given(names, names, names, st.none() | st.integers(0, 99))
def test_an_address_is_read_back_as_it_was_written(domain: str, product: str, port: str, major: int | None) -> None:
    address = PortAddress(domain, product, port, major)
    assert PortAddress.parse(str(address)) == address


def test_two_names_mean_the_port_that_bears_the_products_name() -> None:
    assert PortAddress.parse("operations.flights") == PortAddress("operations", "flights", "flights")
    assert str(PortAddress("operations", "flights", "flights", 2)) == "operations.flights@2"


@pytest.mark.parametrize("text", ["flights", "a.b.c.d", "A.b", "a.b@x", "a.b@", "a..b", "a.b c", "é.b"])
def test_anything_else_is_refused_with_the_offending_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|major version") as refused:
        PortAddress.parse(text)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("text", "valid"),
    [("a", True), ("a1_b", True), ("1a", False), ("A", False), ("", False), ("a\n", False), ("a" * 64, False)],
)
def test_names_are_lower_case_letters_digits_and_underscores(text: str, valid: bool) -> None:
    assert is_name(text) is valid


def test_a_near_miss_is_suggested_and_a_far_one_is_not() -> None:
    assert nearest("flihgts", ["flights", "planes"]) == "flights"
    assert nearest("zebra", ["flights", "planes"]) is None
