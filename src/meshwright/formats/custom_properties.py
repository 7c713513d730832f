"""The `mesh.*` keys: what ODPS and ODCS have no field for, kept in their `customProperties`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats import histories, quantities, schedules
from meshwright.formats.source_options import FORMATS, OPTIONS, check_options
from meshwright.model.findings import Finding
from meshwright.model.names import PortAddress, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PREFIX: Final = "mesh."
PLACES: Final = {
    "product": "product.yaml, at the top",
    "inputPort": "product.yaml, an entry of `inputPorts`",
    "outputPort": "product.yaml, an entry of `outputPorts`",
    "contract": "a contract, at the top",
    "schemaObject": "a contract, the entry of `schema`",
    "property": "a contract, a property of the schema object",
    "quality": "a contract, a quality rule",
}


def _text(value: Any) -> str:  # noqa: ANN401 - a value of a document
    if not isinstance(value, str) or not value.strip():
        message = "write text"
        raise ValueError(message)
    return value


def _names(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - a value of a document
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) and name for name in listed):
        message = "write a list of column names, such as [order_id, line]"
        raise ValueError(message)
    return tuple(listed)


def _choice(*allowed: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:  # noqa: ANN401 - a value of a document
        if value in allowed:
            return str(value)
        close = nearest(str(value), allowed)
        message = (f"did you mean '{close}'? " if close else "") + f"write one of {', '.join(allowed)}"
        raise ValueError(message)

    return parse


@dataclass(frozen=True, slots=True)
class Key:
    """One of our keys. `parse` gives its typed value or raises ValueError saying what to write."""

    name: str
    places: tuple[str, ...]
    kind: str
    default: str
    meaning: str
    example: str
    parse: Callable[[Any], Any] = field(compare=False)


KEYS: Final = (
    Key(
        "mesh.timeLimit",
        ("product",),
        "duration",
        "`python.timeout` of mesh.yaml (10min)",
        "How long one Python transformation of the product may run.",
        "10min",
        quantities.seconds,
    ),
    Key(
        "mesh.memoryLimit",
        ("product",),
        "size",
        "`python.memory` of mesh.yaml (4GB)",
        "How much memory one Python transformation of the product may take.",
        "2GB",
        quantities.megabytes,
    ),
    Key(
        "mesh.schedule",
        ("product",),
        "mapping of `cron`, `timezone`, `on`, `debounce`, `grace`",
        "none: it is built when somebody builds it",
        "When the product is due: at the moments of `cron` (five fields) in `timezone` (default UTC), `on: inputs` when a "
        "product that it reads publishes and has rested for `debounce`, or both. It is late when `grace` (default 15min) "
        "has passed since.",
        schedules.EXAMPLE,
        schedules.parse,
    ),
    Key(
        "mesh.purpose",
        ("product",),
        "text",
        "none: policies that ask for a purpose do not let it read",
        "What the product reads other products for, as `mesh policy purposes` lists: policies decide about its inputs by it.",
        "ServiceOptimisation",
        _text,
    ),
    Key(
        "mesh.history",
        ("product",),
        "mapping of `age`, `publications`",
        "`maintenance` of mesh.yaml (30d and 10)",
        "How much of the product's past `mesh maintain` keeps readable: what was served within `age`, and the newest "
        "`publications` in any case. What an environment serves, or another product goes on from, is always kept.",
        histories.EXAMPLE,
        histories.parse,
    ),
    Key(
        "mesh.port",
        ("inputPort",),
        "address",
        "the port whose contract has the input's `contractId`; else the input's name, when that is an address",
        "The output port that the input reads: `domain.product`, `domain.product.port`, with `@1` to pin a major version.",
        "operations.flights",
        lambda value: PortAddress.parse(_text(value)),
    ),
    Key(
        "mesh.path",
        ("inputPort",),
        "path",
        "none",
        "What the input reads: a file or glob below the product's folder, else below the mesh's root (`.gz` and `.zip` are "
        "unpacked, `book.xlsx#Sheet` names a sheet); a URL (`https://…`, `s3://bucket/key-*.parquet`); or `CONNECTION#path`, "
        "such as `crm#public.orders`.",
        "data/orders-*.csv",
        _text,
    ),
    Key(
        "mesh.connection",
        ("inputPort",),
        "name",
        "none",
        "The connection of domain.yaml or mesh.yaml through which `mesh.path` or `mesh.query` is read.",
        "crm",
        _text,
    ),
    Key(
        "mesh.query",
        ("inputPort",),
        "SELECT",
        "none: the whole table that `mesh.path` names",
        "What is asked of the database of `mesh.connection`, in its own dialect.",
        "SELECT id FROM orders WHERE total > 0",
        _text,
    ),
    Key(
        "mesh.incremental",
        ("inputPort",),
        "column",
        "none: every build reads the whole table",
        "The column by which rows of a database are told to be new: `<input>__changes` has only those beyond the highest value "
        "of the last publication. Its values only grow (a serial key, the time of the last change) and are never NULL.",
        "updated_at",
        _text,
    ),
    Key(
        "mesh.format",
        ("inputPort",),
        "one of " + ", ".join(f"`{name}`" for name in FORMATS),
        "sniffed once and pinned in inputs.lock.yaml",
        "The format of the input's files.",
        "csv",
        _choice(*FORMATS),
    ),
    Key(
        "mesh.options",
        ("inputPort",),
        "mapping of " + ", ".join(f"`{name}`" for name in OPTIONS),
        "sniffed once and pinned in inputs.lock.yaml",
        "How the input's files are read.",
        '{delimiter: ";", nulls: ["", NA]}',
        check_options,
    ),
    Key(
        "mesh.materialization",
        ("outputPort",),
        "one of `full`, `append`, `merge`",
        "`full`",
        "Whether a build replaces the port's rows, adds to them, or merges into them by key.",
        "append",
        _choice("full", "append", "merge"),
    ),
    Key(
        "mesh.key",
        ("outputPort",),
        "list of columns",
        "the contract's primary key",
        "The columns that identify a row; `merge` needs them.",
        "[order_id]",
        _names,
    ),
    Key(
        "mesh.eventTime",
        ("outputPort", "contract", "schemaObject"),
        "column",
        "none",
        "The column that says when a row's event happened; reads by event time and `append` use it.",
        "departed_at",
        _text,
    ),
    Key(
        "mesh.review",
        ("property",),
        "text",
        "none",
        "What a person is to judge about a column, such as whether it is personal; `mesh new product --from` writes it.",
        "Likely personal; confirm it or remove this note.",
        _text,
    ),
    Key(
        "mesh.onFailure",
        ("quality", "property", "schemaObject", "contract"),
        "one of `quarantine`",
        "none: the rule's severity decides",
        "`quarantine` publishes the rows that pass and keeps those that fail in a table that only the owner reads. "
        "On a column, a schema object or a contract it holds for all their rules about single rows; the nearest counts.",
        "quarantine",
        _choice("quarantine"),
    ),
    Key(
        "mesh.quarantineMax",
        ("quality", "property", "schemaObject", "contract"),
        "number of rows, or a share such as `5%`",
        "`10%`",
        "More quarantined rows than this fail the build.",
        "5%",
        quantities.rows_or_percent,
    ),
)
BY_NAME: Final = {key.name: key for key in KEYS}


def values(entries: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """The `customProperties` *entries* as a mapping of property to value, as written, other tools' included."""
    return {entry["property"]: entry["value"] for entry in entries} if entries else {}


def checked(entries: Any, place: str, pointer: str, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    """What is wrong with our keys among the `customProperties` *entries* of a *place* (a key of `PLACES`).

    Takes entries of any shape: those that are none are left to the schema.
    """
    return typed(entries, place, pointer, path)[1] if entries else []


def mappings(entries: Any) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ANN401 - any document
    """The mappings among *entries*, with their index; none when it is no list."""
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            if isinstance(entry, dict):
                yield index, entry


def typed(entries: Any, place: str, pointer: str, path: str) -> tuple[dict[str, Any], list[Finding]]:  # noqa: ANN401 - any document
    """The typed values of our keys among *entries*, by key, and what is wrong with them. Other tools' keys are left out."""
    found: dict[str, Any] = {}
    findings: list[Finding] = []
    for index, entry in mappings(entries):
        name = entry.get("property")
        if not isinstance(name, str) or not name.startswith(PREFIX) or "value" not in entry:
            continue
        here = f"{pointer}/{index}"
        problem = _misplaced(name, place, here, path)
        if problem is not None:
            findings.append(problem)
        elif name in found:
            findings.append(
                Finding(
                    code="duplicate-key",
                    message=f"The custom property '{name}' is given twice",
                    path=path,
                    pointer=here,
                    hint="keep one of the two",
                )
            )
        else:
            try:
                found[name] = BY_NAME[name].parse(entry["value"])
            except ValueError as error:
                findings.append(_bad_value(name, entry["value"], str(error), here, path))
    return found, findings


def _misplaced(name: str, place: str, pointer: str, path: str) -> Finding | None:
    key = BY_NAME.get(name)
    if key is not None and place in key.places:
        return None
    if key is not None:
        hint = "it belongs into " + " or ".join(PLACES[allowed] for allowed in key.places)
        message = f"The custom property '{name}' has no meaning here"
    else:
        here = [known.name for known in KEYS if place in known.places]
        close = nearest(name, here) or nearest(name, BY_NAME)
        hint = f"did you mean '{close}'?" if close else "known here: " + (", ".join(here) or "none")
        message = f"There is no custom property '{name}'"
    return Finding(code="unknown-key", message=message, path=path, hint=hint, pointer=f"{pointer}/property")


def _bad_value(name: str, value: Any, hint: str, pointer: str, path: str) -> Finding:  # noqa: ANN401 - a value of a document
    shown = value if isinstance(value, str) else "" if isinstance(value, (list, dict)) else str(value)
    return Finding(
        code="wrong-value",
        message=f"The value of '{name}' is not understood",
        path=path,
        value=shown,
        hint=hint,
        pointer=f"{pointer}/value",
    )


def reference() -> str:
    """The reference page of our keys, as Markdown."""
    lines = [
        "# Custom properties",
        "",
        "Meshwright's files are ODPS and ODCS documents. What these standards have no field for stands in their",
        "`customProperties`, under keys that begin with `mesh.`, so that every file stays valid for other tools:",
        "",
        "```yaml",
        "customProperties:",
        "  - property: mesh.materialization",
        "    value: append",
        "```",
        "",
        "A `mesh.` key that is not listed here, or stands in another place, is an error. Keys of other tools are kept.",
    ]
    for place, where in PLACES.items():
        keys = [key for key in KEYS if place in key.places]
        if not keys:
            continue
        lines += ["", f"## In {where}", "", "| key | value | when absent | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{key.name}` | {key.kind}, e.g. `{key.example}` | {key.default} | {key.meaning} |" for key in keys
        ]
    lines += [
        "",
        "## Options of an input's files",
        "",
        "Below `mesh.options`:",
        "",
        "| option | value | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | {option.kind} | {option.meaning} |" for name, option in OPTIONS.items()]
    return "\n".join(lines) + "\n"
