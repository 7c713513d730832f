"""Makes the data of the example company: customers, orders, payments, campaigns, usage and feedback of 2024 and 2025.

    python generate_data.py [FOLDER] [--orders N] [--seed N]

FOLDER is the mesh's root; by default the folder of this file. Everything else follows from the number of orders (10,000
unless it is said) and the seed: the same two give the same bytes. Everybody in it is invented: names are made of
syllables, addresses end in example.org, telephone numbers begin with a country code that no country has, and accounts
with letters that no country has.

Nothing is drawn at random. Each value follows from a hash of its row's number, so it is the same on each machine and needs no
other row. DuckDB writes the files, a month at a time and several side by side.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zlib import crc32

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ORDERS: Final = 10_000
ORDERS_MAX: Final = 100_000_000
SEED: Final = 2024
FIRST_DAY: Final = date(2024, 1, 1)
DAYS: Final = 731
ARTICLES: Final = 240
# What may be wrong with a thing (a letter, see Company), and with how many of a thousand it is.
DIRT: Final = {
    "customer exported twice": ("c", 5),
    "customer without e-mail": ("c", 20),
    "customer with e-mail in capitals": ("c", 10),
    "customer with impossible birth date": ("c", 4),
    "order sent twice": ("o", 3),
    "order of nobody": ("o", 2),
    "order without country": ("o", 2),
    "order with currency in small letters": ("o", 10),
    "line with impossible quantity": ("o", 2),
    "payment booked twice": ("o", 3),
    "payment of nothing": ("o", 2),
    "touch of no campaign": ("t", 3),
    "event sent twice": ("e", 5),
    "event from the future": ("e", 3),
    "event of negative length": ("e", 2),
    "event that comes late": ("e", 20),
    "feedback with impossible rating": ("f", 4),
    "feedback without text": ("f", 10),
    "feedback in capitals": ("f", 30),
    "feedback with an address in it": ("f", 5),
}
# Country: name, region, currency, how many of a hundred customers live there.
COUNTRIES: Final = {
    "DE": ("Germany", "EU", "EUR", 18),
    "FR": ("France", "EU", "EUR", 12),
    "ES": ("Spain", "EU", "EUR", 8),
    "NL": ("Netherlands", "EU", "EUR", 6),
    "PL": ("Poland", "EU", "PLN", 4),
    "US": ("United States", "US", "USD", 28),
    "JP": ("Japan", "APAC", "JPY", 8),
    "AU": ("Australia", "APAC", "AUD", 5),
    "IN": ("India", "APAC", "INR", 5),
    "BR": ("Brazil", "LATAM", "BRL", 4),
    "MX": ("Mexico", "LATAM", "MXN", 2),
}
REGIONS: Final = ("EU", "US", "APAC", "LATAM")
# Currency: hundredths that a euro costs in the price list.
CURRENCIES: Final = {
    "EUR": 100, "PLN": 430, "USD": 110, "JPY": 16_000, "AUD": 165, "INR": 9_000, "BRL": 600, "MXN": 2_000,
}  # fmt: skip
CATEGORIES: Final = ("lamp", "sensor", "lock", "thermostat", "camera", "hub")
# Sales of a day: by weekday from Monday, by month from January, and four times as many around the last Friday of November.
WEEKDAYS: Final = (9, 8, 8, 9, 11, 14, 12)
MONTHS: Final = (8, 7, 8, 8, 9, 9, 8, 7, 9, 10, 13, 16)
PEAK: Final = 4
# Of twenty orders the hour that they come in: few at night, most in the evening.
HOURS: Final = (1, 7, 8, 9, 10, 11, 12, 12, 13, 14, 15, 16, 17, 18, 18, 19, 19, 20, 20, 21)
SYLLABLES: Final = (
    ("Al", "Be", "Co", "Da", "El", "Fa", "Gi", "Ha", "Is", "Jo", "Ka", "Lu", "Mi", "No", "Ol", "Pa", "Ro", "Sa", "Ti", "Ve"),
    ("bin", "cia", "dor", "fen", "gan", "lia", "mir", "nelle", "ra", "rick", "sa", "ton", "vi", "wen", "yan", "za"),
    (
        "Aker", "Bram", "Corl", "Dun", "Ester", "Fal", "Grim", "Hol", "Inger", "Jas",
        "Kel", "Lorn", "Mar", "Nor", "Ost", "Pell", "Quar", "Rav", "Sel", "Tarn",
    ),
    (
        "bert", "by", "cote", "dahl", "field", "gard", "holt", "ic",
        "ley", "mund", "ov", "quist", "sen", "stad", "ton", "wick",
    ),
)  # fmt: skip
# What people write, by how they like it: badly, so so, well. `%` stands for the kind of article.
PHRASES: Final = (
    (
        "The % broke after a week.", "Terrible app, it keeps crashing.", "Poor quality, I am disappointed.",
        "The % is slow and useless.", "Setup was difficult and the manual is bad.", "It stopped working, I want a refund.",
    ),
    (
        "The % does what it says.", "Average, nothing special.", "It came on Tuesday.",
        "A % like any other.", "Good light, but the app is slow.", "I use it in the kitchen.",
    ),
    (
        "I love this %.", "Great quality and easy to set up.", "Excellent, works perfectly with the app.",
        "The % is reliable and quiet.", "Happy with it, I recommend it.", "Perfect, and a friendly service.",
    ),
)  # fmt: skip
# A 32-bit hash of a number, less its lowest bit: "lowbias32" by C. Wellons, which is in the public domain.
WORD: Final = (
    f"scattered(x, shift, factor) AS (xor(x, x >> shift) * factor::UBIGINT) & {2**32 - 1}::UBIGINT",
    f"started(i, salt) AS (i::UBIGINT * 2654435769::UBIGINT + salt::UBIGINT) & {2**32 - 1}::UBIGINT",
    "mixed(i, salt) AS scattered(scattered(started(i, salt), 16, 2146121005), 15, 2221713035)",
    "word(i, salt) AS (xor(mixed(i, salt), mixed(i, salt) >> 16) >> 1)::BIGINT",
)
MEMORY: Final = "2GB"


@dataclass(frozen=True)
class Company:
    """How much of everything there is, and the hashes that all values are made of.

    A *thing* is a letter: order, customer, article, day, month's campaign, touch, event or feedback. In SQL it is the
    column with the thing's number; `o_h` and `o_g` beside it are two hashes of it, from which all else is drawn.
    """

    orders: int
    seed: int

    @property
    def customers(self) -> int:
        """How many customers there are at the end of the two years."""
        return max(200, self.orders // 5)

    @property
    def old_customers(self) -> int:
        """How many of them were there before the first day."""
        return self.customers * 2 // 5

    @cached_property
    def _sales(self) -> list[int]:
        """The weight of all days before each day, and of all days."""
        days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
        weights = (
            WEEKDAYS[day.weekday()] * MONTHS[day.month - 1] * (1_000 + number) * (PEAK if is_peak(day) else 1)
            for number, day in enumerate(days)
        )
        return list(accumulate(weights, initial=0))

    def before(self, day: int, total: int) -> int:
        """How many of *total* things that come as orders do come before the day with this number."""
        return total * self._sales[day] // self._sales[DAYS]

    def customers_before(self, day: int) -> int:
        """How many customers there are when the day with this number begins."""
        return self.old_customers + self.before(day, self.customers - self.old_customers)

    def salt(self, name: str, bits: int) -> int:
        """A number that depends on the seed and the *name*."""
        return crc32(f"{self.seed}/{name}".encode()) >> (32 - bits)

    def words(self, thing: str) -> str:
        """SQL of the two hashes of a thing, as columns."""
        return ", ".join(f"word({thing}, {self.salt(f'{thing} {part}', 32)}) AS {thing}_{part}" for part in "hg")

    def draw(self, column: str, count: int, thing: str, of: str = "0") -> str:
        """SQL of a whole number from 0 to *count* - 1: another one for each column of a thing, and each part *of* it."""
        one, two, step = (self.salt(f"{column} {part}", 28) for part in ("one", "two", "step"))
        factor = str(one) if of == "0" else f"({one} + {of} * {step})"
        return f"(({thing}_h * {factor} + {thing}_g * {two}) >> 20) % {count}"

    def is_dirty(self, what: str, of: str = "0") -> str:
        """SQL that tells whether this is wrong with a thing."""
        return f"{self.draw(what, 1_000, DIRT[what][0], of)} < {DIRT[what][1]}"

    def skewed(self, column: str, count: str, thing: str, of: str = "0") -> str:
        """SQL of a number below *count*, small ones far more often: the first hundredth is drawn one time in five."""
        share = f"({self.draw(column, 2**30, thing, of)} / {2**30}.0::DOUBLE)"
        return f"CAST(floor({count} * {share} * {share} * {share}) AS BIGINT)"

    def chosen(self, column: str, values: Sequence[object], thing: str, of: str = "0") -> str:
        """SQL of one of *values*."""
        return f"{sql_list(values)}[1 + {self.draw(column, len(values), thing, of)}]"

    def rows(self, total: int, days: range, thing: str) -> str:
        """SQL of the things (of *total*) that come on *days*.

        Each has its day, how many customers there are, and the first order of the day and of the next.
        """
        values = ", ".join(str(self.day(day, total)) for day in days)
        named = f"(VALUES {values}) AS days(day, first, last, customers, first_order, last_order)"
        numbered = f"""SELECT DATE '{FIRST_DAY}' + day AS day, customers::BIGINT AS customers, first_order::BIGINT AS first_order,
            last_order::BIGINT AS last_order, unnest(range(first::BIGINT, last::BIGINT)) AS {thing} FROM {named}"""
        return f"SELECT *, {self.words(thing)} FROM ({numbered})"

    def day(self, day: int, total: int) -> tuple[int, ...]:
        """What `rows` takes from the calendar."""
        return (
            day,
            self.before(day, total),
            self.before(day + 1, total),
            self.customers_before(day),
            self.before(day, self.orders),
            self.before(day + 1, self.orders),
        )

    def ordered(self, days: range) -> str:
        """SQL of the orders of *days*, each with its customer, and what a euro of the price list costs there."""
        factors = [CURRENCIES[currency] for _, _, currency, share in COUNTRIES.values() for _ in range(share)]
        rows = f"SELECT *, {self.customer()} AS c FROM ({self.rows(self.orders, days, 'o')})"
        return f"SELECT *, {self.chosen('country', factors, 'c')} AS factor FROM (SELECT *, {self.words('c')} FROM ({rows}))"

    def any_order(self, thing: str) -> str:
        """SQL of an order of the day, for a thing that is about one; of none where the day has none."""
        return f"first_order + {self.draw('about', 2**30, thing)} % greatest(last_order - first_order, 1)"

    def customer(self) -> str:
        """SQL of the customer of an order."""
        return self.skewed("customer", "customers", "o")

    def home(self, part: int) -> str:
        """SQL of what COUNTRIES says in this place of the country that a customer lives in; 0 is its code."""
        homes = [(code, *said)[part] for code, said in COUNTRIES.items() for _ in range(said[3])]
        return self.chosen("country", homes, "c")

    def email(self) -> str:
        """SQL of the address of a customer."""
        return f"lower({self.name('.')}) || '.' || (c + 1) || '@example.org'"

    def name(self, between: str) -> str:
        """SQL of the name of a customer."""
        syllables = [self.chosen(f"syllable {number}", values, "c") for number, values in enumerate(SYLLABLES)]
        return f"{syllables[0]} || {syllables[1]} || '{between}' || {syllables[2]} || {syllables[3]}"

    def ordered_at(self, thing: str = "o") -> str:
        """SQL of the moment of an order, or of something else that people do when they order."""
        hour, second = self.chosen("hour", HOURS, thing), self.draw("second", 3600, thing)
        return f"day::TIMESTAMP + to_seconds({hour} * 3600 + {second})"

    def status(self) -> str:
        """SQL of what became of an order."""
        number = self.draw("status", 100, "o")
        return f"CASE WHEN {number} < 3 THEN 'cancelled' WHEN {number} < 9 THEN 'returned' ELSE 'delivered' END"

    def discount(self) -> str:
        """SQL of the percentage that is taken off an order."""
        return self.chosen("discount", (0, 0, 0, 0, 0, 5, 10, 20), "o")

    def lines(self) -> str:
        """SQL of how many lines an order has."""
        return self.chosen("lines", (1, 1, 1, 2, 2, 3), "o")

    def article(self, line: str) -> str:
        """SQL of the article in a line of an order."""
        return self.skewed("article", str(ARTICLES), "o", line)

    def quantity(self, line: str) -> str:
        """SQL of how many pieces of it."""
        return self.chosen("quantity", (1, 1, 1, 1, 1, 2, 2, 3, 5), "o", line)

    def price_cents(self, article: str) -> str:
        """SQL of the cents of a euro that an article costs in the price list: from 9.90 to 298.90, no two alike."""
        return f"(990 + 100 * (({article} * 127 + {self.salt('prices', 8)}) % 290))"

    def unit_cents(self, line: str) -> str:
        """SQL of the cents, in the customer's currency, that a piece costs."""
        return f"{self.price_cents(self.article(line))} * factor // 100"

    def total_cents(self) -> str:
        """SQL of the cents that an order costs."""
        lines = (
            f"CASE WHEN {line} < {self.lines()} THEN {self.quantity(line)} * ({self.unit_cents(line)}) ELSE 0 END"
            for line in "012"
        )
        return f"({' + '.join(lines)}) * (100 - {self.discount()}) // 100"


@dataclass(frozen=True)
class Feed:
    """Files that arrive once, or month by month: where they lie, how they are written, and what is in those of some days."""

    path: str
    query: Callable[[Company, range], str]
    is_monthly: bool = True

    @property
    def options(self) -> str:
        """How COPY is to write them."""
        return {
            ".csv": "FORMAT csv, HEADER, DELIMITER ';'",
            ".parquet": "FORMAT parquet, COMPRESSION zstd",
            ".ndjson": "FORMAT json",
        }[Path(self.path).suffix]


def sql_list(values: Sequence[object]) -> str:
    return f"[{', '.join(str(value) if isinstance(value, int) else quoted(str(value)) for value in values)}]"


def money(cents: str) -> str:
    return f"(({cents}) / 100.0::DOUBLE)::DECIMAL(12, 2)"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def is_peak(day: date) -> bool:
    """Whether *day* is one of the four from the last Friday of November on."""
    last = date(day.year, 11, 30)
    friday = last - timedelta(days=(last.weekday() - 4) % 7)
    return friday <= day < friday + timedelta(days=4)


def countries(company: Company, days: range) -> str:
    del company, days
    rows = ", ".join(
        f"({', '.join(map(quoted, (code, name, region, currency)))})"
        for code, (name, region, currency, _) in COUNTRIES.items()
    )
    return f"SELECT * FROM (VALUES {rows}) AS t(country, name, region, currency)"


def articles(company: Company, days: range) -> str:
    """A tenth of the categories is written in capitals."""
    del days
    kind = f"{sql_list(CATEGORIES)}[1 + a % {len(CATEGORIES)}]"
    return f"""
        SELECT a + 1 AS article_id, upper({kind}[1]) || {kind}[2:] || ' ' || (a // {len(CATEGORIES)} + 1) AS name,
            CASE WHEN {company.draw("shouted", 10, "a")} = 0 THEN upper({kind}) ELSE {kind} END AS category,
            {money(company.price_cents("a"))} AS list_price_eur,
            DATE '2019-01-01' + ({company.draw("launched", 1_826, "a")})::INT AS launched_on
        FROM (SELECT a, {company.words("a")} FROM range({ARTICLES}) AS t(a))"""


def unit_costs(company: Company, days: range) -> str:
    """What an article costs the company: a price for each of the two years, the second one a little higher."""
    del days
    cents = f"{company.price_cents('a')} * (40 + {company.draw('cost', 30, 'a')} + 2 * year) // 100"
    return f"""
        SELECT a + 1 AS article_id, make_date(2024 + year::INT, 1, 1) AS valid_from, {money(cents)} AS unit_cost_eur
        FROM (SELECT a, year, {company.words("a")} FROM range({ARTICLES}) AS t(a), range(2) AS y(year)) ORDER BY a, year"""


def exchange_rates(company: Company, days: range) -> str:
    """What a euro costs, on weekdays only: it swings by up to 3 % over a hundred days, and by 0.2 % from day to day."""
    del days
    foreign = [name for name in CURRENCIES if name != "EUR"]
    phases = sql_list([company.salt(f"phase of {name}", 28) % 100 for name in foreign])
    swing = f"abs((d + {phases}[1 + n]) % 100 - 50) * 1200 + {company.draw('rate', 2_000, 'd', 'n')}"
    factor = f"{sql_list([CURRENCIES[name] for name in foreign])}[1 + n]"
    return f"""
        SELECT DATE '{FIRST_DAY}' + d::INT AS day, {sql_list(foreign)}[1 + n] AS currency,
            ({factor} * (970000 + {swing}) // 100)::DECIMAL(18, 6) / 1000000 AS per_eur
        FROM (SELECT d, n, {company.words("d")} FROM range({DAYS}) AS t(d), range({len(foreign)}) AS c(n))
        WHERE isodow(DATE '{FIRST_DAY}' + d::INT) < 6 ORDER BY d, n"""


def customers(company: Company, days: range) -> str:
    """The first hundredth are businesses, who also buy most."""
    old, email = company.old_customers, company.email()
    registered = f"SELECT DATE '2022-01-01' + (c * 730 // {old})::INT AS day, c FROM range({old}) AS t(c)"
    new = f"SELECT day, r + {old} AS c FROM ({company.rows(company.customers - old, days, 'r')})"
    return f"""
        WITH registered AS (SELECT *, {company.words("c")} FROM ({registered} UNION ALL {new})),
        exported AS (FROM registered UNION ALL FROM registered WHERE {company.is_dirty("customer exported twice")})
        SELECT c + 1 AS customer_id,
            {company.name(" ")} AS name,
            CASE WHEN {company.is_dirty("customer without e-mail")} THEN NULL
                WHEN {company.is_dirty("customer with e-mail in capitals")} THEN upper({email}) ELSE {email} END AS email,
            '+999 ' || (100 + {company.draw("area", 900, "c")}) || ' ' || (100000 + {company.draw("phone", 900_000, "c")}) AS phone,
            CASE WHEN {company.is_dirty("customer with impossible birth date")} THEN DATE '2099-01-01'
                ELSE DATE '1942-01-01' + ({company.draw("born", 23_000, "c")})::INT END AS birth_date,
            {company.home(0)} AS country,
            CASE WHEN c < {max(1, company.customers // 100)} THEN 'business' ELSE 'private' END AS segment,
            {company.draw("consent", 100, "c")} < 55 AS has_consent,
            day::TIMESTAMP + to_seconds({company.draw("registered", 86_400, "c")}) AS registered_at
        FROM exported"""


def orders(company: Company, days: range) -> str:
    currency = company.home(3)
    return f"""
        WITH placed AS ({company.ordered(days)}),
        sent AS (FROM placed UNION ALL FROM placed WHERE {company.is_dirty("order sent twice")})
        SELECT o + 1 AS order_id,
            c + 1 + CASE WHEN {company.is_dirty("order of nobody")} THEN 1000000000 ELSE 0 END AS customer_id,
            {company.ordered_at()} AS ordered_at,
            CASE WHEN NOT {company.is_dirty("order without country")} THEN {company.home(0)} END AS country,
            CASE WHEN {company.is_dirty("order with currency in small letters")}
                THEN lower({currency}) ELSE {currency} END AS currency,
            {company.chosen("channel", ("web", "web", "web", "app", "app", "partner"), "o")} AS channel,
            {company.status()} AS status,
            ({company.discount()})::INTEGER AS discount_percent,
            {money(company.total_cents())} AS total
        FROM sent"""


def order_lines(company: Company, days: range) -> str:
    sign = f"CASE WHEN {company.is_dirty('line with impossible quantity', 'k')} THEN -1 ELSE 1 END"
    return f"""
        WITH lines AS (SELECT *, unnest(range({company.lines()})) AS k FROM ({company.ordered(days)}))
        SELECT o + 1 AS order_id, (k + 1)::INTEGER AS line_number, {company.article("k")} + 1 AS article_id,
            ({company.quantity("k")} * {sign})::INTEGER AS quantity, {money(company.unit_cents("k"))} AS unit_price
        FROM lines"""


def transactions(company: Company, days: range) -> str:
    """A payment for each order that was not cancelled, and a refund for each that came back."""
    booked = f"CASE {company.status()} WHEN 'returned' THEN [0, 1] WHEN 'delivered' THEN [0] ELSE [] END"
    took = f"{company.draw('booked', 259_200, 'o')} + k * (432000 + {company.draw('returned', 2_160_000, 'o')})"
    return f"""
        WITH moved AS (SELECT *, unnest({booked}) AS k FROM ({company.ordered(days)})),
        booked AS (FROM moved UNION ALL FROM moved WHERE {company.is_dirty("payment booked twice", "k")})
        SELECT o * 2 + k + 1 AS transaction_id, o + 1 AS order_id, c + 1 AS customer_id,
            ['payment', 'refund'][1 + k] AS kind,
            {company.chosen("method", ("card", "card", "card", "transfer", "transfer", "invoice"), "o")} AS method,
            {company.home(3)} AS currency,
            CASE WHEN {company.is_dirty("payment of nothing", "k")} THEN 0 ELSE {money(company.total_cents())} END AS amount,
            'XX' || lpad((100000000000 + c * 97 + {company.draw("account", 97, "c")})::VARCHAR, 18, '4711') AS iban,
            {company.home(0)} AS country, {company.ordered_at()} + to_seconds({took}) AS booked_at
        FROM booked"""


def campaigns(company: Company, days: range) -> str:
    """Two a month and region, and those that are planned for the next quarter."""
    del days
    titles = ("Bright evenings", "Safe at home", "Warm rooms", "Back to work", "Gifts")
    return f"""
        SELECT region || strftime(starts_on, '-%Y-%m-') || ['A', 'B'][1 + v] AS campaign_id,
            {company.chosen("title", titles, "m", "v")} || ' ' || region AS name, region,
            {company.chosen("medium", ("e-mail", "e-mail", "social", "search"), "m", "(r * 2 + v)")} AS channel,
            CASE WHEN m < 24 THEN 'ended' ELSE 'planned' END AS status, starts_on, last_day(starts_on) AS ends_on,
            {money(f"100000 * (5 + {company.draw('budget', 60, 'm', '(r * 2 + v)')})")} AS budget_eur
        FROM (
            SELECT *, {company.words("m")}, {sql_list(REGIONS)}[1 + r] AS region,
                (DATE '{FIRST_DAY}' + to_months(m::INT))::DATE AS starts_on
            FROM range(27) AS months(m), range({len(REGIONS)}) AS regions(r), range(2) AS variants(v)
        ) ORDER BY m, r, v"""


def touches(company: Company, days: range) -> str:
    """Three of five clicks lead to an order of the day."""
    kinds = (*["sent"] * 10, *["opened"] * 6, *["clicked"] * 4)
    variant = f"['A', 'B'][1 + {company.draw('variant', 2, 't')}]"
    return f"""
        WITH touched AS (
            SELECT *, {company.chosen("kind", kinds, "t")} AS kind, {company.any_order("t")} AS o,
                kind = 'clicked' AND {company.draw("leads", 5, "t")} < 3 AND last_order > first_order AS leads
            FROM ({company.rows(company.orders * 3 // 5, days, "t")})
        ),
        aimed AS (
            SELECT *, CASE WHEN leads THEN {company.customer()}
                ELSE {company.skewed("touched", "customers", "t")} END AS c
            FROM (SELECT *, {company.words("o")} FROM touched)
        )
        SELECT t + 1 AS touch_id,
            CASE WHEN {company.is_dirty("touch of no campaign")} THEN 'NONE-0000-00-A'
                ELSE {company.home(2)} || strftime(day, '-%Y-%m-') || {variant} END AS campaign_id,
            c + 1 AS customer_id, kind,
            CASE WHEN leads THEN {company.ordered_at()} - to_seconds(60 + {company.draw("before", 18_000, "t")})
                ELSE {company.ordered_at("t")} END AS touched_at
        FROM (SELECT *, {company.words("c")} FROM aimed)"""


def events(company: Company, days: range) -> str:
    """What devices and the app send, in the file of the month in which it is received."""
    kinds = (
        *["app opened"] * 8,
        *["scene run"] * 6,
        *["device paired"] * 2,
        *["automation made"] * 2,
        *["error shown"] * 2,
    )
    delay = f"""CASE WHEN {company.is_dirty("event from the future")} THEN -3600 - {company.draw("ahead", 172_800, "e")}
                WHEN {company.is_dirty("event that comes late")} THEN 604801 + {company.draw("late", 1_987_200, "e")}
                ELSE {company.draw("delay", 120, "e")} END"""
    sign = f"CASE WHEN {company.is_dirty('event of negative length')} THEN -1 ELSE 1 END"
    return f"""
        WITH received AS (
            SELECT *, {company.skewed("user", "customers", "e")} AS c,
                day::TIMESTAMP + to_seconds({company.draw("received", 86_400, "e")}) AS received_at
            FROM ({company.rows(company.orders, days, "e")})
        ),
        sent AS (FROM received UNION ALL FROM received WHERE {company.is_dirty("event sent twice")})
        SELECT e + 1 AS event_id, c + 1 AS customer_id,
            'D' || (c + 1) || '-' || (1 + {company.draw("device", 3, "e")}) AS device_id,
            {company.chosen("event", kinds, "e")} AS kind,
            received_at - to_seconds({delay}) AS happened_at, received_at,
            ((1 + {company.draw("length", 600, "e")}) * {sign})::INTEGER AS seconds,
            {company.chosen("version", ("4.2", "4.3", "4.3", "5.0", "5.0", "5.1"), "e")} AS app_version,
            {company.home(0)} AS country
        FROM (SELECT *, {company.words("c")} FROM sent)"""


def feedback(company: Company, days: range) -> str:
    """One order in eight; three of four texts say what the rating says."""
    mood = f"""CASE WHEN {company.draw("sincere", 4, "f")} = 0 THEN {company.draw("mood", 3, "f")}
                WHEN rating < 3 THEN 0 WHEN rating = 3 THEN 1 ELSE 2 END"""
    thing = f"{sql_list(CATEGORIES)}[1 + a % {len(CATEGORIES)}]"
    phrases = f"[{', '.join(map(sql_list, PHRASES))}][1 + mood]"
    count = len(PHRASES[0])
    first, step = company.draw("phrase", count, "f"), company.draw("other phrase", count - 1, "f")
    words = f"{phrases}[1 + {first}] || ' ' || {phrases}[1 + ({first} + 1 + {step}) % {count}]"
    return f"""
        WITH received AS (
            SELECT *, {company.any_order("f")} AS o,
                {company.chosen("rating", (1, 1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5), "f")} AS rating
            FROM ({company.rows(company.orders // 8, days, "f")}) WHERE last_order > first_order
        ),
        rated AS (
            SELECT *, {company.customer()} AS c, {company.article("0")} AS a, {mood} AS mood
            FROM (SELECT *, {company.words("o")} FROM received)
        ),
        written AS (
            SELECT *, replace({words}, '%', {thing})
                || CASE WHEN {company.is_dirty("feedback with an address in it")}
                    THEN ' Write to me: ' || {company.email()} ELSE '' END AS words
            FROM (SELECT *, {company.words("c")} FROM rated)
        )
        SELECT f + 1 AS feedback_id, o + 1 AS order_id, c + 1 AS customer_id, a + 1 AS article_id,
            (rating + CASE WHEN {company.is_dirty("feedback with impossible rating")} THEN 10 ELSE 0 END)::INTEGER AS rating,
            CASE WHEN {company.is_dirty("feedback without text")} THEN NULL
                WHEN {company.is_dirty("feedback in capitals")} THEN upper(words) ELSE words END AS text,
            {company.ordered_at()} + to_seconds(259200 + {company.draw("wrote", 1_468_800, "f")}) AS submitted_at,
            {company.home(0)} AS country
        FROM written"""


FEEDS: Final = (
    Feed("reference/countries.csv", countries, is_monthly=False),
    Feed("erp/articles.csv", articles, is_monthly=False),
    Feed("erp/unit_costs.csv", unit_costs, is_monthly=False),
    Feed("bank/exchange_rates.csv", exchange_rates, is_monthly=False),
    Feed("crm/customers.csv", customers, is_monthly=False),
    Feed("ads/campaigns.csv", campaigns, is_monthly=False),
    Feed("shop/orders/{month}.parquet", orders),
    Feed("shop/order_lines/{month}.parquet", order_lines),
    Feed("bank/transactions/{month}.csv", transactions),
    Feed("ads/touches/{month}.ndjson", touches),
    Feed("app/events/{month}.parquet", events),
    Feed("app/feedback/{month}.ndjson", feedback),
)


def months() -> Iterator[tuple[str, range]]:
    """Each month with the numbers of its days."""
    named = ((f"{FIRST_DAY + timedelta(days=day):%Y-%m}", day) for day in range(DAYS))
    for month, days in groupby(named, key=lambda one: one[0]):
        numbers = [day for _, day in days]
        yield month, range(numbers[0], numbers[-1] + 1)


def write(connection: duckdb.DuckDBPyConnection, target: Path, options: str, query: str) -> None:
    """Put the rows of *query* into *target*, in their order; never leaves half a file behind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    connection.execute(f"COPY ({query}) TO {quoted(str(unfinished))} ({options})")
    unfinished.replace(target)


def generate(root: Path, *, orders: int = ORDERS, seed: int = SEED) -> list[Path]:
    """Put the data below `root/data` and return the files' paths."""
    company = Company(orders, seed)
    jobs: list[tuple[Path, str, str]] = []
    for feed in FEEDS:
        spans = list(months()) if feed.is_monthly else [("", range(DAYS))]
        jobs += [
            (root / "data" / feed.path.format(month=month), feed.options, feed.query(company, days))
            for month, days in spans
        ]
    # One thread for a query: its rows keep their order without being held back. Several files are written at a time.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "memory_limit": MEMORY,
        "temp_directory": str(root / "data" / ".spilled"),
    }
    with duckdb.connect(config=settings) as connection, ThreadPoolExecutor(os.cpu_count()) as workers:
        for macro in WORD:
            connection.execute(f"CREATE MACRO {macro}")
        list(workers.map(lambda job: write(connection.cursor(), *job), jobs))
    return [path for path, _, _ in jobs]


def main() -> int:
    """Generate into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Makes the data of the example company.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent, help="the mesh's root")
    parser.add_argument(
        "--orders", type=int, default=ORDERS, help="how many orders; all else follows (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="another seed, other data (default: %(default)s)")
    asked = parser.parse_args()
    if not 1 <= asked.orders <= ORDERS_MAX:
        parser.error(f"--orders is {asked.orders}: 1 to {ORDERS_MAX:,} can be made")
    files = generate(asked.folder, orders=asked.orders, seed=asked.seed)
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{len(files)} files, {size:.1f} MB, in {asked.folder / 'data'}")  # noqa: T201 - this is a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
