"""Which data product each dbt model belongs to, and whether it is served there or a step inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meshwright.authoring.naming import valid_name
from meshwright.model.graph import build_order
from meshwright.model.names import NAME_LENGTH_MAX, is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshwright.authoring.dbt.project import DbtProject, Relation

# Folders that say how far a model is worked out, not what it is about.
INNER_LAYERS: Final = frozenset({"staging", "stg", "stage", "base", "intermediate", "int", "prep", "ephemeral"})
LAYERS: Final = INNER_LAYERS | {"marts", "mart", "core_marts", "models", "bronze", "silver", "gold"}
INNER_PREFIXES: Final = ("stg_", "int_", "base_", "prep_", "src_")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a model lives in the mesh: `stem` is the file stem of its transformation, `orders@2` for a pinned major."""

    product: str
    name: str
    stem: str
    is_port: bool

    def address(self, domain: str) -> str:
        """Its address, as a query of another product writes it."""
        port = "" if self.name == self.product else f".{self.name}"
        major = self.stem[len(self.name) :]
        return f"{domain}.{self.product}{port}{major}"


@dataclass(slots=True)
class Arrangement:
    """The products of an adopted project, by name in build order, with their models; `homes` are by the model's key.

    `split` are products that were cut into several, because they read each other in a circle; `renamed` what could not
    keep its name.
    """

    domain: str
    products: dict[str, list[Relation]] = field(default_factory=dict)
    homes: dict[str, Home] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    split: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)


def identifier(text: str, otherwise: str = "dbt") -> str:
    """*text* as a valid name of the mesh; one that is valid but for its letter case keeps its spelling."""
    return text.lower() if is_name(text.lower()) else valid_name(text, otherwise=otherwise)


def is_inner(relation: Relation) -> bool:
    """Whether its folder or name says that nobody is meant to read it from outside."""
    return bool(INNER_LAYERS & {folder.lower() for folder in relation.folders}) or relation.name.startswith(
        INNER_PREFIXES
    )


def arrange(
    project: DbtProject,
    models: list[Relation],
    reads: Mapping[str, list[str]],
    *,
    domain: str,
    by: str,
    exposed: Iterable[str],
    with_steps: bool,
) -> Arrangement:
    """Where each of *models* lives; *reads* are the keys of the models that each one reads, *by* is group or folder.

    *exposed* are keys that others than models read. Without steps every model is an output port.
    """
    found = Arrangement(domain)
    product = {model.key: _own(project, model, by) for model in models}
    by_key = {model.key: model for model in models}
    order, _ = build_order({key: [one for one in reads.get(key, ()) if one in by_key] for key in by_key})
    _move_inner(product, by_key, reads, order, by)
    _cut_circles(product, reads, order, found)
    readers: dict[str, set[str]] = {}
    for key in order:
        for one in reads.get(key, ()):
            readers.setdefault(one, set()).add(key)
    exposed = set(exposed)
    taken: dict[str, set[str]] = {}
    for key in order:
        model, home = by_key[key], product[key]
        outside = {product[reader] for reader in readers.get(key, ())} - {home}
        is_port = not with_steps or _is_port(
            model, has_readers=bool(readers.get(key)), outside=bool(outside), exposed=key in exposed
        )
        name = _free(identifier(model.name), taken.setdefault(home, set()), is_versioned=bool(model.version))
        if name != model.name:
            found.renamed[model.name] = f"{domain}.{home}.{name}"
        stem = f"{name}@{model.version}" if model.version.isdecimal() and is_port else name
        found.homes[key] = Home(home, name, stem, is_port)
        found.products.setdefault(home, []).append(model)
        if by == "group" and model.group:
            found.groups.setdefault(home, model.group)
    for home, group in found.groups.items():
        owner = project.groups.get(group, {}).get("owner") or {}
        if isinstance(owner, dict) and (owner.get("name") or owner.get("email")):
            found.owners[home] = str(owner.get("name") or owner.get("email"))
    return found


def _own(project: DbtProject, model: Relation, by: str) -> str:
    """The product that a model's group or folder names: the first folder that is no layer, else the project."""
    if by == "group" and model.group:
        return identifier(model.group)
    if model.package != project.name:
        # A package of models is one thing, however its folders are called.
        return identifier(model.package)
    folders = [folder for folder in model.folders if folder.lower() not in LAYERS]
    return identifier(folders[0] if folders else model.package or project.name)


def _move_inner(
    product: dict[str, str],
    by_key: Mapping[str, Relation],
    reads: Mapping[str, list[str]],
    order: list[str],
    by: str,
) -> None:
    """Inner models that only one product reads become part of it: a product of staging tables helps nobody."""
    readers: dict[str, set[str]] = {}
    for key in reversed(order):
        model = by_key[key]
        around = readers.get(key, set())
        if is_inner(model) and len(around) == 1 and not (by == "group" and model.group) and model.access != "public":
            product[key] = next(iter(around))
        for one in reads.get(key, ()):
            readers.setdefault(one, set()).add(product[key])


def _cut_circles(product: dict[str, str], reads: Mapping[str, list[str]], order: list[str], found: Arrangement) -> None:
    """Products that read each other in a circle are cut: models that must come first form a product of their own.

    Cut so that each part can be built when the parts before it are, in as few parts as taking the largest next gives.
    """
    upstream: dict[str, set[str]] = {name: set() for name in product.values()}
    for key in order:
        upstream[product[key]] |= {product[one] for one in reads.get(key, ()) if one in product} - {product[key]}
    circle = set(_in_circles(upstream))
    waiting = {
        key: {one for one in reads.get(key, ()) if product.get(one) in circle}
        for key in order
        if product[key] in circle
    }
    parts: dict[str, list[list[str]]] = {}
    done: set[str] = set()
    while waiting:
        part = max((_buildable(name, waiting, product, done, order) for name in sorted(circle)), key=len)
        parts.setdefault(product[part[0]], []).append(part)
        done.update(part)
        waiting = {key: before for key, before in waiting.items() if key not in done}
    for name, cut in parts.items():
        # The largest part keeps the name.
        main = max(cut, key=len)
        for number, part in enumerate((part for part in cut if part is not main), start=1):
            free = _cut_name(f"{name}_part_{number}", name, {*upstream}, found)
            for key in part:
                product[key] = free


def _buildable(
    name: str, waiting: Mapping[str, set[str]], product: Mapping[str, str], done: set[str], order: list[str]
) -> list[str]:
    """The *waiting* models of the product *name* that read nothing but each other and what is *done*."""
    found: dict[str, None] = {}
    for key in order:
        if key in waiting and product[key] == name and all(one in done or one in found for one in waiting[key]):
            found[key] = None
    return list(found)


def _cut_name(wanted: str, name: str, taken: set[str], found: Arrangement) -> str:
    """The name of one part of the product *name*, which no other product has."""
    free = identifier(wanted)
    while free in taken or free in found.split:
        free = identifier(f"{free[: NAME_LENGTH_MAX - 2]}_x")
    found.split[free] = name
    return free


def _in_circles(upstream: Mapping[str, set[str]]) -> Iterable[str]:
    """The products that can be reached from themselves."""
    for start in upstream:
        seen: set[str] = set()
        waiting = list(upstream[start])
        while waiting:
            name = waiting.pop()
            if name == start:
                yield start
                break
            if name not in seen:
                seen.add(name)
                waiting += upstream[name]


def _is_port(model: Relation, *, has_readers: bool, outside: bool, exposed: bool) -> bool:
    """Whether a model is served: others read it, or nothing says that it is only a step of something."""
    if outside or exposed or model.access == "public" or model.is_contracted or model.version:
        return True
    inside = model.access == "private" or model.materialized == "ephemeral" or is_inner(model)
    return not (inside and (has_readers or model.materialized == "ephemeral"))


def _free(name: str, taken: set[str], *, is_versioned: bool) -> str:
    free, number = name, 2
    while free in taken and not is_versioned:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free
