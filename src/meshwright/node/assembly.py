"""A node: a mesh's files and stores assembled into something that plans, builds, reads and maintains."""

from __future__ import annotations

import time
import uuid
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

from meshwright.model.errors import InvalidMesh, NotFound
from meshwright.node.entrance import Entrance
from meshwright.node.stores import STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from meshwright.analysis.binding import Binder
    from meshwright.build.admission import Admission
    from meshwright.build.effective import EffectiveMesh
    from meshwright.build.events import Event, ProductEnded
    from meshwright.build.planning import Planned, PlanRequest
    from meshwright.build.previewing import Previewed, PreviewRequest
    from meshwright.build.review import Review
    from meshwright.build.source_columns import SourceColumns
    from meshwright.build.words import Words
    from meshwright.build.workshop import Workshop
    from meshwright.model.connection import Connection
    from meshwright.model.product import Source
    from meshwright.model.publication import Publication
    from meshwright.operating.held_back import HeldBack
    from meshwright.operating.maintaining import Maintaining
    from meshwright.operating.moving import Moving
    from meshwright.operating.validation import Validation
    from meshwright.sources.opening import OpenSource


class Node(Entrance):
    """A mesh that can be planned, built and read. Everything heavy is opened when it is first needed."""

    @cached_property
    def binder(self) -> Binder:
        """The binder that types SQL over empty tables; DuckDB is started when something is bound."""
        stand_in: Any = _Lazy(_new_binder)
        return cast("Binder", stand_in)

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
        return mesh if self.caller.principal.is_owner else self._without_suggestions(mesh)

    @staticmethod
    def _without_suggestions(mesh: EffectiveMesh) -> EffectiveMesh:
        from dataclasses import replace

        from meshwright.operating.known_names import without_suggestion

        return replace(mesh, findings=tuple(map(without_suggestion, mesh.findings)))

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
        from dataclasses import replace

        from meshwright.build.planning import make_plan
        from meshwright.build.source_state import source_state

        request = replace(request, told=self.told_products(request.environment))
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
            admission=self.admission(request.environment),
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
        from concurrent.futures import ThreadPoolExecutor

        from meshwright.build.running import PlanRun
        from meshwright.governance.actions import PUBLISH
        from meshwright.model.plan import Action

        changed = [one.id for one in planned.plan.products if one.action in {Action.BUILD, Action.REMOVE}]
        self.require(PUBLISH, changed, planned.plan.environment)
        run = uuid.uuid4().hex
        try:
            staging = self.warehouse.staging(run)
            workshop = self._workshop(planned.plan.environment, emit, planned.mesh, run, staging)
            if (held := self._held_back(planned.plan.environment, workshop.admission)) is not None:
                workshop.emit = partial(held.emit, emit=emit)
        except BaseException:
            # Also when somebody stops it in the very beginning.
            self.warehouse.discard_staging(run)
            self.warehouse.end(run)
            raise
        try:
            ended = PlanRun(workshop, planned).run()
            if held is not None:
                ended = [held.ended(one) for one in ended]
        finally:
            # Engines give their memory back beside what is left to do.
            with ThreadPoolExecutor(max_workers=1, thread_name_prefix="close") as pool:
                closing = pool.submit(workshop.close)
                self.warehouse.end(run)
                planned.mesh.analysis.save()
                # Thread.join, interrupted, would take the thread for ended, and the process would end under it.
                closing.result()
        self.warm(planned.plan.environment, [one.product for one in ended if one.outcome == "published"])
        return ended

    def _held_back(self, environment: str, admission: Admission | None) -> HeldBack | None:
        """What takes values out of events, where the caller may not see them: who may publish need not; None for the owner."""
        from meshwright.operating.held_back import HeldBack

        names = self.names(environment)
        if names is None:
            return None
        read = admission.read_by if admission is not None else lambda _: ()
        return HeldBack(names=names, registry=self.registry, environment=environment, read=read)

    def words(self) -> Words:
        """What the caller can name in this mesh, kept for completion."""
        from meshwright.build.environments import known_environments
        from meshwright.build.words import keep_words, words_of

        declared = self.settings.environments
        names = [one.name for one in known_environments(self.registry, declared)]
        if (told := self.names(self.environment())) is not None:
            # Kept are the owner's words only.
            return told.words(self.environment(), names)
        words = words_of(self.workspace.mesh, self.published(self.environment()), names)
        keep_words(self.root, self.cache, words)
        return words

    def preview(
        self,
        environment: str,
        request: PreviewRequest,
        emit: Callable[[Event], None],
        *,
        acting: str | None = None,
        purpose: str = "",
    ) -> Previewed:
        """One port's or step's transformation run on what the checkout says. Nothing is published, nothing left behind.

        Who is *acting*, and the bearer of a token, sees what becomes of what that one may read for the *purpose*. Raises
        Denied.
        """
        import tempfile
        from pathlib import Path

        from meshwright.build.planning import PlanRequest
        from meshwright.build.previewing import Preview, product_of

        reader = self.reader(environment, acting=acting, purpose=purpose)
        product = product_of(request, self.workspace.mesh, told=self.told_products(environment))
        planned = self.plan(PlanRequest(environment=environment, select=[f"+{product}"]))
        with tempfile.TemporaryDirectory(prefix="meshwright-preview-") as folder:
            workshop = self._workshop(environment, emit, planned.mesh, uuid.uuid4().hex, Path(folder))
            try:
                if reader.guard is None:
                    return Preview(workshop, planned, request).run()
                from meshwright.operating.admission import ReaderAdmission
                from meshwright.reading.export import size_of

                workshop.admission = admission = ReaderAdmission(reader=reader)
                started, rows, size = time.monotonic(), 0, 0
                try:
                    found = Preview(workshop, planned, request).run()
                    admission.confirm()
                    rows, size = found.computed, size_of(found.rows)
                    return found
                finally:
                    admission.ended(rows=rows, size=size, seconds=time.monotonic() - started)
            finally:
                workshop.close()

    def moving(self) -> Moving:
        """What carries this mesh to another registry and warehouse, or fills it with another's."""
        from meshwright.operating.moving import Moving
        from meshwright.storage.iceberg import IcebergTables

        return Moving(
            mesh=self.settings.name,
            contents=self.contents(),
            tables=IcebergTables(self.warehouse),
            warehouse=self.warehouse,
            prepare=self.take_former_key,
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

        scope = Scope.of(self.workspace.mesh, selected, told=self.told_products(environment))
        settings, environments = self.settings.maintenance, self.settings.environments
        return Maintaining(
            registry=self.registry,
            past=self.past(),
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
            copies=self.copies,
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
        from meshwright.node.workshops import equipped

        workshop = equipped(
            self,
            domains=self.workspace.mesh.domains,
            environment=environment,
            run=run,
            staging=staging,
            sources=self._sources(environment, {**self.workspace.locks, **(mesh.pinned if mesh is not None else {})}),
            emit=emit,
        )
        workshop.admission = self.admission(environment)
        return workshop


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


def open_node(folder: Path) -> Node:
    """The node of the mesh that *folder* is in. Raises NotFound when it is in none."""
    from meshwright.workspace.root import find_root

    return Node(find_root(folder))
