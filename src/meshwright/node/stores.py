"""The stores that `mesh.yaml` names, and who uses them, each opened when first needed: the one place that picks classes."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from meshwright.model.mesh import Settings
    from meshwright.reading.governed_copies import GovernedCopies
    from meshwright.reading.sql_gate import SqlGate
    from meshwright.storage import Access, Policies, Registry, Runs, Tokens, Warehouse
    from meshwright.storage.sql_contents import SqlContents
    from meshwright.storage.sql_past import SqlPast

STATE = ".mesh"


class Stores:
    """Registry and warehouse of the mesh at *root*, and what else it keeps."""

    def __init__(self, root: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.root = root
        self.now = now

    @cached_property
    def cache(self) -> Path:
        """Where what can be computed again is kept."""
        return self.root / STATE / "cache"

    @cached_property
    def settings(self) -> Settings:
        """What `mesh.yaml` says, read alone: who only reads data waits for no other file."""
        from meshwright.workspace.loading import read_settings

        return read_settings(self.root)

    @cached_property
    def registry(self) -> Registry:
        """The registry that `mesh.yaml` names."""
        from meshwright.storage.sql_registry import SqlRegistry

        return SqlRegistry(self._registry_url, self.root, now=self.now)

    @cached_property
    def runs(self) -> Runs:
        """What was due and who builds it, in the same registry."""
        from meshwright.storage.sql_runs import SqlRuns

        return SqlRuns(self._registry_url, self.root)

    @cached_property
    def policies(self) -> Policies:
        """The published policies, in the same registry."""
        from meshwright.storage.sql_policies import SqlPolicies

        return SqlPolicies(self._registry_url, self.root)

    @cached_property
    def access(self) -> Access:
        """What was decided about governed reads, in the same registry."""
        from meshwright.storage.sql_access import SqlAccess

        return SqlAccess(self._registry_url, self.root)

    @cached_property
    def tokens(self) -> Tokens:
        """The access tokens, in the same registry."""
        from meshwright.storage.sql_tokens import SqlTokens

        return SqlTokens(self._registry_url, self.root)

    @property
    def _registry_url(self) -> str:
        """The registry's URL with its password, which is looked up each time: nothing keeps it but what is opened."""
        from meshwright.storage.database import with_password

        return with_password(self.settings.registry, self._opened("registry").get("password", ""))

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse that `mesh.yaml` names, and those of the domains that have their own."""
        from meshwright.storage.domain_warehouses import with_own
        from meshwright.workspace.own_warehouses import own_warehouses

        return with_own(self._shared_warehouse, own_warehouses(self.root), self.registry)

    @cached_property
    def _shared_warehouse(self) -> Warehouse:
        url = self.settings.warehouse
        if "://" in url:
            from meshwright.storage.s3_files import S3Warehouse

            return S3Warehouse(url, self.cache / "warehouse", settings=self._opened("warehouse"))
        from meshwright.storage.local_files import LocalWarehouse

        return LocalWarehouse(self.root / url, may_create=self.registry.is_empty)

    def _opened(self, store: str) -> Mapping[str, Any]:
        """What opens *store*, `registry` or `warehouse`, with its secrets looked up."""
        if store not in self.settings.stores:
            return {}
        from meshwright.sources.secrets import look_up

        return look_up(self.settings.stores[store], self.root).settings

    @cached_property
    def copies(self) -> GovernedCopies:
        """The governed copies on this machine."""
        from meshwright.reading.governed_copies import GovernedCopies
        from meshwright.storage.file_cache import FileCache

        cache = FileCache(self.cache / "governed", bytes_max=self.settings.governed.copies_mb * 2**20)
        return GovernedCopies(cache=cache)

    @cached_property
    def sql_gate(self) -> SqlGate:
        """What runs other people's SQL."""
        from meshwright.reading.sql_gate import SqlGate

        return SqlGate(folder=self.cache / "gate", limits=self.settings.governed)

    def contents(self) -> SqlContents:
        """Everything that the registry holds."""
        from meshwright.storage.sql_contents import SqlContents

        return SqlContents(self._registry_url, self.root)

    def past(self) -> SqlPast:
        """What the registry keeps of the past."""
        from meshwright.storage.sql_past import SqlPast

        return SqlPast(self._registry_url, self.root)

    @property
    def is_shared(self) -> bool:
        """Whether the registry is one that others use, too: any but a file beside the mesh."""
        return not self.settings.registry.startswith("sqlite:")

    @cached_property
    def pseudonym_key(self) -> bytes:
        """The mesh's own key for pseudonyms, made at the first use: whoever has it can tell who is meant."""
        from meshwright.governance.pseudonyms import pseudonym_key
        from meshwright.storage.sql_keys import SqlKeys

        keys = SqlKeys(self._registry_url, self.root)
        try:
            return pseudonym_key(keys, self.root / STATE)
        finally:
            keys.close()

    def take_former_key(self) -> None:
        """See that the registry has the key for pseudonyms that an older Meshwright kept in a file beside it, if it did."""
        from meshwright.governance.pseudonyms import FORMER_FILE

        if (self.root / STATE / FORMER_FILE).exists():
            _ = self.pseudonym_key

    @property
    def principal(self) -> str:
        """Who acts, as records name it."""
        return self.owner

    @cached_property
    def owner(self) -> str:
        """Whose account this process has: on a laptop, the owner of the mesh."""
        try:
            return f"local:{getpass.getuser()}"
        except (KeyError, OSError):
            return "local:owner"
