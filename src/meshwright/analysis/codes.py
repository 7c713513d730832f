"""The codes of what analysis finds in transformations, for `mesh explain`."""

from __future__ import annotations

from typing import Final

from meshwright.model.findings import Code

CODES: Final = (
    Code(
        "sql-syntax",
        "The SQL does not parse",
        "DuckDB's parser could not read the text from the named place on. Transformations are written in DuckDB's\n"
        "dialect; often a comma, a bracket or a keyword is missing just before the place.",
    ),
    Code(
        "sql-not-one-query",
        "A transformation is not exactly one query",
        "A transformation is one SELECT (WITH, VALUES, FROM … and set operations included), so that its columns are\n"
        "known before any data moves and nothing else can happen. Split several statements into steps, one file each;\n"
        "drop CREATE, INSERT, COPY, SET and PRAGMA: Meshwright stores the rows. A PIVOT needs a list of its values\n"
        "(ON column IN ('a', 'b')), else its columns depend on the data.",
    ),
    Code(
        "sql-refused",
        "The query contains what a transformation may not",
        "A transformation computes rows from its inputs and from nothing else: it cannot read files by functions\n"
        "(read_csv, glob), the catalogue, settings or the environment, run SQL from text, write in a WITH clause, use\n"
        "parameters, or sample without a seed. Name a file in FROM ('data/file.csv') or declare an input port instead.\n"
        "What Meshwright does not know it refuses: a function that is new in DuckDB may be missing from its list.",
    ),
    Code(
        "sql-unknown-table",
        "The query names a table that is not there",
        "Tables are the product's input ports, its steps, full addresses (domain.product.port), file paths in quotes\n"
        "and the query's own CTEs. Correct the name, or declare the input in product.yaml.",
    ),
    Code(
        "sql-unknown-column",
        "The query names a column that its tables do not have",
        "The inputs' columns come from their contracts (or, for files, from what was sampled once and pinned). Correct\n"
        "the name, or look whether the input's contract changed.",
    ),
    Code(
        "sql-unknown-function",
        "The query calls a function that DuckDB does not have",
        "Functions are DuckDB's built-in ones; there are no user-defined ones and no extensions.",
    ),
    Code(
        "sql-type",
        "The types in the query do not fit",
        "No function or operator takes arguments of these types, or a column has a type that no contract can name.\n"
        "Cast what is meant: CAST(x AS DOUBLE), x::DATE.",
    ),
    Code(
        "sql-duplicate-column",
        "Two output columns have the same name",
        "Columns are stored, contracted and masked by name, and names do not tell letter case apart. Name each with AS,\n"
        "and leave the second of a join's equal columns out (USING, or * EXCLUDE).",
    ),
    Code(
        "sql-binding",
        "The query cannot be bound to its inputs",
        "It parses, but DuckDB finds no meaning in it: e.g. a column that is neither grouped nor aggregated, or a\n"
        "subquery with two columns where one value is wanted.",
    ),
    Code(
        "sql-style",
        "The query is not in good style",
        "`mesh lint` names the rule in brackets, as sqlfluff's documentation does: layout, capitals, aliases, and a few\n"
        "spellings that are hardly meant, such as `= NULL`. `mesh lint --fix` rewrites a file where the query that DuckDB\n"
        "then parses is the same one. A line's rule is silenced by `-- noqa: LT05` at its end, everywhere by\n"
        "`exclude_rules` in a file `.sqlfluff` beside mesh.yaml.",
    ),
    Code(
        "python-syntax",
        "The Python file does not parse",
        "Python could not read the file from the named line on.",
    ),
    Code(
        "python-no-function",
        "The Python file has no function for its port",
        "`transform/<port>.py` defines `def <port>(inputs)`, which returns the rows. Functions that begin with an\n"
        "underscore or have other names may stand beside it.",
    ),
    Code(
        "python-signature",
        "The port's function cannot be called with its inputs",
        "It is called as `function(inputs)`: one positional parameter, further ones need defaults; not asynchronous.",
    ),
    Code(
        "python-metadata",
        "The inline metadata of the Python file cannot be read",
        "Dependencies are declared as PEP 723 says: one block of comments that begins with `# /// script` and ends with\n"
        '`# ///`, holding TOML such as `# dependencies = ["numpy"]`.',
    ),
)
