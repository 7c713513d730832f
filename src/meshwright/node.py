"""Assembles a running node from settings: the one place that picks engines and stores."""

from __future__ import annotations

import getpass
import os
import secrets
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from meshwright.model.errors import InvalidMesh, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from meshwright.analysis.binding import Binder
    from meshwright.build.effective import EffectiveMesh
    from meshwright.build.events import Event, ProductEnded
    from meshwright.build.planning import Planned, PlanRequest
    from meshwright.build.previewing import Previewed, PreviewRequest
    from meshwright.build.review import Review
    from meshwright.build.source_columns import SourceColumns
    from meshwright.build.words import Words
    from meshwright.build.workshop import Workshop
    from meshwright.model.connection import Connection
    from meshwright.model.mesh import Settings
    from meshwright.model.product import Source
    from meshwright.model.publication import Publication
    from meshwright.model.restriction import Restriction
    from meshwright.operating.council import Council
    from meshwright.operating.due_build import RunSettings, Show
    from meshwright.operating.events import RunEvent
    from meshwright.operating.maintaining import Maintaining
    from meshwright.operating.moving import Moving
    from meshwright.operating.runner import Runner
    from meshwright.operating.validation import Validation
    from meshwright.reading.reader import Reader
    from meshwright.reading.resolve import ResolvedPort
    from meshwright.sources.opening import OpenSource
    from meshwright.storage import Policies, Registry, Runs, Warehouse
    from meshwright.workspace.loading import Workspace

STATE = ".mesh"
# How long a runner that ends waits for receivers of its notices.
NOTICE_SECONDS = 20.0


class Node:
    """A mesh that can be planned, built and read. Everything heavy is opened when it is first needed."""

    def __init__(self, root: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.root = root
        self.now = now

    @cached_property
    def cache(self) -> Path:
        """Where what can be computed again is kept."""
        return self.root / STATE / "cache"

    @cached_property
    def workspace(self) -> Workspace:
        """The mesh's files, read once per node."""
        from meshwright.workspace.loading import load

        return load(self.root, cache=self.cache)

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
    def binder(self) -> Binder:
        """The binder that types SQL over empty tables; DuckDB is started when something is bound."""
        stand_in: Any = _Lazy(_new_binder)
        return cast("Binder", stand_in)

    @property
    def is_shared(self) -> bool:
        """Whether the registry is one that others use, too: any but a file beside the mesh."""
        return not self.settings.registry.startswith("sqlite:")

    def environment(self, named: str | None = None) -> str:
        """The environment that is *named*, else that of the git branch when there is one, else prod. Raises NotFound."""
        from meshwright.build.environments import find_environment, known_environments
        from meshwright.model.environment import PROD, environment_name
        from meshwright.workspace.git_branch import current_branch

        if named is not None:
            return find_environment(self.registry, named, self.settings.environments).name
        name = environment_name(current_branch(self.root))
        if not name or name == PROD:
            return PROD
        declared = self.settings.environments
        return name if any(one.name == name for one in known_environments(self.registry, declared)) else PROD

    def published(self, environment: str) -> Mapping[str, Publication]:
        """What is published now, by product id; {} when nothing ever was. Never creates a registry."""
        return self.registry.heads(environment)

    def effective(
        self, environment: str, *, with_published: bool = True, published: Mapping[str, Publication] | None = None
    ) -> EffectiveMesh:
        """The effective mesh; what is sniffed of inputs for the first time is pinned in their product's lock file.

        *published* is what the caller knows to be published; without it the registry is asked.
        """
        from meshwright.build.analysis_cache import AnalysisCache
        from meshwright.build.effective import effective
        from meshwright.workspace.locks import write_lock

        workspace = self.workspace
        published = self.published(environment) if published is None else published
        if not with_published:
            # A checkout is judged by its own files; the registry only knows the domains that are elsewhere.
            published = {
                name: head for name, head in published.items() if name.partition(".")[0] not in workspace.mesh.domains
            }
        sources = self._sources(environment, dict(workspace.locks))
        cache = AnalysisCache(self.cache / f"analysis-{environment if with_published else 'files'}.msgpack")
        mesh = effective(workspace, published=published, cache=cache, sources=sources, binder=self.binder)
        cache.save()
        for product, lock in mesh.pinned.items():
            write_lock(self.root, workspace.mesh.products[product].folder, lock)
        return mesh

    def validate(self) -> Validation:
        """Everything that is wrong with the files, policies included; nothing is run."""
        from meshwright.model.environment import PROD
        from meshwright.operating.validation import Validating

        return Validating(
            self.root,
            cache=self.cache,
            workspace=lambda: self.workspace,
            registry=lambda: self.registry,
            effective=lambda: self.effective(PROD, with_published=False),
            council=lambda: self.council,
        ).run()

    def plan(self, request: PlanRequest) -> Planned:
        """The plan for *request*. Raises InvalidMesh when files outside any product cannot be understood."""
        from meshwright.build.planning import make_plan
        from meshwright.build.source_state import source_state

        published = self.published(request.environment)
        mesh = self.effective(request.environment, published=published)
        general = [
            finding for finding in mesh.errors if not finding.path.startswith("domains/") or finding.code == "cycle"
        ]
        if general:
            raise InvalidMesh(mesh.errors)
        planned = make_plan(
            mesh,
            published,
            request=request,
            binder=self.binder,
            sources=source_state(self._sources(request.environment, {**self.workspace.locks, **mesh.pinned}), mesh),
        )
        mesh.analysis.save()
        return planned

    def review(self, request: PlanRequest) -> Review:
        """What merging does to the environment below that of *request*, and what building in it has shown."""
        from dataclasses import replace

        from meshwright.build.environments import differences, find_environment
        from meshwright.build.review import review_environment, review_plan

        declared = self.settings.environments
        environment = find_environment(self.registry, request.environment, declared)
        if not environment.base:
            return review_plan(self.plan(request))
        reader = self.reader(environment.name)
        return review_environment(
            self.plan(replace(request, environment=environment.base)),
            self.plan(request),
            differences=differences(self.registry, environment),
            domains=self.workspace.mesh.domains,
            attempts=self.registry.attempts(environment.name),
            compare=lambda port: reader.diff(port, before=environment.base, after=environment.name, samples=0),
        )

    def _sources(self, environment: str, locks: dict[str, dict[str, Any]]) -> SourceColumns:
        """What is known of inputs from outside, read through the connections as they are in *environment*."""
        from meshwright.build.source_columns import SourceColumns

        mesh = self.workspace.mesh
        return SourceColumns(
            self.root,
            locks,
            cache=self.cache,
            connection=lambda domain, name: mesh.connection(name, domain=domain, environment=environment),
            connection_names=mesh.connection_names,
        )

    def open_source(
        self, source: Source, *, domain: str = "", environment: str = "prod"
    ) -> AbstractContextManager[OpenSource]:
        """All of *source* looked at once, through the connections that *domain* may use; see `sources.opening`."""
        from meshwright.sources.opening import open_source

        connection = self.connection(source.connection, domain=domain, environment=environment)
        return open_source(source, root=self.root, cache=self.cache, connection=connection)

    def connection(self, name: str, *, domain: str, environment: str) -> Connection | None:
        """The connection that *domain* calls *name*, None for "". Raises NotFound."""
        if not name:
            return None
        found = self.workspace.mesh.connection(name, domain=domain, environment=environment)
        if found is None:
            known = ", ".join(self.workspace.mesh.connection_names(domain)) or "none"
            raise NotFound(f"there is no connection '{name}'; known here: {known}")
        return found

    def build(self, planned: Planned, emit: Callable[[Event], None]) -> list[ProductEnded]:
        """Apply a plan: what became of each product."""
        from meshwright.build.running import PlanRun

        workshop = self.workshop(planned.plan.environment, emit, planned.mesh)
        try:
            return PlanRun(workshop, planned).run()
        finally:
            workshop.close()
            self.warehouse.end(workshop.run)
            planned.mesh.analysis.save()

    def words(self) -> Words:
        """What can be named in this mesh, kept for completion."""
        from meshwright.build.environments import known_environments
        from meshwright.build.words import keep_words, words_of

        declared = self.settings.environments
        names = [one.name for one in known_environments(self.registry, declared)]
        words = words_of(self.workspace.mesh, self.published(self.environment()), names)
        keep_words(self.root, self.cache, words)
        return words

    def preview(self, environment: str, request: PreviewRequest, emit: Callable[[Event], None]) -> Previewed:
        """One port's or step's transformation run on what the checkout says. Nothing is published, nothing left behind."""
        import tempfile
        from pathlib import Path

        from meshwright.build.planning import PlanRequest
        from meshwright.build.previewing import Preview, product_of

        product = product_of(request, self.workspace.mesh)
        planned = self.plan(PlanRequest(environment=environment, select=[f"+{product}"]))
        with tempfile.TemporaryDirectory(prefix="meshwright-preview-") as folder:
            workshop = self._workshop(environment, emit, planned.mesh, uuid.uuid4().hex, Path(folder))
            try:
                return Preview(workshop, planned, request).run()
            finally:
                workshop.close()

    def moving(self) -> Moving:
        """What carries this mesh to another registry and warehouse, or fills it with another's."""
        from meshwright.operating.moving import Moving
        from meshwright.storage.iceberg import IcebergTables
        from meshwright.storage.sql_contents import SqlContents

        return Moving(
            mesh=self.settings.name,
            contents=SqlContents(self._registry_url, self.root),
            tables=IcebergTables(self.warehouse),
            warehouse=self.warehouse,
            now=self.now,
        )

    def maintaining(
        self, environment: str, *, selected: Sequence[str] = (), grace_seconds: int | None = None
    ) -> Maintaining:
        """What maintains this mesh: the past and files of all, retention and compaction in *environment*.

        With products *selected*, only these. Raises InvalidInput for a selection that means nothing.
        """
        from dataclasses import replace

        from meshwright.build.environments import known_environments
        from meshwright.operating.maintaining import Maintaining
        from meshwright.operating.rewrites import Rewrites
        from meshwright.operating.scope import Scope
        from meshwright.storage.iceberg import IcebergTables
        from meshwright.storage.sql_past import SqlPast

        scope = Scope.of(self.workspace.mesh, selected)
        settings, environments = self.settings.maintenance, self.settings.environments
        return Maintaining(
            registry=self.registry,
            past=SqlPast(self._registry_url, self.root),
            tables=IcebergTables(self.warehouse),
            warehouse=self.warehouse,
            settings=settings if grace_seconds is None else replace(settings, grace_seconds=grace_seconds),
            scope=scope,
            rewrites=Rewrites(
                registry=self.registry,
                environment=environment,
                workshop=lambda: self.workshop(environment, lambda _: None),
                scope=scope,
                now=self.now,
            ),
            state=self.root / STATE,
            environments=lambda: [one.name for one in known_environments(self.registry, environments)],
            now=self.now,
        )

    def workshop(self, environment: str, emit: Callable[[Event], None], mesh: EffectiveMesh | None = None) -> Workshop:
        """Engine, stores and identity for one build; *mesh* says what is pinned of its sources."""
        run = uuid.uuid4().hex
        return self._workshop(environment, emit, mesh, run, self.warehouse.staging(run))

    def _workshop(
        self, environment: str, emit: Callable[[Event], None], mesh: EffectiveMesh | None, run: str, staging: Path
    ) -> Workshop:
        import threading

        from meshwright.build.workshop import Workshop
        from meshwright.engines.duckdb_engine import DuckDBEngine
        from meshwright.storage.iceberg import IcebergTables

        settings = self.settings
        spill = self.root / STATE / "spill"
        engine = DuckDBEngine(memory_mb=settings.memory_mb, threads=settings.threads, temp=spill)
        engines = {
            name: DuckDBEngine(
                memory_mb=domain.memory_mb or settings.memory_mb,
                threads=domain.threads or settings.threads,
                temp=spill / name,
            )
            for name, domain in self.workspace.mesh.domains.items()
            if domain.memory_mb or domain.threads
        }
        return Workshop(
            root=self.root,
            settings=settings,
            environment=environment,
            run=run,
            staging=staging,
            trace_id=trace_id(),
            principal=self.principal,
            engine=engine,
            engines=engines,
            registry=self.registry,
            tables=IcebergTables(self.warehouse),
            warehouse=self.warehouse,
            sources=self._sources(environment, {**self.workspace.locks, **(mesh.pinned if mesh is not None else {})}),
            cache=self.cache,
            emit=emit,
            workers=settings.threads or _processors(),
            now=self.now,
            python_slots=threading.Semaphore(max(1, _memory_mb() // 2 // max(1, settings.python_memory_mb))),
        )

    def reader(self, environment: str, *, acting: str = "", purpose: str = "") -> Reader:
        """Reads what is published in *environment*, as the mesh's owner or as the one who is *acting*, for a *purpose*.

        Raises NotFound when nobody is called so.
        """
        from meshwright.reading.reader import Reader

        reader = Reader(registry=self.registry, warehouse=self.warehouse, environment=environment)
        if not acting:
            return reader
        from dataclasses import replace

        from meshwright.governance.authority import Authority
        from meshwright.reading.masks import Keys

        principal, authority = self.council.known(acting), Authority(self.policies, environment=environment)

        def restrict(resolved: ResolvedPort) -> Restriction:
            return authority.restriction(principal, self.council.facts(resolved, environment), purpose)

        return replace(reader, restrict=restrict, keys=Keys(pseudonym=self.pseudonym_key))

    @cached_property
    def policies(self) -> Policies:
        """The published policies, in the same registry."""
        from meshwright.storage.sql_policies import SqlPolicies

        return SqlPolicies(self.settings.registry, self.root)

    @cached_property
    def council(self) -> Council:
        """Works on the policies in this mesh's files."""
        from meshwright.operating.council import Council

        return Council(
            self.root,
            self.workspace.mesh,
            policies=self.policies,
            registry=self.registry,
            principal=self.principal,
        )

    @cached_property
    def pseudonym_key(self) -> bytes:
        """The mesh's own key for pseudonyms, made at the first use: whoever has it can tell who is meant."""
        from meshwright.governance.pseudonyms import pseudonym_key

        return pseudonym_key(self.root / STATE)

    @cached_property
    def principal(self) -> str:
        """Who acts: on a laptop, the local owner of the mesh."""
        try:
            return f"local:{getpass.getuser()}"
        except (KeyError, OSError):
            return "local:owner"


class _Lazy:
    """Stands for an object that is made when it is first used: a plan with nothing new never starts DuckDB."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands for any object
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)


def _new_binder() -> Binder:
    # No method of the node: the two would hold each other, and DuckDB complains at exit of what is not freed.
    from meshwright.analysis.binding import Binder

    return Binder()


def _processors() -> int:
    # What this process may use where the system says so, as Linux does; else all there are.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def trace_id() -> str:
    """The caller's W3C trace id when it gives one as TRACEPARENT, else a new one: 32 hexadecimal digits."""
    parts = os.environ.get("TRACEPARENT", "").split("-")
    if len(parts) == 4 and len(parts[1]) == 32:  # noqa: PLR2004 - version, trace id, parent id, flags
        return parts[1]
    return secrets.token_hex(16)


def open_node(folder: Path) -> Node:
    """The node of the mesh that *folder* is in. Raises NotFound when it is in none."""
    from meshwright.workspace.root import find_root

    return Node(find_root(folder))


@contextmanager
def open_runner(
    folder: Path, settings: RunSettings, name: str, *, tell: Callable[[RunEvent], None], show: Show
) -> Iterator[Runner]:
    """A runner, called *name*, of the mesh that *folder* is in. Raises NotFound when it is in none.

    *tell* and *show* take what the runner and its builds say. Leaving waits a little for webhooks that are being told.
    """
    from meshwright.operating.clock import Clock
    from meshwright.operating.notifying import Notifying
    from meshwright.operating.runner import Runner
    from meshwright.workspace.root import find_root

    root, clock = find_root(folder), Clock()
    notifying = Notifying(root, tell=tell, clock=clock)
    try:
        yield Runner(lambda: Node(root), settings, name, tell=tell, show=show, after=notifying.after, clock=clock)
    except BaseException:
        # Whoever stops it does not want to wait.
        notifying.close(NOTICE_SECONDS / 10)
        raise
    notifying.close(NOTICE_SECONDS)
