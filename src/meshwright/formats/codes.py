"""The finding codes of this room, and what each one means."""

from __future__ import annotations

from typing import Final

from meshwright.model.findings import Code

CODES: Final = (
    Code(
        "bad-yaml",
        "The file is not valid YAML",
        "The text cannot be read as YAML 1.2. The place is where reading stopped; the mistake is often a line above: a quote or "
        "bracket that is not closed, a colon in unquoted text, or uneven indentation. Tabs never indent.",
    ),
    Code(
        "literal-secret",
        "A secret is written into a file",
        "The files of a mesh are copied, reviewed and kept in history, so a password, token or key in one of them is known to all "
        "who ever see the mesh. Settings that hold a secret are references: `{env: NAME}` takes an environment variable, "
        "`{file: PATH}` the content of a file outside version control, `{exec: COMMAND}` what a command prints. That holds for URLs "
        "with a password or a token in them, too. A secret that was in a file once is no secret any more: give out a new one.",
    ),
    Code(
        "not-utf8",
        "The file is not UTF-8 text",
        "Every file of a mesh is UTF-8, so that it reads the same on every machine. The place is the first byte that does not fit; "
        "save the file as UTF-8 in your editor, or convert it with iconv. A byte order mark is allowed and ignored.",
    ),
    Code(
        "too-large",
        "The file is too large to be read",
        "Descriptors, contracts, tests and transformations are written by people and stay far below 10 MB. A larger file is mostly "
        "data that belongs into a file of its own, named by mesh.path.",
    ),
    Code(
        "empty-file",
        "The file is empty",
        "A file with nothing, or only comments, in it says neither that something is there nor that it is not. Write its content or "
        "delete it.",
    ),
    Code(
        "several-documents",
        "The file holds several YAML documents",
        "A line '---' starts another document, and only one can count. Each product, contract or domain has its own file.",
    ),
    Code(
        "duplicate-key",
        "A key is written twice",
        "YAML readers disagree on which of two equal keys counts, so neither does here. The place is the second one.",
    ),
    Code(
        "alias-bomb",
        "Aliases stand for too many values",
        "Anchors (&name) and aliases (*name) may repeat a block. Nested, a few lines can stand for billions of values and fill the "
        "memory of whoever reads them; such a file is refused before it is expanded.",
    ),
    Code(
        "unknown-key",
        "A key is not known",
        "The standards (ODPS, ODCS) and our own files define every key, so that a typing error cannot switch something off in "
        "silence. Correct the key; what the standards have no field for goes into customProperties. Keys there that begin with "
        "'mesh.' are ours, and must be known in their place too.",
    ),
    Code(
        "missing-key",
        "A required key is missing",
        "The standard, or Meshwright, needs this key to make sense of the entry. The place is the entry that lacks it.",
    ),
    Code(
        "wrong-type",
        "A value is of the wrong kind",
        "Text, a number, true or false, a list or a mapping is expected, and something else was found. YAML takes unquoted 1.0 for a "
        "number and unquoted true for a truth value: quote what is meant as text.",
    ),
    Code(
        "wrong-value",
        "A value is not allowed here",
        "The value is of the right kind, but not one of those that have a meaning in this place.",
    ),
    Code(
        "bad-version",
        "A version is not understood",
        "Products, ports and contracts have semantic versions, MAJOR.MINOR.PATCH: consumers are told by them what may break. Input "
        "ports ask for a range of versions. A document's apiVersion names the version of the standard it is written in: ODPS v0.9.0 "
        "to v1.1.0, ODCS v3.0.0 to v3.2.0.",
    ),
    Code(
        "newer-than-declared",
        "A document uses what its declared version does not have",
        "Every ODCS document names the version of the standard that it is written in. This one uses something that a later version "
        "brought. Meshwright reads it, but a tool that knows only the declared version may not: raise apiVersion.",
    ),
    Code(
        "unknown-type",
        "A physical type is not known",
        "The contract's physical types decide what data is cast to and checked against, so each must be understood. Meshwright "
        "knows DuckDB's types and the common names of other databases, such as varchar(20), int4 or timestamptz.",
    ),
    Code(
        "missing-type",
        "A column has no type",
        "A contract promises what its columns hold. Write a physicalType, or at least a logicalType.",
    ),
    Code(
        "duplicate-name",
        "A name is used twice",
        "Two columns, ports or steps with one name cannot be told apart in SQL, which ignores letter case.",
    ),
    Code(
        "ambiguous-input",
        "An input port names two sources",
        "An input port reads another product's port (mesh.port) or files (mesh.path), not both.",
    ),
    Code(
        "bad-name",
        "A name cannot be used",
        "Domains, products, ports, steps and environments are names in SQL, in paths and in addresses such as sales.orders.lines. "
        "They match [a-z][a-z0-9_]* and have at most 63 characters.",
    ),
    Code(
        "name-mismatch",
        "A name differs from its folder's",
        "Folders name domains and products. A name inside the file may repeat that, but not differ from it.",
    ),
    Code(
        "unknown-document",
        "The file is no known kind of document",
        "Outside a mesh a file is told by its 'kind': DataProduct (ODPS) or DataContract (ODCS).",
    ),
)
