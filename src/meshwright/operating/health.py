"""Health: whether each product is served as promised, or late, failing or blocked, since when and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from meshwright.model.schedule import BLOCKED
from meshwright.operating.outlook import Outlook
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.service_levels import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meshwright.build.states import ProductState
    from meshwright.model.product import Product
    from meshwright.model.publication import Publication
    from meshwright.model.schedule import Due, Run
    from meshwright.storage import Registry

BAD: Final = frozenset({"late", "failing", "blocked"})
FREQUENCY: Final = frozenset({"frequency", "fy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one product is: `condition` is served, late, failing, blocked or never published; `since` is "" when not known.

    `reasons` say why, most telling first; `due` is from when on it is due, None without a schedule.
    """

    product: str
    condition: str
    since: str = ""
    reasons: tuple[str, ...] = ()
    due: Due | None = None
    run: Run | None = None
    state: ProductState


def healths(states: list[ProductState], outlook: Outlook) -> list[Health]:
    """The health of each product of *states*, at the time of *outlook*."""
    dues = outlook.dues()
    return [_health(state, outlook, dues.get(state.product)) for state in states]


def outlook_of_heads(
    products: Mapping[str, Product],
    fingerprints: Mapping[str, str],
    registry: Registry,
    *,
    environment: str,
    published: Mapping[str, Publication],
    runs: Mapping[str, Run],
    now: datetime,
) -> Outlook:
    """The outlook as far as descriptors and heads tell what is read, without understanding any query: quick."""
    upstream = {
        name: sorted(
            {*product.upstream, *(read.product for read in published[name].inputs if read.product)}
            if name in published
            else product.upstream
        )
        for name, product in products.items()
    }
    return Outlook(
        environment=environment,
        now=now,
        registry=registry,
        products=products,
        upstream=upstream,
        fingerprints=fingerprints,
        published=published,
        runs=runs,
    )


def _health(state: ProductState, outlook: Outlook, due: Due | None) -> Health:
    name, head, run = state.product, state.head, outlook.runs.get(state.product)
    bad = run if run is not None and not run.is_good and _is_after_head(run, head) else None
    # A run that found nothing new after a failure says that all is well again.
    has_failed = state.attempt is not None and not (
        run is not None and run.is_good and run.ended_at > state.attempt.ended_at
    )
    if bad is not None and bad.outcome in BLOCKED:
        condition, since, reasons = "blocked", bad.failing_since, [bad.message]
    elif bad is not None or has_failed:
        times = [bad.failing_since if bad is not None else "", state.failing_since if has_failed else ""]
        condition, since = "failing", min((one for one in times if one), default="")
        newest = bad.message if bad is not None else state.attempt.message if state.attempt is not None else ""
        again = f"; it is tried again at {_shown(bad.retry_at)}" if bad is not None and bad.retry_at else ""
        reasons = [f"last build failed: {newest}{again}"]
    else:
        late = list(_late(state, outlook))
        condition = "late" if late else "served" if head is not None else "never published"
        since = min((at for at, _ in late if at), default="")
        reasons = [reason for _, reason in late]
    return Health(product=name, condition=condition, since=since, reasons=tuple(reasons), due=due, run=run, state=state)


def _is_after_head(run: Run, head: Publication | None) -> bool:
    return head is None or run.ended_at > head.made_at


def _late(state: ProductState, outlook: Outlook) -> Iterator[tuple[str, str]]:
    """Since when ("" when not known) and why a product is late: its schedule, then what its contracts promise."""
    at = outlook.late_from(state.product)
    if at is not None and at <= outlook.now:
        yield at.isoformat(), f"not built by {_shown(at.isoformat())}, when its schedule's grace ended"
    for rule in state.late:
        yield "", f"{rule.rule}: {rule.value}, promised {rule.threshold}"
    if state.head is not None:
        yield from _infrequent(state.head, outlook)


def _infrequent(head: Publication, outlook: Outlook) -> Iterator[tuple[str, str]]:
    """The ODCS promise `frequency`: how often a port is updated. A run that found nothing new keeps it."""
    run = outlook.runs.get(head.product)
    updated = max(head.made_at, run.good_at if run is not None else "")
    for port in head.ports:
        for level in port.contract.service_levels:
            if level.property.lower() not in FREQUENCY:
                continue
            try:
                until = datetime.fromisoformat(updated) + duration(level.value, level.unit)
            except (Uncheckable, OverflowError):
                # What cannot be understood is reported by the contract's own tests.
                continue
            if until < outlook.now:
                promised = f"{level.property} {level.value} {level.unit}".strip()
                yield until.isoformat(), f"last updated {_shown(updated)}, promised {promised}"


def _shown(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')}Z"
