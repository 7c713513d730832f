"""Whatever the file: what is written from it validates, builds at once, and holds as many rows as the file."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh_folder import MeshFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHOLE = st.integers(-(10**12), 10**12)
TENTHS = st.integers(-(10**7), 10**7).map(lambda number: number / 100)
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1))


def _grouped(mark: str, decimal: str) -> Callable[[float], str]:
    def write(number: float) -> str:
        return f"{number:,.2f}".replace(",", "#").replace(".", decimal).replace("#", mark)

    return write


# How people write values of one column; each gives texts.
SPELLINGS: dict[str, st.SearchStrategy[str]] = {
    "whole": WHOLE.map(str),
    "float": TENTHS.map(str),
    "exponent": st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "comma": TENTHS.map(lambda number: f"{number:.2f}".replace(".", ",")),
    "german": TENTHS.map(_grouped(".", ",")),
    "english": TENTHS.map(_grouped(",", ".")),
    "swiss": TENTHS.map(_grouped("'", ".")),
    "french": TENTHS.map(_grouped("\u202f", ",")),
    "euro": TENTHS.map(lambda number: f"{_grouped('.', ',')(number)} €"),
    "dollar": TENTHS.map(lambda number: f"${abs(number):,.2f}"),
    "currencies": st.sampled_from(["1.00 €", "$2.00", "3.00 GBP"]),
    "percent": TENTHS.map(lambda number: f"{number:.1f} %"),
    "code": st.integers(0, 99999).map(lambda number: f"{number:05}"),
    "iso day": DAYS.map(lambda day: day.isoformat()),
    "german day": DAYS.map(lambda day: f"{day:%d.%m.%Y}"),
    "us day": DAYS.map(lambda day: f"{day:%m/%d/%Y}"),
    "any day": st.one_of(
        DAYS.map(lambda day: f"{day:%d.%m.%Y}"), DAYS.map(str), DAYS.map(lambda day: f"{day:%d/%m/%Y}")
    ),
    "month name": DAYS.map(lambda day: f"{day:%d-%b-%Y}"),
    "moment": st.datetimes().map(lambda moment: moment.isoformat(sep=" ")),
    "zoned": st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
    "time": st.times().map(lambda time: time.isoformat()),
    "yes": st.sampled_from(["yes", "no", "Yes"]),
    "ja": st.sampled_from(["ja", "nein"]),
    "word": st.sampled_from(["new", "paid", "-", "None", "NA", "sent"]),
    "email": st.emails(),
    "uuid": st.uuids().map(str),
    "text": st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    "lines": st.sampled_from(["one\ntwo", 'say "hi"', "a;b,c\td|e", " padded ", "\r\n", "'", "\\"]),
    "nothing": st.just(""),
    "mixed": st.sampled_from(["1", "2.5", "x", "2026-01-01", "yes", "01", "+49 30 1", "inf", "nan", "1e400", "12:00"]),
}
NULLS = ["", "", "NA", "N/A", "NULL", "-", "n/a", "  "]
# A number or an address could be a value as well: with such a header nobody can tell that it is one.
NAMES = st.one_of(
    st.sampled_from(
        ["id", "Order ID", "Größe (m)", "", "amount", "Amount", "e-mail", "select", "2020", "%", "ID", "date"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Nd", "Po"]), max_size=12),
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """A CSV file as somebody exported it: bytes, and how many rows are in it."""
    kinds = draw(st.lists(st.sampled_from(sorted(SPELLINGS)), min_size=1, max_size=6))
    rows = draw(st.integers(1, 25))
    holes = draw(st.sampled_from([0.0, 0.0, 0.2]))
    table = []
    for kind in kinds:
        marker = draw(st.sampled_from(NULLS))
        values = [draw(SPELLINGS[kind]) for _ in range(rows)]
        empty = [draw(st.floats(0, 1)) < holes for _ in range(rows)]
        table.append([marker if is_empty else value for value, is_empty in zip(values, empty, strict=True)])
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    # With a word in front the header is one, whatever else it holds; one with mostly empty names passes for a title.
    names = [draw(NAMES) for _ in kinds]
    writer.writerow(["key", *(name if name.strip() or at % 2 else "some" for at, name in enumerate(names))])
    writer.writerows([f"k{number}", *cells] for number, cells in enumerate(zip(*table, strict=True)))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    content = out.getvalue().encode(encoding, "replace")
    return {"content": content, "rows": rows}


@given(file=files())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.slow
def test_whatever_is_written_from_a_file_validates_and_builds(
    file: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root: Path = tmp_path_factory.mktemp("mesh")
    mesh = MeshFolder(root)
    mesh.write("domains/shop/domain.yaml", "team: {name: shop_team}\n")
    mesh.write("data/in.csv", file["content"])
    started = mesh.mesh("new", "product", "shop/taken", "--from", str(root / "data/in.csv"))
    assert started.code == 0, started.err
    checked = mesh.mesh("validate", "--json")
    assert checked.code == 0, checked.out
    built = mesh.mesh("build", "--json")
    assert built.code == 0, built.out + built.err
    ended = next(event for event in map(json.loads, built.out.splitlines()) if event["event"] == "product_ended")
    assert ended["rows"] == file["rows"]
