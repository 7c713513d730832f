"""Exports: the mesh's products and schedules as a file for another scheduler, which then calls `mesh run`."""

from __future__ import annotations

import pprint
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import InvalidMesh

if TYPE_CHECKING:
    from meshwright.build.effective import EffectiveMesh

KINDS: Final = ("airflow", "dagster")
WIDTH: Final = 118
NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9]+")
# What a cron says that no name can.
SIGNS: Final = {"*": "x", "/": "per", "-": "to", ",": "and", "#": "nth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What another scheduler must know of a mesh.

    `reads` are the products of each product's inputs, products in build order; `schedules` a name, cron, time zone and
    products; `on_inputs` the inputs of what is due on new publications; `debounced` those of them that wait for rest.
    """

    mesh: str
    folder: str
    environment: str
    reads: dict[str, list[str]]
    schedules: dict[str, tuple[str, str, list[str]]]
    on_inputs: dict[str, list[str]]
    debounced: tuple[str, ...]
    owners: dict[str, str]
    descriptions: dict[str, str]


def export(mesh: EffectiveMesh, *, folder: str, environment: str) -> Export:
    """The export of *mesh*, which lies in *folder* where it will be run. Raises InvalidMesh."""
    if mesh.errors:
        raise InvalidMesh(mesh.errors)
    written, reads = mesh.workspace.mesh, _reads(mesh)
    moments: dict[tuple[str, str], list[str]] = {}
    on_inputs, debounced = {}, []
    for name, bound in mesh.products.items():
        schedule = bound.product.schedule
        if schedule is not None and schedule.cron:
            moments.setdefault((schedule.cron, schedule.timezone), []).append(name)
        if schedule is not None and schedule.on_inputs and reads[name]:
            on_inputs[name] = reads[name]
            debounced += [name] if schedule.debounce_seconds else []
    products = {name: bound.product for name, bound in mesh.products.items()}
    teams = {name: domain.team for name, domain in written.domains.items()}
    owners = {name: product.owner or teams.get(product.domain, "") for name, product in products.items()}
    return Export(
        mesh=written.settings.name,
        folder=folder,
        environment=environment,
        reads=reads,
        schedules=_schedules(moments),
        on_inputs=on_inputs,
        debounced=tuple(debounced),
        owners={name: owner for name, owner in owners.items() if owner},
        descriptions={name: product.description for name, product in products.items() if product.description},
    )


def render(found: Export, kind: str) -> str:
    """The text of the file for *kind* (one of `KINDS`): valid Python, whatever names and descriptions hold."""
    prefix = f"{_slug(found.mesh).lower()}.{found.environment}"
    waits = (
        f"It cannot be said here that {', '.join(found.debounced)} would let them rest first."
        if found.debounced
        else ""
    )
    values = {
        # In a docstring and in comments only what is harmless there.
        "TITLE": f"The mesh {' '.join(NOT_IN_A_NAME.sub(' ', found.mesh).split())}",
        "PREFIX": prefix,
        "DEBOUNCED": waits,
        "FOLDER": repr(found.folder),
        "ENVIRONMENT": repr(found.environment),
        "PREFIX_TEXT": repr(prefix),
        "READS": _literal(found.reads),
        "SCHEDULES": _literal(found.schedules),
        "ON_INPUTS": _literal(found.on_inputs),
        "OWNERS": _literal(found.owners),
        "DESCRIPTIONS": _literal(found.descriptions),
    }
    text = (Path(__file__).with_name("templates") / f"{kind}.py.txt").read_text(encoding="utf-8")
    text = re.sub(r"@@([A-Z_]+)@@", lambda found: values[found[1]], text)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def _schedules(moments: dict[tuple[str, str], list[str]]) -> dict[str, tuple[str, str, list[str]]]:
    """The products of each cron and time zone by a name of their own: different ones may read alike without their signs."""
    found: dict[str, tuple[str, str, list[str]]] = {}
    for (cron, timezone), products in moments.items():
        name = base = _named(cron, timezone)
        number = 1
        while name in found:
            number += 1
            name = f"{base}_{number}"
        found[name] = (cron, timezone, products)
    return found


def _named(cron: str, timezone: str) -> str:
    """A name for a schedule: `cron_0_6_x_x_x_Europe_Berlin`."""
    said = "".join(f" {SIGNS[one]} " if one in SIGNS else one for one in cron)
    return f"cron_{_slug(said)}_{_slug(timezone)}"


def _reads(mesh: EffectiveMesh) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {name: set() for name in mesh.products}
    for (reader, _), read in mesh.reads.items():
        found[reader].add(read.product)
    return {name: sorted(ups) for name, ups in found.items()}


def _slug(text: str) -> str:
    return NOT_IN_A_NAME.sub("_", text).strip("_") or "mesh"


def _literal(value: Any) -> str:  # noqa: ANN401 - any value of Python's own types
    return pprint.pformat(value, width=WIDTH, sort_dicts=False)
