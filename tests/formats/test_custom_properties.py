from __future__ import annotations

from typing import Any

import pytest

from meshwright.formats import custom_properties, quantities, yaml_text
from meshwright.formats.source_options import OPTIONS


def typed(place: str, **entries: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    listed = [{"property": f"mesh.{key}", "value": value} for key, value in entries.items()]
    values, findings = custom_properties.typed(listed, place, "/customProperties", "p.yaml")
    return values, [(finding.code, finding.pointer) for finding in findings]


def test_values_are_typed() -> None:
    assert typed("product", timeLimit="10min", memoryLimit="1.5GB") == (
        {"mesh.timeLimit": 600, "mesh.memoryLimit": 1536},
        [],
    )


def test_other_tools_keys_are_left_alone() -> None:
    entries = [{"property": "owner.slack", "value": "#a"}]
    assert custom_properties.typed(entries, "product", "", "p.yaml") == ({}, [])
    assert custom_properties.values(entries) == {"owner.slack": "#a"}


def test_an_unknown_key_of_ours_suggests_the_near_one() -> None:
    (finding,) = custom_properties.checked(
        [{"property": "mesh.timelimit", "value": 1}], "product", "/customProperties", "p"
    )
    assert (finding.code, finding.hint) == ("unknown-key", "did you mean 'mesh.timeLimit'?")
    assert finding.pointer == "/customProperties/0/property"


def test_a_key_in_the_wrong_place_says_where_it_belongs() -> None:
    (finding,) = custom_properties.checked(
        [{"property": "mesh.path", "value": "x"}], "product", "/customProperties", "p"
    )
    assert "inputPorts" in finding.hint


def test_a_key_given_twice_is_a_finding() -> None:
    entries = [{"property": "mesh.timeLimit", "value": "1s"}] * 2
    assert [f.code for f in custom_properties.checked(entries, "product", "", "p")] == ["duplicate-key"]


@pytest.mark.parametrize("value", ["", "soon", "-1s", "0s", "10 parsecs", True, None, [1]])
def test_a_bad_duration_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="such as"):
        quantities.seconds(value)


@pytest.mark.parametrize(
    ("value", "expected"), [("512MB", 512), ("4GB", 4096), ("1.5 GiB", 1536), ("2tb", 2 * 1024 * 1024)]
)
def test_sizes_are_read_in_megabytes(value: str, expected: int) -> None:
    assert quantities.megabytes(value) == expected


@pytest.mark.parametrize("value", ["4", 4096, "4XB", "0MB", True])
def test_a_size_without_its_unit_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="such as 512MB"):
        quantities.megabytes(value)


@pytest.mark.parametrize(
    ("value", "expected"), [("5%", (5.0, "percent")), ("0.5 %", (0.5, "percent")), (100, (100.0, "rows"))]
)
def test_a_threshold_is_rows_or_a_share(value: Any, expected: tuple[float, str]) -> None:
    assert quantities.rows_or_percent(value) == expected


@pytest.mark.parametrize("value", ["x%", "101%", -1, 1.5, "many", True])
def test_a_bad_threshold_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="number of rows"):
        quantities.rows_or_percent(value)


def test_every_example_of_the_reference_is_accepted() -> None:
    for key in custom_properties.KEYS:
        (value,) = yaml_text.parse(f"[{key.example}]".encode(), "example")[0]
        key.parse(value)


def test_the_reference_lists_every_key_in_each_of_its_places_and_every_option() -> None:
    page = custom_properties.reference()
    for key in custom_properties.KEYS:
        assert page.count(f"| `{key.name}` |") == len(key.places)
    for option in OPTIONS:
        assert f"| `{option}` |" in page
