"""The codes of findings that building a mesh from its files can have, and those of the rooms below."""

from __future__ import annotations

from meshwright.model.findings import Code

CODES = (
    Code(
        "append-without-changes",
        "An appending port reads whole inputs",
        "A port with `mesh.materialization: append` adds the rows of its query to what it already serves. When the query reads a "
        "whole input, every build adds all of its rows once more. Read `<input>__changes` (`inputs.changes.<input>` in Python), "
        "which has only rows that are new since the last publication, or use materialization `full`.",
    ),
    Code(
        "column-extra",
        "The query yields a column that the contract does not speak of",
        "Consumers see exactly what the contract promises. Add the column to the contract, or leave it out of the query.",
    ),
    Code(
        "column-missing",
        "The contract promises a column that the query does not yield",
        "Select a column of that name, or drop it from the contract. On an active contract that is a breaking change: consumers need "
        "a new major version beside the old one.",
    ),
    Code(
        "column-type",
        "A column's type cannot become the type that the contract promises",
        "Meshwright stores only what can be stored without changing a value by itself: wider numbers, whole numbers among each other "
        "(overflow is an error when the data is written), dates as timestamps. For anything else write the cast in the query, so that "
        "it can be read there, or correct the contract's physicalType.",
    ),
    Code(
        "cycle",
        "Products read each other in a circle",
        "A product is built after its inputs, so no product can wait for itself. The finding names the products in reading order. Drop "
        "one of the inputs, or split one of the products in two.",
    ),
    Code(
        "idle-schedule",
        "A schedule waits for inputs that never publish",
        "`on: inputs` makes a product due when a product that it reads publishes. This one reads files or nothing at all, which publish "
        "nothing. Give its `mesh.schedule` a cron: at its moments new files are found, and without any nothing is built.",
    ),
    Code(
        "merge-without-key",
        "A merging port has no key",
        "A port with `mesh.materialization: merge` replaces rows that have the same key. Mark the key's columns `primaryKey: true` in "
        "the contract, or list them as `mesh.key` on the port.",
    ),
    Code(
        "self-input",
        "A product reads itself",
        "A product's output cannot be its own input. To add to what it serves, use materialization append or merge and read "
        "`<input>__changes`; to reuse a part of a query, write an intermediate step in transform/.",
    ),
    Code(
        "source-unavailable",
        "A source does not answer",
        "An input's web server, object store or database is asked once for its columns, which are then pinned in inputs.lock.yaml. It "
        "did not answer, so nothing is known of it yet. Run again when it is back; once the columns are pinned, plans need it no more.",
    ),
    Code(
        "unknown-connection",
        "There is no such connection",
        "`CONNECTION#path` and `mesh.connection` name a connection of the product's domain.yaml or of mesh.yaml. One that has errors "
        "of its own, such as a literal secret, counts as none until they are corrected.",
    ),
    Code(
        "source-unreadable",
        "A file input cannot be sampled",
        "Meshwright looks at a file input once, to learn its format and columns, and pins both in inputs.lock.yaml. The message says what "
        "went wrong. Declare `mesh.format` and `mesh.options` on the input port where sniffing guesses badly.",
    ),
    Code(
        "step-cycle",
        "Transformations of one product read each other in a circle",
        "Steps run in order, each after those it reads. Break the circle by joining two of them into one.",
    ),
    Code(
        "unknown-column",
        "A setting names a column that the contract does not have",
        "`mesh.key` and `mesh.eventTime` name columns of the port's contract. The hint says which name is nearest.",
    ),
    Code(
        "unknown-input",
        "An input port reads something that does not exist",
        "The address, contract id or path of an input port leads nowhere: neither in this checkout nor, for domains in other "
        "repositories, in the registry. The hint names what is nearest.",
    ),
    Code(
        "unknown-table",
        "A transformation names a table that is none",
        "A table in a transformation is an input port, a step or port of the same product, a full address (`domain.product.port`), a "
        "literal path in quotes, or a CTE in scope. Nothing else can be read.",
    ),
    Code(
        "version-not-served",
        "No served version is in the range that an input port asks for",
        "The `version` of an input port is a range (`1.x`, `^1.2.0`, `>=1.0,<3`), and `@N` an exact major version. The hint lists the "
        "versions that are served.",
    ),
)


def all_codes() -> tuple[Code, ...]:
    """Every code that any room can find, sorted."""
    from meshwright.analysis import codes as analysis
    from meshwright.formats import codes as formats
    from meshwright.governance import codes as governance
    from meshwright.workspace import codes as workspace

    found = {one.code: one for one in (*formats.CODES, *workspace.CODES, *analysis.CODES, *governance.CODES, *CODES)}
    return tuple(found[code] for code in sorted(found))
