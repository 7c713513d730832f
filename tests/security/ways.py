"""The ways to read a mesh: each takes a question and gives back everything that whoever asks it obtains.

A new way joins by `way`; `test_ways.py` fails while a verb, an option or a method is neither here nor told to be none.
"""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

import meshwright
from meshwright.cli.main import run
from meshwright.model.errors import MeshwrightError
from security.shop import ATTACKER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meshwright.sdk.client import Mesh, Rows
    from security.shop import Shop

BINARY: Final = ("arrow", "parquet")
ENDINGS: Final = ("csv", "json", "ndjson", "arrow", "parquet")


class Kind(StrEnum):
    """What can be asked."""

    SQL = "sql"
    READ = "read"
    CHANGES = "changes"
    DIFF = "diff"
    FILES = "files"
    LIST = "list"
    EXPLAIN = "explain"
    START = "start"
    NAMES = "names"
    SHOW = "show"
    TRY = "try"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question; what is empty is not asked. `before` is the publication that changes and differences begin at."""

    kind: Kind
    sql: str = ""
    port: str = ""
    columns: str = ""
    where: str = ""
    limit: int | None = None
    since: str = ""
    until: str = ""
    as_of: str = ""
    before: str = ""
    after: str = ""
    key: str = ""
    purpose: str = ""
    environment: str = ""

    def options(self, *names: str) -> list[str]:
        """The command line's options for those of *names* that are asked."""
        found = []
        for name in names:
            value = getattr(self, name)
            if value not in {"", None}:
                found += [f"--{SPELLED.get(name, name)}", str(value)]
        return found


# The same port, asked for by every way that answers with rows.
ORDERS: Final = {
    Kind.SQL: Ask(kind=Kind.SQL, sql="from sales.orders"),
    Kind.READ: Ask(kind=Kind.READ, port="sales.orders"),
    Kind.CHANGES: Ask(kind=Kind.CHANGES, port="sales.orders", before="1"),
    Kind.DIFF: Ask(kind=Kind.DIFF, port="sales.orders"),
    Kind.TRY: Ask(kind=Kind.TRY, sql="select id, region, note, amount, email, salary from sales.orders"),
    Kind.TEST: Ask(kind=Kind.TEST, port="sales.orders"),
}


HELD: Final[list[str]] = []
COMMANDS_RUN: Final = itertools.count(1)
COMMANDS_BETWEEN_COLLECTIONS: Final = 25
SPELLED: Final = {"as_of": "as-of", "environment": "env"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Somebody who asks: with a token, else by the owner in the name of `name`."""

    name: str = ATTACKER
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obtained:
    """Everything that was obtained: exit code, standard output, standard error, files, and what they say in words."""

    code: int
    out: bytes = b""
    err: bytes = b""
    files: tuple[tuple[str, bytes], ...] = ()
    words: str = ""

    @property
    def text(self) -> str:
        """All of it as text."""
        raw = [self.out, self.err, *(part for name, content in self.files for part in (name.encode(), content))]
        return "\n".join([*(one.decode("utf-8", "backslashreplace") for one in raw), self.words])


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to read: `covers` names the verbs and methods that it goes through, `answers` what can be asked."""

    name: str
    answers: Kind
    covers: tuple[str, ...]
    by: str
    ask: Callable[[Shop, Who, Ask], Obtained]

    def __call__(self, shop: Shop, ask: Ask, *, name: str = ATTACKER, token: str = "") -> Obtained:
        """What *name* obtains, or the bearer of *token*; by default a token of *name* where the way takes one."""
        bearer = token or (shop.token(name) if self.by == TOKEN else "")
        return self.ask(shop, Who(name=name, token=bearer), ask)

    def __str__(self) -> str:
        return f"{self.name} by {self.by}"

    @property
    def tells_json(self) -> bool:
        """Whether it prints rows as JSON."""
        return self.name.endswith("--json")

    @property
    def is_imported(self) -> bool:
        """Whether it goes through the SDK."""
        return self.name.startswith("SDK")


WAYS: Final[list[Way]] = []
AS: Final = "--as"
TOKEN: Final = "token"


def way(
    name: str,
    answers: Kind,
    *covers: str,
    ask: Callable[[Shop, Who, Ask], Obtained],
    by: tuple[str, ...] = (AS, TOKEN),
) -> None:
    """Register a way, once for each entrance."""
    WAYS.extend(Way(name=name, answers=answers, covers=covers, by=entrance, ask=ask) for entrance in by)


def ways(answers: Kind, *, by: str = "", names: Sequence[str] = ()) -> list[Way]:
    """The ways that answer questions of a kind: by one entrance, or called so."""
    return [one for one in WAYS if one.answers is answers and by in {"", one.by} and (not names or one.name in names)]


@contextlib.contextmanager
def bearing(token: str) -> Iterator[None]:
    """The environment of whoever has *token*, "" for the owner."""
    held = HELD[-1:] or [token]
    with mock.patch.dict(os.environ):
        os.environ.pop("MESH_TOKEN", None)
        if held[0]:
            os.environ["MESH_TOKEN"] = held[0]
        yield


@contextlib.contextmanager
def holding(token: str) -> Iterator[None]:
    """Every way is gone with *token* in the environment, also those that the owner goes in another's name."""
    HELD.append(token)
    try:
        yield
    finally:
        HELD.pop()


def command(shop: Shop, who: Who, *arguments: str) -> Obtained:
    """What `mesh` prints, in this process."""
    if next(COMMANDS_RUN) % COMMANDS_BETWEEN_COLLECTIONS == 0:
        # A command that has ended leaves its node to the collector, with files and processes: as many as there are commands.
        gc.collect()
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with bearing(who.token), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["-C", str(shop.root), *arguments])
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return Obtained(code=code, out=out.buffer.getvalue(), err=err.getvalue().encode())


def acting(who: Who) -> list[str]:
    """The option that names the reader, where no token does."""
    return [] if who.token else ["--as", who.name]


def arguments_of(ask: Ask) -> list[str]:
    """The verb and options that ask *ask*."""
    shared = ask.options("environment", "purpose")
    match ask.kind:
        case Kind.SQL:
            return ["query", ask.sql, *ask.options("as_of", "since", "until"), *shared]
        case Kind.READ:
            names = ("columns", "where", "limit", "since", "until", "as_of")
            return ["read", ask.port, *ask.options(*names), *shared]
        case Kind.CHANGES:
            bounds = ["--since", ask.before, *(["--until", ask.after] if ask.after else [])]
            return ["changes", ask.port, *bounds, *ask.options("limit"), *shared]
        case Kind.DIFF:
            bounds = [*(["--from", ask.before] if ask.before else []), *(["--to", ask.after] if ask.after else [])]
            return ["diff", ask.port, *bounds, *ask.options("key", "limit"), *shared]
        case Kind.SHOW:
            return ["show", ask.port, *ask.options("environment")]
        case Kind.TEST:
            return ["test", *([ask.port] if ask.port else []), *shared]
        case Kind.EXPLAIN:
            column = ["--column", ask.columns] if ask.columns else []
            return ["policy", "explain", ask.port, *column, *shared]
        case _:
            raise AssertionError(ask.kind)


def printed(*options: str) -> Callable[[Shop, Who, Ask], Obtained]:
    """A way that prints."""

    def ask_it(shop: Shop, who: Who, ask: Ask) -> Obtained:
        named = ["--as", who.name] if ask.kind is Kind.EXPLAIN else [] if ask.kind is Kind.SHOW else acting(who)
        return command(shop, who, *arguments_of(ask), *named, *options)

    return ask_it


def decoded(format_: str) -> Callable[[Shop, Who, Ask], Obtained]:
    """A way that prints what is no text."""

    def ask_it(shop: Shop, who: Who, ask: Ask) -> Obtained:
        found = printed("--format", format_)(shop, who, ask)
        return Obtained(code=found.code, out=found.out, err=found.err, words=words_of(format_, found.out))

    return ask_it


def written(ending: str) -> Callable[[Shop, Who, Ask], Obtained]:
    """A way that writes a file."""

    def ask_it(shop: Shop, who: Who, ask: Ask) -> Obtained:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / f"out.{ending}"
            found = printed("--out", str(place))(shop, who, ask)
            content = place.read_bytes() if place.exists() else b""
            left = tuple((one.name, one.read_bytes()) for one in sorted(Path(folder).iterdir()))
        err = found.err.replace(folder.encode(), b"FOLDER")
        return Obtained(code=found.code, out=found.out, err=err, files=left, words=words_of(ending, content))

    return ask_it


def words_of(format_: str, content: bytes) -> str:
    """Columns, types, metadata and rows of Arrow and Parquet as text; of other formats nothing more than they are."""
    if format_ not in BINARY or not content:
        return ""
    try:
        if format_ == "parquet":
            file = pq.ParquetFile(pa.BufferReader(content))
            return f"{file.metadata.to_dict()!r}\n{file.schema_arrow}\n{file.read().to_pylist()!r}"
        table = pa.ipc.open_stream(pa.BufferReader(content)).read_all()
    except pa.ArrowException:
        return ""
    return f"{table.schema}\n{table.schema.metadata!r}\n{table.to_pylist()!r}"


def files_copied(shop: Shop, who: Who, ask: Ask) -> Obtained:
    """`mesh read --to`."""
    with tempfile.TemporaryDirectory() as folder:
        found = command(shop, who, "read", ask.port, "--to", folder, *acting(who), *ask.options("as_of", "purpose"))
        left = [one for one in sorted(Path(folder).rglob("*")) if one.is_file()]
        files = tuple((one.name, one.read_bytes()) for one in left)
        out, err = (text.replace(folder.encode(), b"FOLDER") for text in (found.out, found.err))
    return Obtained(code=found.code, out=out, err=err, files=files)


def product_started(shop: Shop, who: Who, ask: Ask) -> Obtained:
    """`mesh new product --from PORT`: what it says of the port, and what it writes."""
    place = shop.root / "domains/marketing/found"
    try:
        found = command(shop, who, "new", "product", "marketing/found", "--from", ask.port)
        files = tuple((one.name, one.read_bytes()) for one in sorted(place.rglob("*")) if one.is_file())
    finally:
        shutil.rmtree(place, ignore_errors=True)
    # Where it was written, whoever holds the folder knows.
    out = found.out.replace(str(shop.root).encode(), b"MESH")
    with contextlib.suppress(ValueError):
        out = out.replace(str(shop.root.relative_to(Path.cwd())).encode(), b"MESH")
    return Obtained(code=found.code, out=out, err=found.err, files=files)


def tried(*options: str) -> Callable[[Shop, Who, Ask], Obtained]:
    """`mesh preview` of a product of the attacker's own, whose query is what is asked."""

    def ask_it(shop: Shop, who: Who, ask: Ask) -> Obtained:
        place = shop.root / "domains/marketing/tried"
        try:
            (place / "transform").mkdir(parents=True)
            (place / "product.yaml").write_text("apiVersion: v1.1.0\nkind: DataProduct\nid: marketing.tried\n")
            (place / "transform/tried.sql").write_text(ask.sql, encoding="utf-8")
            return command(
                shop, who, "preview", "marketing.tried", *acting(who), *ask.options("environment", "purpose"), *options
            )
        finally:
            shutil.rmtree(place, ignore_errors=True)

    return ask_it


def completed(shop: Shop, who: Who, ask: Ask) -> Obtained:
    """What a shell is told that completes `mesh read`: ports, and columns of one."""
    words = f"mesh -C {shop.root} read {ask.port} --columns " if ask.port else f"mesh -C {shop.root} read "
    asked = {"_MESH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    with mock.patch.dict(os.environ, asked):
        return command(shop, who)


def listed(*options: str) -> Callable[[Shop, Who, Ask], Obtained]:
    """`mesh list`."""

    def ask_it(shop: Shop, who: Who, ask: Ask) -> Obtained:
        return command(shop, who, "list", *options, *ask.options("environment"))

    return ask_it


def imported(make: Callable[[Mesh, Ask], str]) -> Callable[[Shop, Who, Ask], Obtained]:
    """A way through the SDK: what *make* gives, or the error that is raised, as text."""

    def ask_it(shop: Shop, who: Who, ask: Ask) -> Obtained:
        with bearing(who.token):
            try:
                mesh = meshwright.connect(
                    shop.root,
                    environment=ask.environment or "prod",
                    acting=None if who.token else who.name,
                    purpose=ask.purpose,
                )
                return Obtained(code=0, words=make(mesh, ask))
            except MeshwrightError as error:
                return Obtained(code=error.exit_code, err=f"{type(error).__name__}: {error}".encode())
            except pa.ArrowException as error:
                # What fails in a stream comes through Arrow.
                return Obtained(code=3, err=str(error).encode())

    return ask_it


def rows_of(mesh: Mesh, ask: Ask) -> Rows:
    """The rows that are asked for, by the SDK."""
    if ask.kind is Kind.SQL:
        return mesh.sql(ask.sql, as_of=ask.as_of, since=ask.since, until=ask.until)
    if ask.kind is Kind.CHANGES:
        return mesh.changes(ask.port, since=ask.before, until=ask.after)
    columns = [name for name in ask.columns.split(",") if name]
    return mesh.read(
        ask.port,
        columns=columns,
        where=ask.where,
        as_of=ask.as_of,
        limit=ask.limit,
        since=ask.since,
        until=ask.until,
    )


def _table(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    held = sink.getvalue().to_pybytes().decode("latin-1")
    return f"{table.schema}\n{table.schema.metadata!r}\n{table.to_pylist()!r}\n{held}"


def _frame(frame: Any) -> str:
    return f"{frame.dtypes.to_dict()!r}\n{frame.to_csv()}"


SHAPES: Final[dict[str, Callable[[Rows], str]]] = {
    "to_arrow": lambda rows: _table(rows.to_arrow()),
    "batches": lambda rows: "\n".join(f"{one.num_rows} {one.to_pylist()!r}" for one in rows.batches()),
    "__arrow_c_stream__": lambda rows: _table(pa.table(rows)),
    "to_pandas": lambda rows: _frame(rows.to_pandas()),
    "to_polars": lambda rows: repr(rows.to_polars().rows(named=True)),
}
METHODS: Final = {Kind.SQL: "sql", Kind.READ: "read", Kind.CHANGES: "changes"}
READERS: Final = {Kind.SQL: "query", Kind.READ: "read", Kind.CHANGES: "changes", Kind.DIFF: "diff"}


def _register() -> None:
    for kind in (Kind.SQL, Kind.READ, Kind.CHANGES):
        verb, method = READERS[kind], f"Reader.{READERS[kind]}"
        way(f"mesh {verb}", kind, verb, method, ask=printed())
        way(f"mesh {verb} --json", kind, verb, method, ask=printed("--json"))
        for format_ in ("csv", "ndjson"):
            way(f"mesh {verb} --format {format_}", kind, verb, method, ask=printed("--format", format_))
        for format_ in BINARY:
            way(f"mesh {verb} --format {format_}", kind, verb, method, ask=decoded(format_))
        for ending in ENDINGS:
            way(f"mesh {verb} --out .{ending}", kind, verb, method, ask=written(ending))
        for shape, make in SHAPES.items():
            name = f"Mesh.{METHODS[kind]}"
            asked = imported(lambda mesh, ask, make=make: make(rows_of(mesh, ask)))  # type: ignore[misc]
            way(f"SDK {METHODS[kind]}().{shape}", kind, name, f"Rows.{shape}", method, ask=asked)
    way("mesh diff", Kind.DIFF, "diff", "Reader.diff", ask=printed())
    way("mesh diff --json", Kind.DIFF, "diff", "Reader.diff", ask=printed("--json"))
    way("mesh read --to", Kind.FILES, "read", "Reader.copy_artifacts", ask=files_copied)
    way("mesh policy explain", Kind.EXPLAIN, "policy explain", ask=printed())
    way("mesh policy explain --json", Kind.EXPLAIN, "policy explain", ask=printed("--json"))
    way("mesh list", Kind.LIST, "list", ask=listed(), by=(TOKEN,))
    way("mesh list --json", Kind.LIST, "list", ask=listed("--json"), by=(TOKEN,))
    way("SDK ports()", Kind.LIST, "Mesh.ports", ask=imported(lambda mesh, ask: json.dumps(mesh.ports())))
    way("mesh show", Kind.SHOW, "show", ask=printed(), by=(TOKEN,))
    way("mesh show --json", Kind.SHOW, "show", ask=printed("--json"), by=(TOKEN,))
    way("mesh preview", Kind.TRY, "preview", ask=tried())
    way("mesh preview --json", Kind.TRY, "preview", ask=tried("--json"))
    way("mesh test", Kind.TEST, "test", ask=printed())
    way("mesh test --json", Kind.TEST, "test", ask=printed("--json"))
    way("completion of a shell", Kind.NAMES, "completion", ask=completed, by=(TOKEN,))
    way("mesh new product --from", Kind.START, "new product", "Reader.read", ask=product_started, by=(TOKEN,))


_register()
