"""The authority: decides by the policies that bind now, and notices within a second when others do."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Final

from meshwright.governance.decisions import Decider, Decision
from meshwright.governance.policy_set import PolicySet
from meshwright.governance.policy_text import PolicyFile
from meshwright.governance.purposes import UNSPECIFIED, known_purposes
from meshwright.governance.vocabulary import CONTRADICTION
from meshwright.model.policy_version import WHOLE_MESH
from meshwright.model.restriction import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshwright.governance.actions import Target
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.policy_version import PolicyVersion
    from meshwright.model.principal import Principal
    from meshwright.storage import Policies

# A published version binds everybody after so many seconds at the latest.
SECONDS: Final = 0.5
UNPUBLISHED: Final = "no policies are published, so only the mesh's owner may: `mesh policy publish` lets them bind"


class Authority:
    """Asks *policies* for what binds. Safe to use from several threads."""

    def __init__(self, policies: Policies, *, environment: str = "prod") -> None:
        self._policies = policies
        self._environment = environment
        self._lock = Lock()
        self._looked = 0.0
        self._versions: Mapping[str, int] | None = None
        self._decider: Decider | None = None

    def decide(
        self, principal: Principal, port: PortFacts, purpose: str = "", *, among: tuple[str, ...] = ()
    ) -> Decision:
        """What *principal* may read of *port* for *purpose*, by default the only one that is granted, *among* those of its token."""
        if principal.is_owner:
            return Decision(allowed=True, purpose=purpose or UNSPECIFIED, restriction=EVERYTHING, masks={})
        decider = self._current()
        if decider is None:
            return Decision(allowed=False, purpose=purpose, reasons=(UNPUBLISHED,), masks={})
        return decider.read(principal, port, purpose, among=among)

    def refusal(self, principal: Principal, action: str, target: Target) -> tuple[str, tuple[str, ...]]:
        """Why *principal* may not do *action* to *target*, "" when it may, and the policies that said so."""
        if principal.is_owner:
            return "", ()
        decider = self._current()
        return decider.refusal(principal, action, target) if decider is not None else (UNPUBLISHED, ())

    def _current(self) -> Decider | None:
        with self._lock:
            if self._versions is None or time.monotonic() - self._looked > SECONDS:
                newest = self._policies.newest()
                self._looked = time.monotonic()
                if newest != self._versions:
                    self._decider = self._compiled(self._policies.binding()) if newest else None
                    self._versions = newest
            return self._decider

    def _compiled(self, versions: Iterable[PolicyVersion]) -> Decider:
        found = list(versions)
        files = [
            PolicyFile(path=path, text=text, domain=version.scope)
            for version in found
            for path, text in sorted(version.files.items())
        ]
        name = ", ".join(f"{version.scope or 'mesh'} {version.version}" for version in found)
        declared = next((version.purposes for version in found if version.scope == WHOLE_MESH), {})
        purposes = known_purposes(declared)
        policies = PolicySet(files, attributes=_attributes(found), version=name)
        return Decider(policies, purposes=purposes, environment=self._environment)


def _attributes(versions: Iterable[PolicyVersion]) -> dict[str, str]:
    """The Cedar type of each attribute that policies were checked with; one that no value has where versions differ."""
    found: dict[str, str] = {}
    for version in versions:
        for name, kind in version.attributes.items():
            found[name] = kind if found.get(name, kind) == kind else CONTRADICTION
    return found
