"""A review of a change: what it does to the environment below, whom it breaks, and what building it has shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meshwright.build.environments import elsewhere
from meshwright.build.impact import owner_of
from meshwright.build.reuse import follows
from meshwright.model.compatibility import is_bumped, required_bump
from meshwright.model.errors import MeshwrightError
from meshwright.model.plan import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from meshwright.build.environments import PortDifference, ProductDifference
    from meshwright.build.planning import Planned
    from meshwright.model.plan import Change, Plan, ProductPlan
    from meshwright.model.product import OutputPort, Product
    from meshwright.model.publication import Attempt, Publication, PublishedPort
    from meshwright.model.results import RuleResult
    from meshwright.reading.diff import PortDifference as RowsOfPort

# Comparing rows takes about a second for a million: a review is read soon after a push or not at all.
COMPARED_PORTS_MAX: Final = 100
COMPARED_ROWS_MAX: Final = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractReview:
    """The changes of one port's contract: versions before and after, and the part of the version that must rise.

    `is_enough` says that the version after has risen by that much.
    """

    port: str
    before: str
    after: str
    bump: str
    is_enough: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReview:
    """One port below and in the environment, None where it is not served; `difference` only where rows were compared.

    `columns` are those with other content. `note` says why rows were not compared.
    """

    product: str
    port: str
    address: str
    before: PublishedPort | None
    after: PublishedPort | None
    columns: tuple[str, ...] = ()
    difference: RowsOfPort | None = None
    note: str = ""

    @property
    def is_same(self) -> bool:
        """Whether readers see the same rows and columns."""
        return self.before is not None and self.after is not None and not self.columns and not self.note


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReview:
    """What became of the rules of one port in the environment, and by rule what they find `below`, if they do."""

    __test__ = False

    port: str
    results: tuple[RuleResult, ...]
    below: Mapping[str, RuleResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What merging a change does, product by product.

    `plan` is for `base`, the environment that is changed in the end; `environment` ("" when base itself was asked) is where
    the change is tried. `states` says per product of the plan what became of it there: built, same (its inputs turned
    out to hold the same), failed, pending or blocked; `failures` why. `moved_on` are the products that base has
    published since; `elsewhere` those that the environment holds of domains in other checkouts.
    """

    base: str
    environment: str
    plan: Plan
    owners: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    contracts: tuple[ContractReview, ...] = ()
    data: tuple[DataReview, ...] = ()
    tests: tuple[TestReview, ...] = ()
    publications: tuple[Publication, ...] = ()
    moved_on: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    @property
    def changed(self) -> list[str]:
        """The products that are themselves changed: the others are built because of them."""
        return [one.id for one in self.plan.products if one.action is not Action.REUSE and not follows(one.reasons)]

    def planned(self, action: Action) -> list[ProductPlan]:
        """The products with which the plan does *action*, in build order: causes before what they cause."""
        return [one for one in self.plan.products if one.action is action]


def review_plan(planned: Planned) -> Review:
    """The review of a plan for an environment that stands on no other: nothing was tried before."""
    return Review(
        base=planned.plan.environment,
        environment="",
        plan=planned.plan,
        owners=_owners(planned),
        contracts=_contracts(planned),
    )


def review_environment(
    planned: Planned,
    own: Planned,
    *,
    differences: Sequence[ProductDifference],
    domains: Collection[str],
    attempts: Sequence[Attempt],
    compare: Callable[[str], RowsOfPort],
) -> Review:
    """The review of what was built in the environment of *own*, a plan for it; *planned* is for the one below.

    Of the *differences* between the two only those of *domains*, which are in the checkout, are its change. *attempts* are
    the environment's, newest first; *compare* gives the rows that differ of the port at an address.
    """
    others = elsewhere((one.product for one in differences), domains)
    places = {one.id: place for place, one in enumerate(own.plan.products)}
    differences = sorted(
        (one for one in differences if one.product not in others),
        key=lambda one: (places.get(one.product, len(places)), one.product),
    )
    built = {one.product: one.after for one in differences if one.after is not None}
    states = {one.id: _state(one, built) for one in own.plan.products}
    last = {one.product: one for one in reversed(attempts)}
    failed = {
        name: last[name] for name, state in states.items() if state == "pending" and _failed_since(name, last, built)
    }
    states |= dict.fromkeys(failed, "failed")
    return Review(
        base=planned.plan.environment,
        environment=own.plan.environment,
        plan=planned.plan,
        owners=_owners(planned),
        states=states,
        failures={name: attempt.message for name, attempt in failed.items()},
        contracts=_contracts(planned),
        data=_data(differences, compare),
        tests=_tests(built, failed, planned.published),
        publications=tuple(built.values()),
        moved_on=tuple(one.product for one in differences if one.moved_on),
        elsewhere=tuple(others),
    )


def _state(one: ProductPlan, built: Mapping[str, Publication]) -> str:
    if one.action is Action.BLOCKED:
        return "blocked"
    if one.action is Action.REUSE:
        return "built" if one.id in built else "same"
    return "pending"


def _failed_since(product: str, last: Mapping[str, Attempt], built: Mapping[str, Publication]) -> bool:
    attempt = last.get(product)
    return attempt is not None and (product not in built or attempt.ended_at > built[product].published_at)


def _owners(planned: Planned) -> dict[str, str]:
    mesh = planned.mesh.workspace.mesh
    return {one.id: owner_of(one.id, mesh, planned.published) for one in planned.plan.products}


def _contracts(planned: Planned) -> tuple[ContractReview, ...]:
    found = []
    for name, changes in sorted(planned.mesh.changes.items()):
        product, head = planned.mesh.products[name].product, planned.published[name]
        for port, major in dict.fromkeys((change.port, change.major) for change in changes):
            mine = [change for change in changes if (change.port, change.major) == (port, major)]
            old, written = head.port(port, major), product.output_port(port, major)
            before = old.contract.version if old is not None else ""
            after = written.contract.version if written is not None and written.contract is not None else ""
            bump = required_bump(mine)
            found.append(
                ContractReview(
                    port=_port_name(
                        name,
                        port,
                        major,
                        _majors(head, product, port),
                    ),
                    before=before,
                    after=after,
                    bump=bump,
                    is_enough=_is_enough(before, written, bump),
                    changes=tuple(mine),
                )
            )
    return tuple(found)


def _majors(head: Publication, product: Product, port: str) -> set[int]:
    served = {one.major for one in head.ports if one.name == port}
    return served | {one.major for one in product.output_ports if one.name == port}


def _is_enough(before: str, written: OutputPort | None, bump: str) -> bool:
    if written is None or written.contract is None:
        return False
    # Nobody wrote a draft's version: nothing is asked of it.
    return not written.contract.written or is_bumped(before, written.contract.version, bump)


def _port_name(product: str, port: str, major: int | None, majors: Collection[int]) -> str:
    """How people name a port: like its product when it bears its name, the major version only where there are several."""
    address = product if product.partition(".")[2] == port else f"{product}.{port}"
    return f"{address}@{major}" if major is not None and len(majors) > 1 else address


def _data(differences: Sequence[ProductDifference], compare: Callable[[str], RowsOfPort]) -> tuple[DataReview, ...]:
    found = []
    compared = 0
    for one in differences:
        for port in one.ports:
            majors = {(side.name, side.major) for other in one.ports for side in (other.before, other.after) if side}
            review = _port_data(one.product, port, {major for name, major in majors if name == port.name})
            if review.columns and not review.note:
                compared += 1
                review = _with_rows(review, compare, is_too_many=compared > COMPARED_PORTS_MAX)
            found.append(review)
    return tuple(found)


def _port_data(product: str, port: PortDifference, majors: Collection[int]) -> DataReview:
    before, after = port.before, port.after
    columns: list[str] = []
    if before is not None and after is not None:
        names = [*before.columns, *(name for name in after.columns if name not in before.columns)]
        columns = [name for name in names if before.columns.get(name) != after.columns.get(name)]
        if before.kind == "files" and before.artifacts != after.artifacts:
            columns = [""]
    served = after or before
    assert served is not None  # noqa: S101 - a difference has at least one side
    name = _port_name(product, served.name, served.major, majors)
    address = f"{product}.{served.name}@{served.major}"
    return DataReview(product=product, port=name, address=address, before=before, after=after, columns=tuple(columns))


def _with_rows(review: DataReview, compare: Callable[[str], RowsOfPort], *, is_too_many: bool) -> DataReview:
    assert review.before is not None  # noqa: S101 - only ports of both sides have columns that differ
    assert review.after is not None  # noqa: S101
    if is_too_many:
        return replace(review, note=f"not compared: {COMPARED_PORTS_MAX} other ports were")
    if max(review.before.rows, review.after.rows) > COMPARED_ROWS_MAX:
        return replace(review, note=f"not compared: it has more than {COMPARED_ROWS_MAX:,} rows")
    try:
        return replace(review, difference=compare(review.address))
    except MeshwrightError as error:
        # A port whose rows cannot be compared keeps nobody from reading the rest of the review.
        return replace(review, note=f"not compared: {error}")


def _tested_port(product: str, tested: str, every: Collection[str]) -> str:
    port, _, major = tested.partition("@")
    majors = {int(one.partition("@")[2] or 0) for one in every if one.partition("@")[0] == port}
    return _port_name(product, port, int(major or 0), majors)


def _tests(
    built: Mapping[str, Publication], failed: Mapping[str, Attempt], below: Mapping[str, Publication]
) -> tuple[TestReview, ...]:
    found = []
    for name in dict.fromkeys([*built, *failed]):
        source = failed.get(name) or built[name]
        before = below[name].tests if name in below else {}
        found += [
            TestReview(
                port=_tested_port(name, port, source.tests),
                results=results,
                below={one.rule: one for one in before.get(port, ())},
            )
            for port, results in sorted(source.tests.items())
        ]
    return tuple(found)
