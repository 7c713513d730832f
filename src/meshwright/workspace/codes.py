"""The finding codes of this room, and what each one means; those of `formats` are used here too."""

from __future__ import annotations

from typing import Final

from meshwright.model.findings import Code

CODES: Final = (
    Code(
        "unreadable",
        "A file cannot be read",
        "The file is there, but it is a folder or a pipe, or its permissions forbid reading. Only regular files are read.",
    ),
    Code(
        "leaves-mesh",
        "A path or link leads out of the mesh",
        "A mesh is one folder: what lies elsewhere is not versioned with it, is not there on another machine, and may be anybody's. "
        "Paths with '..', absolute paths and symbolic links are followed only while they stay below the mesh's root.",
    ),
    Code(
        "missing-file",
        "A file that must be there is missing",
        "Every domain has a domain.yaml that names its owning team, every product a product.yaml.",
    ),
    Code(
        "missing-source",
        "An input's files are not there",
        "mesh.path names a file or a pattern, first looked for below the product's folder, then below the mesh's root. Nothing was "
        "found in either place.",
    ),
    Code(
        "unexpected-file",
        "A file has an ending that is not read",
        "Contracts, tests and descriptors end in .yaml, and so do the files in people/ and those with policy cases; policies end in "
        ".cedar. A file with another ending, or in a folder below, would be left out in silence, which is rarely meant. Notes (.md), "
        "hidden files and what editors leave behind may lie beside them.",
    ),
    Code(
        "unknown-principal",
        "A name in people/ is nobody's",
        "Members of groups, and those who have attributes, are written as everywhere: a username (`bob` or `person:bob`), `service:NAME`, "
        "`agent:NAME` or `product:DOMAIN.PRODUCT`. What is written otherwise would be in no group, and a policy that forbids something "
        "to the group would not forbid it to whom it was meant for: as long as such a name is there, everybody but the owner is denied.",
    ),
    Code(
        "unlikely-principal",
        "A name in people/ is nearly another one",
        "Names that differ in letter case are two, and a product that the mesh does not have is nobody. Policies about the group would "
        "not be about whom it was meant for.",
    ),
    Code(
        "contradicting-attribute",
        "Somebody has one attribute with two values",
        "Files in people/ count together, and no one of them has the last word: what policies ask for must be said in one place, or the "
        "same in all. Until then nobody is known, and everybody but the owner is denied.",
    ),
    Code(
        "case-collision",
        "Two names differ only in letter case or accents' encoding",
        "On macOS and Windows these two are the same file: a checkout there would lose one of them.",
    ),
    Code(
        "duplicate-id",
        "An id is used twice in the mesh",
        "Products and contracts are found by their id, also by other tools, so each is used once. Copied files often keep the id of "
        "their origin. The major versions of one port share the id of their contract.",
    ),
    Code(
        "contract-without-port",
        "A contract belongs to no output port",
        "A contract's file is named like the output port whose promise it is (contracts/<port>.yaml). The descriptor lists output "
        "ports, and this one is not among them.",
    ),
    Code(
        "contract-id-mismatch",
        "A port names another contract than its own",
        "The port's contractId and the id in its contract's file differ, so other tools would look up the wrong promise.",
    ),
    Code(
        "version-mismatch",
        "Two versions that must agree differ",
        "A port serves what its contract says, in that contract's version. A file <port>@2.yaml holds a contract of major version 2.",
    ),
    Code(
        "several-schema-objects",
        "A port's contract describes several tables",
        "An output port is one table, so its contract has one entry in 'schema'. Give each table its own port and contract.",
    ),
    Code(
        "no-schema-object",
        "A port's contract describes no table",
        "Without a 'schema' entry a contract promises no columns, and nothing can be checked against it.",
    ),
    Code(
        "no-columns",
        "A port's contract promises no columns",
        "A port's rows are cast to its contract's columns and checked against them. A contract with none says nothing about its data.",
    ),
    Code(
        "active-without-contract",
        "An active product serves a port without contract",
        "Others rely on an active product. Without a written contract nothing tells them what they may rely on; until there is one, "
        "the product is a draft.",
    ),
    Code(
        "port-without-transformation",
        "Nothing makes an output port",
        "Each output port is made by a file named like it: transform/<port>.sql or .py, or <product>.sql beside the descriptor.",
    ),
    Code(
        "transformation-without-port",
        "A transformation for a major version of no port",
        "A name such as orders@2.sql makes major version 2 of the output port 'orders', and there is no such port. Intermediate steps "
        "have no versions.",
    ),
    Code(
        "several-transformations",
        "One port or step is made twice",
        "Two files of one name (SQL and Python, or in two folders) would both make the port; which one counts must not be left to "
        "chance.",
    ),
    Code(
        "merge-without-key",
        "A port merges rows without a key",
        "mesh.materialization: merge replaces rows that have the same key. Name the key's columns with mesh.key, or mark them as "
        "primary key in the contract.",
    ),
    Code(
        "unknown-column",
        "A setting names a column that the contract does not have",
        "mesh.key and mesh.eventTime name columns of the port, as its contract spells them.",
    ),
    Code(
        "unknown-port",
        "A test is about a port that does not exist",
        "A test case names the output port or step whose rows it expects; without 'port' it is the one that bears the product's name.",
    ),
    Code(
        "unknown-owner",
        "A team or person is not known",
        "As soon as there is a file in people/, every owning team is one of its groups and every member and approver is listed, so "
        "that questions and approvals reach somebody.",
    ),
    Code(
        "input-without-source",
        "Nothing says what an input port reads",
        "An input port reads the port in mesh.port, the files in mesh.path, the port whose contract has its contractId, or the port "
        "whose address is its name. None of these led anywhere.",
    ),
)
