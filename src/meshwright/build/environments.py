"""Environments: trying a change beside `prod` at no cost, seeing what it does, promoting or dropping it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshwright.build.admission import require_admitted
from meshwright.model.compatibility import contract_changes
from meshwright.model.environment import PROD, Environment, Promotion, environment_name
from meshwright.model.errors import Conflict, InvalidInput, NotFound, Refused
from meshwright.model.names import is_name, nearest
from meshwright.model.plan import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from meshwright.build.admission import Admission
    from meshwright.model.plan import Change, Plan
    from meshwright.model.publication import InputRead, Publication, PublishedPort
    from meshwright.storage import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class PortDifference:
    """One port in an environment beside the one below; None where it is not served."""

    name: str
    before: PublishedPort | None
    after: PublishedPort | None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDifference:
    """One product that an environment serves otherwise than the one below (`before`); `after` is None when removed.

    `moved_on` says that the one below has published since this was begun there.
    """

    product: str
    before: Publication | None
    after: Publication | None
    ports: tuple[PortDifference, ...] = ()
    moved_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What is an environment's alone: publications, and the data files that no other environment serves."""

    publications: int = 0
    files: int = 0
    rows: int = 0
    bytes: int = 0


def known_environments(registry: Registry, declared: Iterable[str] = ()) -> list[Environment]:
    """Every environment there is: `prod`, those that mesh.yaml *declared*, those that were created."""
    created = {one.name: one for one in registry.environments()}
    names = dict.fromkeys([PROD, *declared, *created])
    return [created.get(name, Environment(name=name)) for name in names]


def find_environment(registry: Registry, name: str, declared: Iterable[str] = ()) -> Environment:
    """The environment *name*. Raises NotFound, with a near miss."""
    known = {one.name: one for one in known_environments(registry, declared)}
    if name not in known:
        guess = nearest(name, known)
        meant = f"did you mean {guess}? Otherwise " if guess else ""
        raise NotFound(f"there is no environment {name}: {meant}`mesh env create {name}` makes it, at no cost")
    return known[name]


def branch_environment(branch: str, declared: Iterable[str] = ()) -> str:
    """The name of the git *branch*'s own environment. Raises InvalidInput where it can have none.

    `prod` and what mesh.yaml *declared* belong to everybody: a branch called so would be built for all of them.
    """
    name = environment_name(branch)
    if not name:
        raise InvalidInput(f"no environment can be named after the branch '{branch}': it has no letter of a-z in it")
    if name in {PROD, *declared}:
        raise InvalidInput(
            f"the branch '{branch}' has no environment of its own: {name} is everybody's. Rename the branch"
        )
    return name


def create_environment(
    registry: Registry, name: str, *, base: str, declared: Iterable[str], by: str, now: datetime
) -> Environment:
    """Make the environment *name* on top of *base*. Raises InvalidInput, NotFound (the base), Conflict (it is there)."""
    if not is_name(name):
        raise InvalidInput(f"'{name}' cannot name an environment: use a-z, 0-9 and _, starting with a letter")
    if name in {PROD, *declared}:
        raise Conflict(f"{name} is there already: prod, and what mesh.yaml declares, need not be created")
    find_environment(registry, base, declared)
    environment = Environment(name=name, base=base, created_at=now.isoformat(), created_by=by)
    registry.create_environment(environment)
    return environment


def differences(registry: Registry, environment: Environment) -> list[ProductDifference]:
    """What *environment* serves otherwise than the one it stands on, by product id. Raises InvalidInput without one."""
    base = _base(environment)
    return [
        _difference(registry, environment.name, base, product, head)
        for product, head in sorted(registry.own_heads(environment.name).items())
    ]


def _difference(registry: Registry, environment: str, base: str, product: str, head: int | None) -> ProductDifference:
    before = registry.head(base, product)
    after = registry.publication(environment, product, head) if head is not None else None
    ports = {(port.name, port.major): None for one in (before, after) if one is not None for port in one.ports}
    return ProductDifference(
        product=product,
        before=before,
        after=after,
        ports=tuple(
            _port_difference(
                name, before.port(name, major) if before else None, after.port(name, major) if after else None
            )
            for name, major in ports
        ),
        moved_on=_moved_on(registry, before, _own(registry, environment, product)),
    )


def _port_difference(name: str, before: PublishedPort | None, after: PublishedPort | None) -> PortDifference:
    changes = contract_changes(name, before.contract, after.contract) if before and after else ()
    return PortDifference(name=name, before=before, after=after, changes=tuple(changes))


def elsewhere(products: Iterable[str], domains: Collection[str]) -> list[str]:
    """Those *products* that are of none of the *domains* in this checkout: another one builds, promotes and drops them."""
    return sorted(name for name in products if name.partition(".")[0] not in domains)


def promote(
    registry: Registry,
    environment: Environment,
    *,
    plan: Plan,
    domains: Collection[str],
    allow_remove: bool,
    now: datetime,
    admission: Admission | None = None,
) -> list[Publication]:
    """Serve in the environment below what *environment* serves, all at once; nothing is rebuilt. What is served there now.

    Products of other domains than *domains*, those of this checkout, stay in *environment*. *plan* is for it: what it
    would build first is not ready, nor is what was made of more than *admission*, the one of the environment below, leaves.
    Raises Refused, naming everything that is not ready and why; Conflict when a head
    moves meanwhile.
    """
    base = _base(environment)
    every = registry.own_heads(environment.name)
    own = {name: head for name, head in every.items() if name not in elsewhere(every, domains)}
    histories = {product: _own(registry, environment.name, product) for product in own}
    heads = {product: registry.head(base, product) for product in own}
    moved = [product for product, history in histories.items() if _moved_on(registry, heads[product], history)]
    _require_ready(environment.name, plan, own, histories, heads, moved, allow_remove=allow_remove)
    _require_inputs(registry, environment.name, own, histories, elsewhere(every, domains))
    for product, head in own.items():
        if head is not None:
            require_admitted(admission, registry, base, registry.publication(environment.name, product, head))
    numbers = _numbers(registry, base, own, histories)
    promotions = []
    for product, head in own.items():
        below = heads[product]
        parent = below.sequence if below is not None else None
        copies: list[Publication] = []
        for one in histories[product]:
            if (product, one.sequence) in numbers:
                copies.append(_promoted(one, base, numbers, parent=copies[-1].sequence if copies else parent, now=now))
        promotions.append(Promotion(product=product, publications=tuple(copies), head=parent, source=head))
    registry.promote(environment.name, base, promotions)
    return [one.publications[-1] for one in promotions if one.publications]


def _own(registry: Registry, environment: str, product: str) -> list[Publication]:
    """The publications of *product* made in *environment*, oldest first."""
    return [one for one in registry.publications(environment, product) if one.environment == environment][::-1]


def _moved_on(registry: Registry, below: Publication | None, own: list[Publication]) -> bool:
    """Whether the environment *below* has published other rows since *own* was begun on top of it."""
    begun = own[0].parent if own else None
    while below is not None and below.compacted and begun is not None and begun < below.sequence:
        # The same rows in other files: what counts is the one before.
        try:
            below = registry.publication(below.environment, below.product, below.parent or 0)
        except NotFound:
            break
    return bool(own) and begun != (below.sequence if below is not None else None)


def _require_ready(
    environment: str,
    plan: Plan,
    own: Mapping[str, int | None],
    histories: Mapping[str, list[Publication]],
    heads: Mapping[str, Publication | None],
    moved: Sequence[str],
    *,
    allow_remove: bool,
) -> None:
    problems = [
        f"{one.id} is not ready: {'; '.join(one.reasons)}"
        for one in plan.products
        if one.id in own and own[one.id] is not None and one.action is not Action.REUSE
    ]
    if problems:
        problems.append(f"`mesh build --env {environment}` first")
    taken = [name for name in moved if any(port.materialization != "full" for port in histories[name][-1].ports)]
    if taken:
        problems.append(
            f"{', '.join(taken)} took in new rows below since: `mesh env refresh {environment}`, then build there again"
        )
    removed = [product for product, head in own.items() if head is None and heads[product] is not None]
    if removed and not allow_remove:
        problems.append(f"{', '.join(removed)} would be served no more: --allow-remove says that this is meant")
    if problems:
        raise Refused(f"{environment} cannot be promoted: " + "\n  ".join(["", *problems]).lstrip("\n"))


def _require_inputs(
    registry: Registry,
    environment: str,
    own: Mapping[str, int | None],
    histories: Mapping[str, list[Publication]],
    staying: Sequence[str],
) -> None:
    """Raise Refused when what is promoted read what stays behind: it would be served beside inputs that it never saw."""
    theirs = {(name, one.sequence) for name in staying for one in _own(registry, environment, name)}
    problems = [
        f"{product} has read {read.product} as it was built in {environment} from another checkout: promote it there first"
        for product, history in histories.items()
        for one in history
        if one.sequence == own[product]
        for read in one.inputs
        if (read.product, read.sequence) in theirs
    ]
    if problems:
        raise Refused(f"{environment} cannot be promoted: " + "\n  ".join(["", *problems]).lstrip("\n"))


def _numbers(
    registry: Registry, base: str, own: Mapping[str, int | None], histories: Mapping[str, list[Publication]]
) -> dict[tuple[str, int], int]:
    """The number that each publication to be promoted gets below: heads, and what promoted readers have read of before."""
    wanted = {(product, head) for product, head in own.items() if head is not None}
    read = [
        (one.product, number)
        for history in histories.values()
        for pub in history
        for one in pub.inputs
        for number in (one.sequence, one.taken)
    ]
    found: dict[tuple[str, int], int] = {}
    for product, history in histories.items():
        head = own[product]
        if head is None:
            continue
        number = registry.next_sequence(base, product)
        for one in history:
            key = (product, one.sequence)
            if one.sequence <= head and (key in wanted or key in read):
                found[key] = number
                number += 1
    return found


def _promoted(
    one: Publication, base: str, numbers: Mapping[tuple[str, int], int], *, parent: int | None, now: datetime
) -> Publication:
    def renumbered(read: InputRead) -> InputRead:
        return replace(
            read,
            sequence=numbers.get((read.product, read.sequence), read.sequence),
            taken=numbers.get((read.product, read.taken), read.taken),
        )

    return replace(
        one,
        environment=base,
        sequence=numbers[one.product, one.sequence],
        parent=parent,
        published_at=now.isoformat(),
        reason=f"promoted from {one.environment}: {one.reason}",
        promoted_from=one.environment,
        compacted=False,
        built_at="",
        inputs=tuple(map(renumbered, one.inputs)),
        ports=tuple(
            replace(port, written_in=base if port.written_in == one.environment else port.written_in)
            for port in one.ports
        ),
    )


def refresh(registry: Registry, environment: Environment, domains: Collection[str]) -> list[str]:
    """Let *environment* begin anew, on what is served below now, with the products that have moved on there.

    So do its own products that read them. The ids of all; the next build makes them again where their code differs.
    Those of other domains than *domains* are left to the checkout that can build them.
    """
    found = {one.product for one in differences(registry, environment) if one.moved_on}
    own = registry.own_heads(environment.name)
    readers: dict[str, set[str]] = {}
    for product in own:
        for one in _own(registry, environment.name, product):
            for read in one.inputs:
                readers.setdefault(read.product, set()).add(product)
    waiting = list(found)
    while waiting:
        fresh = readers.get(waiting.pop(), set()) - found
        found |= fresh
        waiting.extend(fresh)
    found -= set(elsewhere(found, domains))
    for product in sorted(found):
        registry.inherit(environment.name, product, head=own[product])
    return sorted(found)


def holdings(registry: Registry, environment: Environment, others: Collection[Environment]) -> Holdings:
    """What goes when *environment* is dropped: files that the heads of no other environment serve."""
    own = registry.own_heads(environment.name)
    publications = [one for product in own for one in _own(registry, environment.name, product)]
    files = {
        file.path: file
        for one in publications
        for port in one.ports
        if port.table
        for file in registry.files(port.table, port.snapshot)
    }
    for other in others:
        for product in own:
            head = registry.head(other.name, product) if other.name != environment.name else None
            for port in head.ports if head is not None else ():
                for file in registry.files(port.table, port.snapshot) if port.table else ():
                    files.pop(file.path, None)
    return Holdings(
        publications=len(publications),
        files=len(files),
        rows=sum(file.rows for file in files.values()),
        bytes=sum(file.bytes for file in files.values()),
    )


def _base(environment: Environment) -> str:
    if not environment.base:
        raise InvalidInput(f"{environment.name} stands on no other environment: there is nothing below it")
    return environment.base
