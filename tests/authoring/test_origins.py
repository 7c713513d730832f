"""What `--from` may name: files anywhere, sheets, URLs, tables of databases, ports; all read by the built product, too."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

if TYPE_CHECKING:
    from pathlib import Path

    from authoring.conftest import Shop
    from postgres_server import PostgresDatabase
    from web_server import WebServer

ORDERS = "Order ID,email,amount\n" + "".join(f"{n},user{n}@example.com,{n}.50\n" for n in range(1, 31))
Sheet = list[list[Any]]


def workbook(path: Path, sheets: dict[str, Sheet]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(path)) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, dt.date):
                        sheet.write_datetime(at, column, dt.datetime.combine(value, dt.time()), day)
                    elif value is not None:
                        sheet.write(at, column, value)
    return path


def new(shop: Shop, source: str, *more: str, code: int = 0) -> str:
    answer = shop.mesh.mesh("new", "product", "shop/taken", "--from", source, *more)
    assert answer.code == code, answer.out + answer.err
    return answer.out + answer.err


def test_a_file_from_elsewhere_is_copied_into_the_mesh(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "orders [1].csv"
    outside.write_text(ORDERS, encoding="utf-8")
    new(shop, str(outside))
    assert (shop.mesh.root / "data/orders _1].csv").read_text(encoding="utf-8") == ORDERS
    assert len(shop.rows()) == 30
    assert str(tmp_path) not in shop.query() + str(shop.document("product.yaml"))


def test_a_copy_never_replaces_another_file(shop: Shop, tmp_path: Path) -> None:
    shop.mesh.write("data/orders.csv", "a\n1\n")
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    assert "is there already with other content" in new(shop, str(tmp_path / "orders.csv"), code=2)
    assert (shop.mesh.root / "data/orders.csv").read_text() == "a\n1\n"


def test_nothing_is_left_behind_of_a_file_that_cannot_be_read(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 this is none")
    new(shop, str(tmp_path / "broken.parquet"), code=2)
    assert [path.name for path in (shop.mesh.root / "data").iterdir()] == []


def test_files_are_found_from_where_one_stands(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.mesh.write("data/deep/orders.csv", ORDERS)
    monkeypatch.chdir(shop.mesh.root / "data")
    new(shop, "deep/orders.csv")
    assert shop.document("product.yaml")["inputPorts"][0]["customProperties"][0]["value"] == "data/deep/orders.csv"
    assert "`data/deep/orders.csv`" in (shop.mesh.root / "domains/shop/taken/README.md").read_text(encoding="utf-8")


def test_a_glob_reads_what_comes_later(shop: Shop) -> None:
    shop.mesh.write("data/orders/1.csv", ORDERS)
    new(shop, "data/orders/*.csv")
    assert len(shop.rows()) == 30
    shop.mesh.write("data/orders/2.csv", "Order ID,email,amount\n99,z@example.com,1\n")
    assert len(shop.rows()) == 31


def test_columns_that_only_later_files_have_are_read_too(shop: Shop) -> None:
    shop.mesh.write("data/orders/1.csv", "id,amount\n1,2\n")
    shop.mesh.write("data/orders/2.csv", "amount,id,Extra Note\n3,2,new\n")
    new(shop, "data/orders/*.csv")
    assert shop.rows() == [
        {"id": 1, "amount": 2, "extra_note": None},
        {"id": 2, "amount": 3, "extra_note": "new"},
    ]


def test_every_sheet_with_a_table_becomes_a_port(shop: Shop) -> None:
    days = [[f"A{n:03}", dt.date(2026, 1, n), n * 1.5, "ja" if n % 2 else "nein"] for n in range(1, 29)]
    sheets: dict[str, Sheet] = {
        "Plan 2026": [["Quarterly plan"], [], ["Nr", "Tag", "Betrag", "aktiv"], *days],
        "Actuals": [["id", "paid"], [1, "1.234,50 €"], [2, "n/a"], [3, "7,00 €"]],
        "Empty": [],
    }
    said = new(shop, str(workbook(shop.mesh.root / "data/budget.xlsx", sheets)))
    assert "the sheet 'Empty' was left out" in said
    built = shop.mesh.build()["shop.taken"]
    assert built["outcome"] == "published"
    assert shop.mesh.rows("shop.taken.plan_2026")[0] == {
        "nr": "A001",
        "tag": "2026-01-01",
        "betrag": 1.5,
        "aktiv": True,
    }
    assert [row["paid"] for row in shop.mesh.rows("shop.taken.actuals")] == ["1234.50", None, "7.00"]


def test_a_sheet_may_name_two_columns_alike_or_none(shop: Shop) -> None:
    rows: Sheet = [[], ["Budget"], [], ["id", "Amount", None, "amount"], [1, 2.5, "a", "x"], [2, 3.5, "b", "n/a"]]
    new(shop, str(workbook(shop.mesh.root / "data/b.xlsx", {"One": rows})))
    found = shop.rows()
    assert [list(row.values()) for row in found] == [[1, 2.5, "a", "x"], [2, 3.5, "b", None]]
    assert list(found[0]) == ["id", "amount", "column_3", "amount_2"]


def test_one_sheet_can_be_chosen(shop: Shop) -> None:
    file = workbook(shop.mesh.root / "data/b.xlsx", {"One": [["a"], [1], [2]], "Two": [["b"], ["x"], ["y"]]})
    new(shop, str(file), "--sheet", "Two")
    assert shop.rows() == [{"b": "x"}, {"b": "y"}]
    answer = shop.mesh.mesh("new", "product", "shop/other", "--from", f"{file}#One")
    assert answer.code == 0, answer.err
    assert shop.rows("other") == [{"a": 1}, {"a": 2}]


def test_an_unknown_sheet_gets_a_suggestion(shop: Shop) -> None:
    file = workbook(shop.mesh.root / "data/b.xlsx", {"Orders": [["a"], [1]], "Other": [["a"], [1]]})
    assert "did you mean 'Orders'?" in new(shop, str(file), "--sheet", "orders", code=2)


def test_a_sheet_of_what_is_no_workbook_is_refused(shop: Shop) -> None:
    shop.mesh.write("data/orders.csv", ORDERS)
    assert "is no workbook" in new(shop, "data/orders.csv", "--sheet", "One", code=2)


def test_a_product_that_was_never_built_is_named_with_the_next_step(shop: Shop) -> None:
    shop.mesh.product("shop.orders", "SELECT 1 AS id")
    assert "mesh build --select shop.orders" in new(shop, "shop.orders", code=2)


def test_a_url_is_fetched_and_looked_at(shop: Shop, web: WebServer) -> None:
    web.put("/files/orders.csv", ORDERS.replace(",", ";").replace(".50", ",50 €").encode("cp1252"))
    new(shop, web.url("/files/orders.csv"))
    assert shop.rows()[0] == {"order_id": 1, "email": "user1@example.com", "amount": "1.50"}
    assert shop.columns()["amount"]["physicalType"] == "DECIMAL(18,2)"


def test_a_url_with_a_secret_in_it_is_refused_without_saying_it(shop: Shop) -> None:
    said = new(shop, "https://user:hunter2@example.com/x.csv", code=2)
    assert "hunter2" not in said
    assert "secret" in said


def test_a_table_of_sqlite_keeps_its_types(shop: Shop) -> None:
    shop.mesh.write("mesh.yaml", "name: test\nconnections: {crm: {type: sqlite, path: data/crm.db}}\n")
    (shop.mesh.root / "data").mkdir()
    with sqlite3.connect(shop.mesh.root / "data/crm.db") as crm:
        crm.execute('CREATE TABLE taken (id INTEGER PRIMARY KEY, "First Name" TEXT, price REAL)')
        crm.executemany("INSERT INTO taken VALUES (?, ?, ?)", [(n, f"ann{n}", n * 1.5) for n in range(1, 41)])
    crm.close()
    said = new(shop, "crm#taken")
    assert "first_name: likely personal" in said
    assert shop.rows()[0] == {"id": 1, "first_name": "ann1", "price": 1.5}
    assert [name for name, one in shop.columns().items() if one.get("primaryKey")] == ["id"]


def test_new_rows_of_a_database_s_table_are_appended(shop: Shop) -> None:
    shop.mesh.write("mesh.yaml", "name: test\nconnections: {crm: {type: sqlite, path: data/crm.db}}\n")
    (shop.mesh.root / "data").mkdir()
    crm = sqlite3.connect(shop.mesh.root / "data/crm.db")
    with crm:
        crm.execute("CREATE TABLE events (name TEXT, id INTEGER PRIMARY KEY)")
        crm.executemany("INSERT INTO events VALUES (?, ?)", [("a", 1), ("b", 2)])
    assert "beyond the highest id" in new(shop, "crm#events", "--blueprint", "landing")
    assert len(shop.rows()) == 2
    with crm:
        crm.execute("INSERT INTO events VALUES ('c', 3)")
    crm.close()
    assert [row["id"] for row in shop.rows()] == [1, 2, 3]


@pytest.mark.slow
def test_a_table_of_postgresql_keeps_its_types(
    shop: Shop, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_PASSWORD", postgres.server.password)
    where = f"host: 127.0.0.1, port: {postgres.server.port}, database: {postgres.name}, user: mesh"
    shop.mesh.write(
        "mesh.yaml",
        f"name: test\nconnections: {{crm: {{type: postgresql, {where}, password: {{env: CRM_PASSWORD}}}}}}\n",
    )
    postgres.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, paid numeric(10,2), tags text[], extra jsonb);"
        "INSERT INTO orders SELECT n, '2026-01-01T10:00Z', n * 1.5, '{a,b}', '{}' FROM generate_series(1, 25) n"
    )
    new(shop, "crm#public.orders")
    assert len(shop.rows()) == 25
    assert shop.columns()["paid"]["physicalType"] == "DECIMAL(10,2)"


def test_an_unknown_connection_is_named_with_those_that_there_are(shop: Shop) -> None:
    shop.mesh.write("mesh.yaml", "name: test\nconnections: {crm: {type: sqlite, path: data/crm.db}}\n")
    assert "there is no connection 'crn'; known here: crm" in new(shop, "crn#orders", code=2)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("orders.csv", "is no file"),
        ("nowhere.orders", "nothing is published as nowhere.orders"),
        ("data", "is a folder"),
        ("ftp://example.com/x.csv", "ftp://"),
        ("what is this", "is no file"),
    ],
)
def test_what_is_not_there_is_said(shop: Shop, source: str, said: str) -> None:
    shop.mesh.write("data/x.txt", "a\n1\n")
    assert said in new(shop, source, code=2)
    assert not (shop.mesh.root / "domains/shop/taken").exists()


def test_a_product_that_is_there_is_not_touched(shop: Shop) -> None:
    shop.mesh.mesh("new", "product", "shop/taken")
    shop.mesh.write("data/orders.csv", ORDERS)
    assert "is there already" in new(shop, "data/orders.csv", code=2)
