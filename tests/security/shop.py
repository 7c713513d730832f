"""A mesh with something to hide: rows of other regions, columns under every mask, forbidden ports, old publications."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from mesh_folder import MeshFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Who attacks: in marketing, of the region EU. Who owns what is attacked: ada, of sales.
ATTACKER: Final = "bob"
WORD: Final = "SENTINEL"
NUMBER: Final = 918_273_645
DAY: Final = dt.date(1987, 6, 5)
REGION: Final = "EU"

POLICIES: Final = """
@id("own-domain")
permit (
    principal,
    action in [Action::"discover", Action::"read", Action::"readClear", Action::"readMasked"],
    resource
) when { principal in resource.domain };

@id("found-by-all")
permit (principal, action == Action::"discover", resource) when { resource.status != "draft" };

@id("read-by-all")
permit (principal, action == Action::"read", resource is Port) when { resource.status != "draft" };

@id("columns")
permit (principal, action in [Action::"readClear", Action::"readMasked"], resource is Column);

@id("rows")
permit (principal, action == Action::"readRow", resource is Row);

@id("run-own-products")
permit (principal, action in [Action::"publish", Action::"promote", Action::"rollback"], resource)
when { principal in resource.domain };

@id("gone")
forbid (principal, action in [Action::"readClear", Action::"readMasked"], resource is Column)
when { resource.tags.contains("gone") } unless { principal in resource.domain };
"""
# A tag of a column, and the mask that everybody of another domain sees it through.
MASKS: Final = {
    "nulled": "replace-with-null",
    "fixed": "mask-to-fixed-value",
    "lettered": "mask-alphanum",
    "hashed": "sha-256-global",
    "salted": "sha-256-query-local",
    "named": "pseudonym",
    "dated": "truncate-to-year",
    "ranged": "generalise:1000000",
}
BY_REGION: Final = """
@id("by-region")
forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales")
unless {
    principal in Domain::"sales" || (principal has region && resource has region && resource.region == principal.region)
};

@id("payroll")
forbid (principal, action == Action::"read", resource == Port::"sales.payroll.payroll")
unless { principal in resource.domain };

@id("by-purpose")
forbid (principal, action == Action::"read", resource == Port::"sales.leads.leads")
unless { principal in resource.domain || context.purpose in Purpose::"Marketing" };
"""
ORDERS: Final = """
- {name: id, physicalType: BIGINT, required: true, primaryKey: true}
- {name: region, physicalType: VARCHAR}
- {name: note, physicalType: VARCHAR}
- {name: amount, physicalType: BIGINT}
- {name: happened, physicalType: TIMESTAMP}
- {name: email, physicalType: VARCHAR, tags: [nulled]}
- {name: salary, physicalType: BIGINT, tags: [fixed]}
- {name: rate, physicalType: "DECIMAL(15,3)", tags: [nulled]}
- {name: score, physicalType: DOUBLE, tags: [fixed]}
- {name: born, physicalType: DATE, tags: [nulled]}
- {name: seen, physicalType: TIMESTAMP, tags: [fixed]}
- {name: picture, physicalType: BLOB, tags: [nulled]}
- {name: is_rich, physicalType: BOOLEAN, tags: [fixed]}
- {name: number, physicalType: UUID, tags: [fixed]}
- name: person
  physicalType: STRUCT
  properties:
  - {name: nick, physicalType: VARCHAR}
  - {name: mail, physicalType: VARCHAR, tags: [nulled]}
- {name: labels, physicalType: "VARCHAR[]", tags: [nulled]}
- {name: secret, physicalType: VARCHAR, tags: [gone]}
"""
ORDERS_SCHEMA: Final = pa.schema(
    {
        "id": pa.int64(),
        "region": pa.string(),
        "note": pa.string(),
        "amount": pa.int64(),
        "happened": pa.timestamp("us"),
        "email": pa.string(),
        "salary": pa.int64(),
        "rate": pa.decimal128(15, 3),
        "score": pa.float64(),
        "born": pa.date32(),
        "seen": pa.timestamp("us"),
        "picture": pa.binary(),
        "is_rich": pa.bool_(),
        "number": pa.string(),
        "person": pa.struct({"nick": pa.string(), "mail": pa.string()}),
        "labels": pa.list_(pa.string()),
        "secret": pa.string(),
    }
)
HAPPENED: Final = "customProperties:\n  - {property: mesh.eventTime, value: happened}\n"
VISITS: Final = """
- {name: id, physicalType: BIGINT, required: true}
- {name: region, physicalType: VARCHAR}
- {name: visitor, physicalType: VARCHAR, tags: [salted]}
- {name: address, physicalType: VARCHAR, tags: [lettered]}
- {name: login, physicalType: VARCHAR, tags: [named]}
- {name: phone, physicalType: VARCHAR, tags: [hashed]}
- {name: born, physicalType: DATE, tags: [dated]}
- {name: income, physicalType: BIGINT, tags: [ranged]}
"""
# What reading itself writes.
KEPT: Final = {
    (".mesh", "cache"),
    *((".mesh", f"registry.db{end}") for end in ("", "-wal", "-shm")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """What nobody of another domain may see of one row of `sales.orders`."""

    email: str | None
    salary: int | None
    rate: Decimal | None
    score: float | None
    born: dt.date | None
    seen: dt.datetime | None
    picture: bytes | None
    is_rich: bool | None
    number: UUID | None
    nick: str | None
    mail: str | None
    labels: Sequence[str | None] | None
    secret: str | None

    def columns(self) -> dict[str, Any]:
        """The cells by column."""
        return {
            "email": self.email,
            "salary": self.salary,
            "rate": self.rate,
            "score": self.score,
            "born": self.born,
            "seen": self.seen,
            "picture": self.picture,
            "is_rich": self.is_rich,
            "number": str(self.number) if self.number else None,
            "person": {"nick": self.nick, "mail": self.mail},
            "labels": self.labels,
            "secret": self.secret,
        }


def sentinels(number: int) -> Cells:
    """Cells that nobody can take for anything else."""
    return Cells(
        email=f"{WORD}-email-{number}",
        salary=NUMBER,
        rate=Decimal("918273645.001"),
        score=918273645.25,
        born=DAY,
        seen=dt.datetime(1987, 6, 5, 4, 3, 2),  # noqa: DTZ001 - a column without a zone
        picture=f"{WORD}-picture-{number}".encode(),
        is_rich=True,
        number=UUID("91827364-5918-2736-4591-827364591827"),
        nick=f"{WORD}-nick-{number}",
        mail=f"{WORD}-mail-{number}",
        labels=[f"{WORD}-label-{number}", None],
        secret=f"{WORD}-secret-{number}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What everybody who sees the row sees of it, and its cells that nobody of another domain may see."""

    id: int
    region: str | None
    note: str | None
    amount: int | None
    happened: dt.datetime
    cells: Cells

    def columns(self) -> dict[str, Any]:
        """The row by column."""
        clear = {name: getattr(self, name) for name in ("id", "region", "note", "amount", "happened")}
        return {**clear, **self.cells.columns()}


def visible(number: int, *, amount: int | None = None, cells: Cells | None = None) -> Row:
    """A row of the attacker's region."""
    return Row(
        id=number,
        region=REGION,
        note=f"note {number}",
        amount=10 * number if amount is None else amount,
        happened=dt.datetime(2024, 1, number),  # noqa: DTZ001 - a column without a zone
        cells=cells or sentinels(number),
    )


def hidden(number: int, *, region: str | None = "US") -> Row:
    """A row of another region."""
    return Row(
        id=number,
        region=region,
        note=f"{WORD}-note-{number}",
        amount=NUMBER * 1000 + number,
        happened=dt.datetime(1987, 6, 5, 4, number),  # noqa: DTZ001 - a column without a zone
        cells=sentinels(number),
    )


# Two publications: a visible row changes, one goes and one comes; so do hidden ones.
BEFORE: Final = (hidden(1), visible(2), visible(3), hidden(4, region=None), visible(5), visible(6), hidden(7))
AFTER: Final = (hidden(1), visible(2, amount=21), hidden(4), visible(5), visible(6), hidden(7), visible(8), hidden(9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What `sales.orders` serves, in its first publication and in its second."""

    before: Sequence[Row] = BEFORE
    after: Sequence[Row] = AFTER


@dataclass(slots=True, kw_only=True)
class Shop:
    """The mesh, and the tokens of those who come with one."""

    folder: MeshFolder
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The mesh's folder."""
        return self.folder.root

    def owner(self, *arguments: str, code: int = 0) -> Any:
        """What `mesh` answers its owner."""
        answer = self.folder.mesh(*arguments)
        assert answer.code == code, answer.out + answer.err
        return answer

    def contents(self) -> dict[str, tuple[int, int]]:
        """Size and time of everything that only owners change: all but the registry, which keeps who read, and copies."""
        return {
            str(path.relative_to(self.root)): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.relative_to(self.root).parts[:2] not in KEPT
        }

    def token(self, principal: str = ATTACKER, *options: str) -> str:
        """A token for *principal*, made once for the same *options*."""
        name = " ".join([principal, *options])
        if name not in self.tokens:
            made = self.owner("token", "create", "--for", principal, *options, "--json")
            self.tokens[name] = made.data["token"]
        return self.tokens[name]

    def serve(self, rows: Sequence[Row]) -> None:
        """Publish *rows* as `sales.orders`."""
        table = pa.Table.from_pylist([row.columns() for row in rows], schema=ORDERS_SCHEMA)
        (self.root / "data").mkdir(exist_ok=True)
        pq.write_table(table, self.root / "data/orders.parquet")
        self.folder.build("--select", "sales.orders")

    def publish(self, policies: Mapping[str, str]) -> None:
        """Let *policies* (text by path) bind."""
        for path, text in policies.items():
            self.folder.write(path, text)
        for domain in sorted({path.split("/")[1] for path in policies if path.startswith("domains/")}):
            self.owner("policy", "publish", "--domain", domain)
        self.owner("policy", "publish")


def masking() -> str:
    """The policies that mask a column by its tag."""
    return "".join(
        f'@id("{tag}") @mask("{mask}")\n'
        'forbid (principal, action == Action::"readClear", resource is Column)\n'
        f'when {{ resource.tags.contains("{tag}") }} unless {{ principal in resource.domain }};\n'
        for tag, mask in MASKS.items()
    )


def people(folder: MeshFolder) -> None:
    """Who there is, and what binds them."""
    folder.write("mesh.yaml", "name: shop\nowner: council\n")
    folder.write(
        "people/all.yaml",
        "groups: {sales_team: [ada], marketing_team: [bob, carol], council: [grace]}\n"
        "attributes: {bob: {region: EU}, ada: {region: EU}}\n",
    )
    folder.write("domains/marketing/domain.yaml", "team: {name: marketing_team}\n")


def orders(folder: MeshFolder) -> None:
    """The port that most is asked of."""
    folder.product(
        "sales.orders",
        "select * replace (number::uuid as number) from 'data/orders.parquet'",
        contract=ORDERS,
        descriptor=f"outputPorts:\n- name: orders\n  {HAPPENED}",
    )


def small_shop(root: Path, data: Data) -> Shop:
    """A mesh of `sales.orders` alone, which serves *data*."""
    root.mkdir(parents=True)
    shop = Shop(folder=MeshFolder(root))
    people(shop.folder)
    orders(shop.folder)
    shop.serve(data.before)
    shop.serve(data.after)
    shop.publish({"policies/all.cedar": POLICIES + masking(), "domains/sales/policies/rows.cedar": BY_REGION})
    return shop


def whole_shop(root: Path) -> Shop:
    """A mesh with everything that is attacked."""
    shop = small_shop(root, Data())
    folder = shop.folder
    folder.write("outside.txt", f"{WORD}-outside")
    _visits(folder)
    _forbidden(folder)
    _versions(folder)
    _files(folder)
    folder.build()
    return shop


def _visits(folder: MeshFolder) -> None:
    """Masks that depend on the value, one of them anew for each read: nothing of this port is ever copied."""
    rows = ", ".join(
        f"({number}, '{region}', '{WORD}-visitor', '{WORD}-address', '{WORD}-login', '{WORD}-phone', date '{DAY}', {NUMBER})"
        for number, region in ((1, "EU"), (2, "US"), (3, "EU"))
    )
    names = "id, region, visitor, address, login, phone, born, income"
    folder.product("sales.visits", f"select * from (values {rows}) t({names})", contract=VISITS)


def _forbidden(folder: MeshFolder) -> None:
    """A port that is forbidden, one for one purpose only, and a draft."""
    for name in ("payroll", "leads"):
        folder.product(f"sales.{name}", f"select '{WORD}-{name}' as name, {NUMBER} as pay")
        folder.contract(
            f"sales.{name}", "- {name: name, physicalType: VARCHAR}\n- {name: pay, physicalType: INTEGER}\n"
        )
    folder.product("sales.ideas", f"select '{WORD}-idea' as idea")


def _versions(folder: MeshFolder) -> None:
    """Three publications of a port whose columns are renamed, dropped, added again and widened."""
    said = f"'EU' as region, '{WORD}-email' as email, {NUMBER}::integer as pay, '{WORD}-extra' as extra"
    columns = (
        "- {name: id, physicalType: INTEGER}\n- {name: region, physicalType: VARCHAR}\n"
        "- {name: EMAIL, physicalType: VARCHAR, tags: [nulled]}\n- {name: pay, physicalType: PAY, tags: [fixed]}\n"
        "- {name: extra, physicalType: VARCHAR, tags: [gone]}\n"
    )
    hidden_row = f"select 2, 'US', '{WORD}-hidden', {NUMBER}, '{WORD}-hidden'"
    sql = f"select 1 as id, {said} union all {hidden_row}"
    first = columns.replace("EMAIL", "email").replace("PAY", "INTEGER")
    second = columns.replace("EMAIL", "mail").replace("PAY", "BIGINT").partition("- {name: extra")[0]
    third = columns.replace("EMAIL", "email").replace("PAY", "BIGINT")
    for text, select in (
        (first, sql),
        (second, f"select id, region, email as mail, pay::bigint as pay from ({sql})"),
        (third, f"select * replace (pay::bigint as pay) from ({sql})"),
    ):
        folder.product("sales.versions", select)
        folder.contract("sales.versions", text, version="0.1.0")
        folder.build("--select", "sales.versions")


def _files(folder: MeshFolder) -> None:
    """A port of files, which has neither rows nor columns to restrict."""
    made = folder.product("sales.report", "", descriptor="outputPorts:\n- {name: report, type: files}\n")
    (folder.root / made / "transform/report.sql").unlink()
    folder.write(
        f"{made}/transform/report.py",
        f'def report(inputs):\n    (inputs.folder / "sum.txt").write_text("{WORD}-report {NUMBER}")\n',
    )
