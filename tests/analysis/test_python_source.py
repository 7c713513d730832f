"""Reading a Python transformation without running it."""

from __future__ import annotations

import pytest

from meshwright.analysis.python_source import read

SOURCE = '''# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2", "scikit-learn"]
# ///
"""Predictions."""
import numpy


def predictions(inputs):
    """One row a flight."""
    flights = inputs.flights.to_pandas()
    weather = inputs["weather.hourly"].arrow()
    new = inputs.changes.flights, inputs.changes["fleet.planes"]
    (inputs.folder / "model.bin").write_bytes(b"")
    return flights
'''


def test_a_transformation_says_what_it_reads_and_needs() -> None:
    source = read(SOURCE, "predictions")
    assert source.function_line == 9
    assert source.inputs == ("flights", "weather.hourly")
    assert source.changes == ("flights", "fleet.planes")[::-1]
    assert not source.reads_all
    assert source.dependencies == ("numpy>=2", "scikit-learn")
    assert source.requires_python == ">=3.11"
    assert source.findings == ()


@pytest.mark.parametrize(
    "body",
    [
        "return build(inputs)",
        "return inputs[name]",
        "return inputs.changes",
        "return [name for name in inputs]",
        "return getattr(inputs, 'flights')",
        "other = inputs\n    return other.flights",
        "inputs = wrap()\n    return inputs.flights",
        "return eval('inputs.flights')",
        "return locals()['inputs'].flights",
        "del inputs.flights",
        "return lambda: inputs",
        "return f'{inputs}'",
        "return (inputs := 3)",
        "return inputs.changes[name]",
    ],
)
def test_inputs_used_in_any_other_way_may_read_everything(body: str) -> None:
    assert read(f"def port(inputs):\n    {body}\n", "port").reads_all


@pytest.mark.parametrize(
    "text",
    [
        "@cached\ndef port(inputs):\n    return inputs.a\n",
        "def port(inputs):\n    return inputs.a\nport = wrap(port)\n",
    ],
)
def test_a_wrapped_function_may_read_everything(text: str) -> None:
    assert read(text, "port").reads_all


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def port(i):\n    def inner():\n        return i.a\n    return inner(), [i.b for _ in 'x']\n", ("a", "b")),
        ("def port(i, limit=3, *, seed=1):\n    return i.a\n", ("a",)),
        ("def port(i, /):\n    return i['changes'], i['folder']\n", ("changes", "folder")),
        ("def port(i):\n    return i.a.b.c['d'](x=i.e)\n", ("a", "e")),
        ("def port(i):\n    return 1\n", ()),
    ],
)
def test_inputs_are_read_by_attribute_or_constant_subscript(text: str, expected: tuple[str, ...]) -> None:
    source = read(text, "port")
    assert (source.inputs, source.reads_all, source.findings) == (expected, False, ())


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("x = 1\ndef port(inputs:\n", "python-syntax", 2),
        ("def port(inputs):\n\treturn 1\n        return 2\n", "python-syntax", 3),
        ("def port(inputs):\n    '\0'\n", "python-syntax", 0),
        ("def other(inputs): ...\n", "python-no-function", 0),
        ("class A:\n    def port(self): ...\n", "python-no-function", 0),
        ("\ndef port(): ...\n", "python-signature", 2),
        ("def port(a, b): ...\n", "python-signature", 1),
        ("def port(*, inputs): ...\n", "python-signature", 1),
        ("def port(inputs, *, needed): ...\n", "python-signature", 1),
        ("def port(*inputs): ...\n", "python-signature", 1),
        ("async def port(inputs): ...\n", "python-signature", 1),
        ("# /// script\n# dependencies = 3\n# ///\ndef port(i): ...\n", "python-metadata", 1),
        ("# /// script\n# dependencies = [\n# ///\ndef port(i): ...\n", "python-metadata", 1),
        ("# /// script\n# ///\n#\n# /// script\n# ///\ndef port(i): ...\n", "python-metadata", 1),
    ],
)
def test_what_is_wrong_is_found_with_its_line(text: str, code: str, line: int) -> None:
    (problem,) = read(text, "port").findings
    assert problem.code == code
    assert line in {problem.line, 0}


def test_a_function_of_another_name_is_suggested() -> None:
    (problem,) = read("def ports(inputs): ...\ndef _private(): ...\n", "port").findings
    assert "def port(inputs)" in problem.hint
    assert "ports" in problem.hint
    assert "_private" not in problem.hint


def test_comments_layout_and_docstrings_are_free() -> None:
    one = read('def port(inputs):\n    """Doc."""\n    return inputs.a  # all\n', "port")
    other = read("\n\n# note\ndef port( inputs ) :\r\n\r\n    return (inputs\n        .a)\n", "port")
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    "text",
    [
        "def port(inputs):\n    return inputs.b\n",
        "def port(inputs):\n    return inputs.a\nLIMIT = 3\n",
        "# /// script\n# dependencies = ['numpy']\n# ///\ndef port(inputs):\n    return inputs.a\n",
        "def port(inputs):\n    return inputs.a\n(",
    ],
)
def test_code_and_dependencies_are_part_of_the_fingerprint(text: str) -> None:
    assert read(text, "port").fingerprint != read("def port(inputs):\n    return inputs.a\n", "port").fingerprint


def test_code_nested_too_deeply_is_found_and_not_raised() -> None:
    source = read("def port(inputs):\n    return " + "(" * 500 + ")" * 500, "port")
    assert [problem.code for problem in source.findings] == ["python-syntax"]
    assert read("x = " + "-" * 100_000 + "1", "port").findings


def test_a_careless_escape_is_no_warning() -> None:
    assert read("def port(inputs):\n    return '\\d', inputs.a\n", "port").inputs == ("a",)
