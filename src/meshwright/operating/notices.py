"""Notices: a product became late, failing, blocked, or well again; told once for each change, whoever runs it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from meshwright.operating.health import BAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from meshwright.model.mesh import Mesh
    from meshwright.operating.health import Health
    from meshwright.storage import Runs

RECOVERED: Final = "recovered"
TYPE: Final = "io.github.meshwright.product."


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A change of one product's condition, as a CloudEvents 1.0 `event`."""

    product: str
    told: str
    event: dict[str, Any]


def changes(mesh: Mesh, healths: Iterable[Health], runs: Runs, environment: str, now: datetime) -> list[Notice]:
    """The changes since webhooks were last told, each recorded: no other runner tells them again.

    Whoever records a change and ends before it has told of it leaves it untold; twice is never told.
    """
    before = runs.conditions(environment)
    return [
        notice for health in healths if (notice := _change(mesh, health, before, runs, environment, now)) is not None
    ]


def _change(
    mesh: Mesh, health: Health, known: Mapping[str, tuple[str, str]], runs: Runs, environment: str, now: datetime
) -> Notice | None:
    before = known.get(health.product)
    was = before[0] if before is not None and before[0] in BAD else ""
    condition = health.condition if health.condition in BAD else ""
    if was == condition:
        return None
    after = (condition or RECOVERED, health.since or now.isoformat())
    if not runs.change_condition(environment, health.product, before=before, after=after):
        return None
    return Notice(
        product=health.product,
        told=after[0],
        event=_event(mesh, health, environment, told=after[0], previous=was, now=now),
    )


def _event(mesh: Mesh, health: Health, environment: str, *, told: str, previous: str, now: datetime) -> dict[str, Any]:
    head, product = health.state.head, mesh.products.get(health.product)
    name = health.product.partition(".")[0]
    domain = mesh.domains.get(name)
    owner = (product.owner if product is not None else "") or (domain.team if domain is not None else "")
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": f"/meshes/{quote(mesh.settings.name, safe='')}/environments/{environment}",
        "type": TYPE + told,
        "subject": health.product,
        "time": now.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "mesh": mesh.settings.name,
            "environment": environment,
            "domain": name,
            "product": health.product,
            "owner": owner,
            "condition": told,
            "previous": previous or "served",
            "since": health.since or None,
            "reasons": list(health.reasons),
            "publication": head.sequence if head is not None else None,
            "published_at": head.published_at if head is not None else None,
        },
    }
