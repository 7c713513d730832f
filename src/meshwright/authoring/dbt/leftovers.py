"""What a dbt project has and a mesh has no place for: put on the list, each with its place and what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.authoring.dbt.contracts import described

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshwright.authoring.adoption import Adoption
    from meshwright.authoring.dbt.products import Arrangement
    from meshwright.authoring.dbt.understanding import Understood

LEFT: Final = {
    "exposure": (
        "consumers are not declared by the product; what it reads became output ports",
        "tell its owner the new addresses",
    ),
    "metric": ("a mesh serves tables", "keep it in your semantic layer, reading the port"),
    "semantic model": ("a mesh serves tables", "keep it in your semantic layer, reading the port"),
    "saved query": ("a mesh serves tables", "make it an output port, if others read it"),
    "analysis": ("it is a query that nobody builds", "run it with mesh query"),
    "hook": ("a build runs one query and nothing else", ""),
    "function": ("functions cannot be defined in a mesh", "write the expression where it is used"),
}
INPUT: Final = "it tests an input, and contracts speak of what is served"
SERVED: Final = "test it where it is served"


def leave_others(
    found: Understood, arrangement: Arrangement, adoption: Adoption, *, read: Collection[tuple[str, str]]
) -> None:
    """List everything beside the models that was not carried over, and the products that had to be cut.

    *read* are the inputs that models read: ("source" or "seed", its name).
    """
    for other in found.project.others:
        note, action = LEFT.get(other.kind, ("a mesh has no counterpart for it", ""))
        owner = f" (of {other.owner})" if other.owner else ""
        adoption.left(other.kind, other.name + owner, other.place, note=note, action=action)
    for macro in found.project.macros:
        if macro.name == "generate_schema_name" and macro.package == found.project.name:
            note = "physical names are the mesh's own: domain.product.port"
            adoption.left("macro", macro.name, macro.place, note=note)
    _leave_inputs(found, adoption, read)
    for part, name in arrangement.split.items():
        note = f"{name} and other products read each other in a circle; these models of it come first"
        adoption.changed("product", part, "", to=f"{arrangement.domain}.{part}", note=note)


def _leave_inputs(found: Understood, adoption: Adoption, read: Collection[tuple[str, str]]) -> None:
    """What is said of sources and seeds: a mesh promises what it serves, not what it reads."""
    for source in found.project.sources:
        if ("source", source.key) not in read:
            adoption.left("source", source.key, source.place, note="no model reads it")
        for test in (*source.tests, *(one for column in source.columns for one in column.tests)):
            adoption.left("test", f"{source.key}: {described(test)}", test.place, note=INPUT, action=SERVED)
        if source.has_freshness:
            action = "add a freshness to slaProperties of the contracts that rest on it"
            adoption.left(
                "freshness rule", source.key, source.place, note="inputs have no service levels", action=action
            )
    for seed in found.others.values():
        if seed.kind == "seed" and ("seed", seed.name) not in read:
            adoption.left("seed", seed.name, seed.place, note="no model reads it")
        for test in (*seed.tests, *(one for column in seed.columns for one in column.tests)):
            adoption.left("test", f"{seed.name}: {described(test)}", test.place, note=INPUT, action=SERVED)
