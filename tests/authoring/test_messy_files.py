"""Files as people export them: each is read as what it says, and what is written from it can be built at once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pytest

if TYPE_CHECKING:
    from authoring.conftest import Shop


def lines(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def test_a_byte_order_mark_semicolons_and_quoted_newlines_are_understood(shop: Shop) -> None:
    shop.start("\ufeff" + 'id;note\n1;"two\nlines, and ""quotes"""\n2;plain\n')
    assert shop.rows() == [{"id": 1, "note": 'two\nlines, and "quotes"'}, {"id": 2, "note": "plain"}]


def test_apostrophes_enclose_values_only_where_they_enclose_all(shop: Shop) -> None:
    shop.start(lines("id,name", *(f"'{n}','x,y {n}'" for n in range(5))))
    assert shop.rows()[4] == {"id": 4, "name": "x,y 4"}
    shop.start(lines("id,name", "1,'", "2,x", "3,'", "4,y"), file="data/other.csv", product="other")
    assert [row["name"] for row in shop.rows("other")] == ["'", "x", "'", "y"]


def test_backslashes_may_escape_quotes(shop: Shop) -> None:
    shop.start(lines("id,name", *(f'{n},"say \\"{n}\\", then"' for n in range(5))))
    assert shop.rows()[4]["name"] == 'say "4", then'


def test_a_western_code_page_is_read_and_said(shop: Shop) -> None:
    said = shop.start("id,stadt\n1,Köln\n2,Zürich\n".encode("cp1252"))
    assert "is not UTF-8: it is read as cp1252" in said
    assert [row["stadt"] for row in shop.rows()] == ["Köln", "Zürich"]


def test_another_script_is_read_in_its_own_code_page(shop: Shop) -> None:
    cities = ["Москва", "Санкт-Петербург", "Новосибирск", "Екатеринбург", "Казань"]
    shop.start(lines("id,город", *(f"{i},{city}" for i, city in enumerate(cities))).encode("cp1251"))
    assert [row["gorod"] for row in shop.rows()] == cities


def test_utf_16_is_read(shop: Shop) -> None:
    shop.start("id\tname\n1\tAda\n2\tŁukasz\n".encode("utf-16"))
    assert [row["name"] for row in shop.rows()] == ["Ada", "Łukasz"]


def test_lines_before_the_header_are_left_out(shop: Shop) -> None:
    said = shop.start("Quarterly report\nmade on 2026-01-02\n\nid,amount\n1,2.50\n2,3.50\n")
    assert "the first 3 lines" in said
    assert [row["amount"] for row in shop.rows()] == ["2.50", "3.50"]


def test_a_file_without_a_header_gets_names_by_position(shop: Shop) -> None:
    shop.start("1,ada@example.com,2026-01-01\n2,grace@example.com,2026-01-02\n")
    assert list(shop.rows()[0]) == ["column_1", "column_2", "column_3"]


def test_names_that_are_empty_or_twice_are_told_apart(shop: Shop) -> None:
    shop.start("id,Amount,amount,,Amount\n1,10,11,12,13\n2,20,21,22,23\n")
    assert shop.rows()[0] == {"id": 1, "amount": 10, "amount_2": 11, "column_4": 12, "amount_3": 13}


def test_names_are_made_valid_and_originals_kept(shop: Shop) -> None:
    shop.start("Order ID,Größe (m),Anteil %,2020,select\n1,1.5,2.5,3,a\n")
    assert list(shop.rows()[0]) == ["order_id", "grosse_m", "anteil_percent", "n2020", "select"]
    assert [column.get("businessName") for column in shop.columns().values()] == [
        "Order ID", "Größe (m)", "Anteil %", "2020", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (["1.234.567,89 €", "0,50 €", "-12,00 €"], Decimal("1234567.89")),
        (["$1,234.50", "$0.10", "$7.00"], Decimal("1234.50")),
        (["-$1.50", "$0.10", "-$7.00"], Decimal("-1.50")),
        (["-1,50 EUR", "EUR 2,00", "3,25"], Decimal("-1.50")),
        (["1'234.50 CHF", "10.00 CHF", "2.25 CHF"], Decimal("1234.50")),
        (["12,5 %", "7 %", "100 %"], 12.5),
        (["1,234,567", "12", "1,000"], 1234567),
        (["1\u202f234,5", "12,25", "0,75"], 1234.5),
        (["01067", "80331", "10115"], "01067"),
        (["+49 30 123", "+49 40 456", "+1 555"], "+49 30 123"),
        (["yes", "no", "yes"], True),
        (["ja", "nein", "ja"], True),
        (["2026-01-31", "2026-02-01", "2026-12-24"], "2026-01-31"),
        (["31.01.2026", "01.02.2026", "24.12.2026"], "2026-01-31"),
        (["31/01/2026", "01/02/2026", "24/12/2026"], "2026-01-31"),
        (["01/31/2026", "02/01/2026", "12/24/2026"], "2026-01-31"),
        (["31.01.2026", "2026-02-01", "24.12.2026"], "2026-01-31"),
        (["31-Jan-2026", "01-Feb-2026", "24-Dec-2026"], "2026-01-31"),
        (["2026-01-31 10:00", "2026-02-01 11:30", "2026-12-24 12:00"], "2026-01-31T10:00:00"),
        (["31.01.2026 10:00", "01.02.2026 11:30", "24.12.2026 12:00"], "2026-01-31T10:00:00"),
        (["2026-01-31T10:00:00Z", "2026-02-01T11:30:00+02:00", "2026-12-24T12:00:00Z"], "2026-01-31T10:00:00+00:00"),
        (["09:30", "10:45", "23:59:59"], "09:30:00"),
    ],
)
def test_a_text_is_read_as_what_it_says(shop: Shop, written: list[str], value: object) -> None:
    shop.start(lines("id;value", *(f'{number};"{text}"' for number, text in enumerate(written))))
    first = shop.rows()[0]["value"]
    if isinstance(value, Decimal):
        assert (shop.columns()["value"]["physicalType"], Decimal(first)) == ("DECIMAL(18,2)", value)
    else:
        assert first == value


def test_dates_that_fit_both_ways_stay_text_until_somebody_decides(shop: Shop) -> None:
    said = shop.start("id,day\n1,01/02/2026\n2,03/04/2026\n")
    assert "day: dates are written DD/MM/YYYY or MM/DD/YYYY, and every value fits both" in said
    assert shop.rows()[0]["day"] == "01/02/2026"


def test_amounts_in_several_currencies_are_not_mixed(shop: Shop) -> None:
    said = shop.start("id,paid\n1,1.00 €\n2,$2.00\n")
    assert "amounts in several currencies" in said
    assert [row["paid"] for row in shop.rows()] == ["1.00 €", "$2.00"]


def test_spellings_of_nothing_are_null_but_a_word_that_looks_like_one_is_kept(shop: Shop) -> None:
    rows = ["1,10,DE,2026-01-01", "2,N/A,NA,n/a", "3,NULL,FR,2026-01-03", "4,-,NA,2026-01-04"]
    shop.start(lines("id,amount,country,day", *rows))
    found = shop.rows()
    assert [row["amount"] for row in found] == [10, None, None, None]
    # Namibia is a country.
    assert [row["country"] for row in found] == ["DE", "NA", "FR", "NA"]
    assert [row["day"] for row in found][1] is None


def test_one_wrong_row_among_many_decides_the_type(shop: Shop) -> None:
    rows = [f"{number},{number * 2}" for number in range(20_000)]
    rows[17_321] = "17321,about 7"
    shop.start(lines("id,amount", *rows))
    assert shop.columns()["amount"]["physicalType"] == "VARCHAR"
    assert len(shop.rows()) == 20_000


def test_two_hundred_columns_are_no_more_trouble_than_two(shop: Shop) -> None:
    header = ",".join(f"Measure {number}" for number in range(200))
    shop.start(lines(header, *(",".join(str(row * number) for number in range(200)) for row in range(50))))
    assert len(shop.rows()[3]) == 200
    assert shop.rows()[3]["measure_199"] == 597


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (["1,50 €", "2,50 €"], "about 2"),
        # By leaving out the points, each of these would become another number.
        (["1.234,50 €", "2,50 €"], "12.5 €"),
        (["1.234,50 €", "2,50 €"], "1,505 €"),
        (["1,234", "1,234,567"], "12,5"),
        (["1,5", "2,25"], "1.234"),
        (["31.01.2026", "01.02.2026"], "2026-02-30"),
        (["ja", "nein"], "vielleicht"),
    ],
)
def test_a_later_text_that_is_not_understood_is_an_error_and_no_guess(shop: Shop, first: list[str], later: str) -> None:
    rows = [f'{number};"{text}"' for number, text in enumerate(first)]
    shop.start(lines("id;value", *rows))
    assert len(shop.rows()) == 2
    shop.mesh.write("data/in.csv", lines("id;value", *rows, f'9;"{later}"'))
    answer = shop.mesh.mesh("build")
    assert answer.code == 2
    # Comma and point may have changed places in what the cast was given.
    assert later in answer.out or later.translate(str.maketrans(",.", ".,")) in answer.out


def test_whole_numbers_beside_a_word_for_nothing_are_not_rounded(shop: Shop) -> None:
    shop.start(lines("id,count,mark", "1,5,-", "2,-,x", "3,7,-"))
    assert [row["count"] for row in shop.rows()] == [5, None, 7]
    shop.mesh.write("data/in.csv", lines("id,count,mark", "1,5.5,-", "2,-,x"))
    answer = shop.mesh.mesh("build")
    assert (answer.code, "5.5" in answer.out) == (2, True)


def test_without_its_lock_the_product_is_read_the_same(shop: Shop) -> None:
    text = lines("Nr;Betrag;PLZ;Tag", *(f"{n};{n}.000,50 €;{n:05};{n:02}.01.2026" for n in range(1, 29)))
    shop.start(text.encode("cp1252"))
    before = shop.rows()
    (shop.mesh.root / "domains/shop/taken/inputs.lock.yaml").unlink()
    assert shop.mesh.mesh("build", "--full").code == 0
    assert shop.mesh.rows("shop.taken") == before


def test_an_empty_file_is_refused_and_leaves_nothing(shop: Shop) -> None:
    assert "empty" in shop.start("", code=2)
    assert not (shop.mesh.root / "domains/shop/taken").exists()


def test_rows_of_different_length_are_named_by_line(shop: Shop) -> None:
    said = shop.start(lines("id,a,b", "1,2,3", "2,3", "3,4,5"), code=2)
    assert "data/in.csv" in said
    assert not (shop.mesh.root / "domains/shop/taken").exists()


def test_other_formats_keep_the_types_that_they_have(shop: Shop) -> None:
    rows = b'{"id": 1, "at": "2026-01-01T10:00:00", "Tags": ["a"], "inner": {"x": 1.5}}\n{"id": 2, "at": null, "Tags": [], "inner": null}\n'
    shop.start(rows, file="data/in.ndjson")
    assert shop.rows()[0] == {"id": 1, "at": "2026-01-01T10:00:00", "tags": ["a"], "inner": {"x": 1.5}}
    assert list(shop.columns()) == ["id", "at", "tags", "inner"]


def test_parquet_with_types_that_no_table_holds_is_converted(shop: Shop) -> None:
    target = shop.mesh.root / "data/in.parquet"
    target.parent.mkdir(exist_ok=True)
    select = "SELECT 1 AS \"Order ID\", INTERVAL 1 DAY AS span, TIME '10:00' AS at, 5::HUGEINT AS big, uuid() AS u"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{target}' (FORMAT parquet)")
    answer = shop.mesh.mesh("new", "product", "shop/taken", "--from", str(target))
    assert answer.code == 0, answer.err
    row = shop.rows()[0]
    assert (row["order_id"], row["span"], row["at"]) == (1, "1 day", "10:00:00")


def test_a_type_that_nobody_knows_is_named_with_its_column(shop: Shop) -> None:
    target = shop.mesh.root / "data/in.parquet"
    target.parent.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS id, '10:00'::TIME_NS AS fine) TO '{target}' (FORMAT parquet)")
    answer = shop.mesh.mesh("new", "product", "shop/taken", "--from", str(target))
    assert (answer.code, "column fine is of type TIME_NS" in answer.err) == (2, True)


def test_infinite_days_are_null_and_said(shop: Shop) -> None:
    target = shop.mesh.root / "data/in.parquet"
    target.parent.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS id, DATE 'infinity' AS until) TO '{target}' (FORMAT parquet)")
    answer = shop.mesh.mesh("new", "product", "shop/taken", "--from", str(target))
    assert "until: it has infinite times" in answer.out
    assert shop.rows() == [{"id": 1, "until": None}]


def test_dates_keep_their_day(shop: Shop) -> None:
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=number) for number in range(400)]
    shop.start(lines("id;day", *(f"{number};{day:%d.%m.%Y}" for number, day in enumerate(days))))
    assert [row["day"] for row in shop.rows()] == [str(day) for day in days]


def test_columns_may_be_called_like_what_counts_rows(shop: Shop) -> None:
    """A row's number has no name of its own in what looks at a table; in a query `rowid` is refused with what to do."""
    shop.start(lines("number,name", *(f"{'odd' if n % 2 else 'even'},n{n}" for n in range(2500))))
    assert shop.rows()[1] == {"number": "odd", "name": "n1"}
    assert shop.columns()["number"]["enum"] == [{"value": "even"}, {"value": "odd"}]
    said = shop.start(lines("rowid,name", "a,b", "c,d"), file="data/other.csv", product="other")
    assert "rows have no number of their own (rowid)" in said
