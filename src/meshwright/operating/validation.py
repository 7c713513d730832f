"""Validation of a whole mesh: products and policies; what was valid is not read again while no file changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from meshwright.model.environment import PROD
from meshwright.workspace.loading import unchanged
from meshwright.workspace.policy_files import policy_files
from meshwright.workspace.root import MESH_FILE
from meshwright.workspace.source_paths import exists
from meshwright.workspace.verdict import Verdict, keep_verdict, read_verdict, still_holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from meshwright.build.effective import EffectiveMesh
    from meshwright.model.findings import Finding
    from meshwright.operating.council import Council
    from meshwright.storage import Registry
    from meshwright.workspace.loading import Workspace


class Validation(NamedTuple):
    """What is wrong with a mesh's files, and how many products and domains they describe."""

    findings: tuple[Finding, ...]
    products: int
    domains: int


class Validating:
    """Validates the mesh at *root*; what takes long is only asked for when something changed."""

    def __init__(
        self,
        root: Path,
        *,
        cache: Path,
        workspace: Callable[[], Workspace],
        registry: Callable[[], Registry],
        effective: Callable[[], EffectiveMesh],
        council: Callable[[], Council],
    ) -> None:
        self.root = root
        self.cache = cache
        self.workspace = workspace
        self.registry = registry
        self.effective = effective
        self.council = council

    def run(self) -> Validation:
        """Everything that is wrong."""
        known = read_verdict(self.cache)
        if known is not None and self._holds(known):
            return Validation((), known.products, len(known.domains))
        workspace = self.workspace()
        products, domains = workspace.mesh.products, workspace.mesh.domains
        if any(finding.path == MESH_FILE for finding in workspace.findings):
            # Where the registry is cannot be known, then.
            return Validation(tuple(workspace.findings), len(products), len(domains))
        mesh = self.effective()
        findings = [*mesh.findings, *self.council().findings()]
        if not findings:
            keep_verdict(
                self.cache,
                Verdict(
                    mark=workspace.mark,
                    products=len(products),
                    domains=tuple(domains),
                    sources=tuple(sorted(path for path in _sources(mesh) if exists(self.root, path))),
                    policies=self._policies(domains),
                ),
            )
        ordered = sorted(findings, key=lambda finding: finding.order)
        return Validation(tuple(ordered), len(products), len(domains))

    def _holds(self, known: Verdict) -> bool:
        return (
            known.mark == unchanged(self.root, cache=self.cache)
            and still_holds(known, self.root)
            and known.policies == self._policies(known.domains)
            # Products of domains that are elsewhere may be read here, and change without any file.
            and {name.partition(".")[0] for name in self.registry().head_sequences(PROD)} <= set(known.domains)
        )

    def _policies(self, domains: Iterable[str]) -> str:
        """What is equal exactly when the policy files are."""
        texts, findings = policy_files(self.root, domains)
        return hashlib.sha256(repr((sorted(texts.items()), findings)).encode("utf-8", "surrogatepass")).hexdigest()


def _sources(mesh: EffectiveMesh) -> set[str]:
    """The files that products read from this mesh's folder."""
    ports = (port for bound in mesh.products.values() for port in bound.product.input_ports)
    return {port.source.path for port in ports if port.source is not None and not port.source.is_remote}
