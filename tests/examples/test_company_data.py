"""What the generator of the company example claims: the same bytes for the same arguments, as many rows as asked for, and dirt at known rates."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "company"
ORDERS = 20_000
MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]
# Each kind of dirt: which rows have it, and which could.
DIRT = {
    "customer exported twice": "count(*) - count(DISTINCT customer_id), count(DISTINCT customer_id) FROM customers",
    "customer without e-mail": "count(*) FILTER (email IS NULL), count(*) FROM customers",
    "customer with e-mail in capitals": "count(*) FILTER (email = upper(email)), count(*) FROM customers",
    "customer with impossible birth date": "count(*) FILTER (birth_date > '2025-12-31'), count(*) FROM customers",
    "order sent twice": "count(*) - count(DISTINCT order_id), count(DISTINCT order_id) FROM orders",
    "order of nobody": "count(*) FILTER (customer_id NOT IN (SELECT customer_id FROM customers)), count(*) FROM orders",
    "order without country": "count(*) FILTER (country IS NULL), count(*) FROM orders",
    "order with currency in small letters": "count(*) FILTER (currency = lower(currency)), count(*) FROM orders",
    "line with impossible quantity": "count(*) FILTER (quantity < 1), count(*) FROM order_lines",
    "payment booked twice": "count(*) - count(DISTINCT transaction_id), count(DISTINCT transaction_id) FROM transactions",
    "payment of nothing": "count(*) FILTER (amount = 0), count(*) FROM transactions",
    "touch of no campaign": "count(*) FILTER (campaign_id NOT IN (SELECT campaign_id FROM campaigns)), count(*) FROM touches",
    "event sent twice": "count(*) - count(DISTINCT event_id), count(DISTINCT event_id) FROM events",
    "event from the future": "count(*) FILTER (happened_at > received_at), count(*) FROM events",
    "event of negative length": "count(*) FILTER (seconds < 0), count(*) FROM events",
    "event that comes late": "count(*) FILTER (received_at > happened_at + INTERVAL 7 DAYS), count(*) FROM events",
    "feedback with impossible rating": "count(*) FILTER (rating NOT BETWEEN 1 AND 5), count(*) FROM feedback",
    "feedback without text": "count(*) FILTER (text IS NULL), count(*) FROM feedback",
    "feedback in capitals": "count(*) FILTER (text = upper(text)), count(*) FROM feedback",
    "feedback with an address in it": "count(*) FILTER (text LIKE '%@%'), count(*) FROM feedback",
}

# Every generation plans 150 files.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = spec_from_file_location("generate_company_data", EXAMPLE / "generate_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(generator: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("company")
    generator.generate(root, orders=ORDERS)
    return root / "data"


@pytest.fixture(scope="module")
def data(made: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for file in sorted(made.glob("*/*.csv")):
        connection.execute(f"CREATE TABLE {file.stem} AS FROM read_csv('{file}')")
    for folder in sorted(path for path in made.glob("*/*") if path.is_dir()):
        ending = next(folder.iterdir()).suffix
        connection.execute(f"CREATE TABLE {folder.name} AS FROM '{folder}/*{ending}'")
    return connection


def one(data: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = data.execute(query).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def hashes(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(
    generator: ModuleType, made: Path, tmp_path: Path
) -> None:
    generator.generate(tmp_path / "again", orders=ORDERS)
    generator.generate(tmp_path / "other", orders=ORDERS, seed=1)
    one, again, other = (hashes(folder) for folder in (made, tmp_path / "again" / "data", tmp_path / "other" / "data"))
    assert one == again
    assert one.keys() == other.keys()
    # The list of countries is what it is.
    assert [name for name in one if one[name] == other[name]] == ["reference/countries.csv"]


def test_every_month_has_its_files_and_nothing_is_left_behind(made: Path) -> None:
    monthly = {path.parent.relative_to(made).as_posix() for path in made.glob("*/*/*")}
    assert monthly == {
        "ads/touches",
        "app/events",
        "app/feedback",
        "bank/transactions",
        "shop/order_lines",
        "shop/orders",
    }
    for folder in monthly:
        assert sorted(path.stem for path in (made / folder).iterdir()) == MONTHS
    assert not list(made.rglob(".*"))


def test_there_are_as_many_orders_as_asked_for_and_all_else_follows(data: duckdb.DuckDBPyConnection) -> None:
    assert one(data, "SELECT count(DISTINCT order_id), min(order_id), max(order_id) FROM orders") == (ORDERS, 1, ORDERS)
    assert one(data, "SELECT count(DISTINCT customer_id) FROM customers") == ORDERS // 5
    assert one(data, "SELECT count(DISTINCT event_id) FROM events") == ORDERS
    assert one(data, "SELECT count(*) FROM touches") == ORDERS * 3 // 5


def test_days_add_up_to_any_number_of_orders(generator: ModuleType) -> None:
    for orders in (1, 7, 100_000_000):
        company = generator.Company(orders, 1)
        counts = [company.before(day, orders) for day in range(generator.DAYS + 1)]
        assert counts == sorted(counts)
        assert (counts[0], counts[-1]) == (0, orders)


@pytest.mark.parametrize("what", DIRT)
def test_dirt_comes_at_the_rate_that_is_declared(
    data: duckdb.DuckDBPyConnection, generator: ModuleType, what: str
) -> None:
    _, rate = generator.DIRT[what]
    dirty, rows = one(data, f"SELECT {DIRT[what]}")
    expected = rows * rate / 1_000
    assert abs(dirty - expected) <= 4 * sqrt(expected), f"{dirty} of {rows}, {expected:.0f} are declared"


def test_all_dirt_that_is_declared_is_measured(generator: ModuleType) -> None:
    assert DIRT.keys() == generator.DIRT.keys()


def test_a_few_customers_and_articles_sell_most(data: duckdb.DuckDBPyConnection) -> None:
    bought = "SELECT count(*) FILTER (customer_id <= 40) / count(*) FROM orders"  # the first hundredth of 4,000
    assert 0.15 < one(data, bought) < 0.4
    assert one(data, "SELECT count(*) FILTER (article_id <= 24) / count(*) FROM order_lines") > 0.35
    assert one(data, "SELECT count(DISTINCT article_id) FROM order_lines") == 240


def test_sales_grow_and_have_their_seasons(data: duckdb.DuckDBPyConnection) -> None:
    def orders(condition: str) -> int:
        return int(one(data, f"SELECT count(*) FROM orders WHERE {condition}"))

    assert orders("year(ordered_at) = 2025") > 1.2 * orders("year(ordered_at) = 2024")
    assert orders("month(ordered_at) = 12") > 1.5 * orders("month(ordered_at) = 7")
    assert orders("isodow(ordered_at) = 6") > 1.4 * orders("isodow(ordered_at) = 3")
    assert orders("hour(ordered_at) >= 18") > 3 * orders("hour(ordered_at) < 8")
    # The days around the last Friday of November, and those a week before.
    assert orders("ordered_at::DATE BETWEEN '2025-11-28' AND '2025-12-01'") > 3 * orders(
        "ordered_at::DATE BETWEEN '2025-11-21' AND '2025-11-24'"
    )


def test_totals_are_the_sum_of_lines_less_the_discount(data: duckdb.DuckDBPyConnection) -> None:
    lines = "SELECT order_id, sum(abs(quantity) * unit_price) AS total FROM order_lines GROUP BY order_id"
    due = "floor(lines.total * (100 - discount_percent)) / 100"
    query = f"SELECT count(*), count(*) FILTER (abs({due} - orders.total) > 0.011) FROM orders JOIN ({lines}) AS lines USING (order_id)"
    rows, wrong = one(data, query)
    assert rows == one(data, "SELECT count(*) FROM orders")
    assert wrong == 0


def test_nobody_orders_before_they_are_customers_and_clicks_precede_orders(data: duckdb.DuckDBPyConnection) -> None:
    early = (
        "SELECT count(*) FROM orders JOIN customers USING (customer_id) WHERE ordered_at::DATE <= registered_at::DATE"
    )
    assert one(data, early) == 0
    clicked = """
        SELECT count(*) FROM orders ASOF JOIN (FROM touches WHERE kind = 'clicked') AS clicks
        ON clicks.customer_id = orders.customer_id AND orders.ordered_at >= clicks.touched_at
        WHERE orders.ordered_at < clicks.touched_at + INTERVAL 6 HOURS
    """
    assert one(data, clicked) > ORDERS / 20


def test_nobody_in_it_can_be_a_real_person(data: duckdb.DuckDBPyConnection) -> None:
    assert (
        one(data, r"SELECT count(*) FROM customers WHERE NOT regexp_matches(email, '^[a-z.0-9]+@example\.org$', 'i')")
        == 0
    )
    assert one(data, "SELECT count(*) FROM customers WHERE phone NOT LIKE '+999 %'") == 0
    assert one(data, "SELECT count(*) FROM transactions WHERE NOT regexp_matches(iban, '^XX[0-9]{18}$')") == 0


@pytest.mark.parametrize("orders", ["0", "100000001", "many"])
def test_a_number_of_orders_that_cannot_be_made_is_refused(tmp_path: Path, orders: str) -> None:
    command = [sys.executable, str(EXAMPLE / "generate_data.py"), str(tmp_path), "--orders", orders]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert orders in done.stderr
    assert not list(tmp_path.iterdir())
