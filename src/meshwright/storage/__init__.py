"""Storage: the registry (what is published), tables (Iceberg) and the warehouse's files, each behind a Protocol.

`sql_registry` keeps the registry in a SQL database, `sql_runs` its runs and leases, `sql_past` forgets what nobody needs;
`iceberg` writes tables; `local_files` is a warehouse folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from meshwright.model.access_record import AccessRecord
    from meshwright.model.access_token import AccessToken
    from meshwright.model.environment import Environment, Promotion
    from meshwright.model.maintenance import Census, Key, Remains, StoredFile
    from meshwright.model.policy_version import PolicyVersion
    from meshwright.model.publication import Attempt, DataFile, Field, Publication, Snapshot
    from meshwright.model.schedule import Run
    from meshwright.model.usage_record import UsageRecord


class Registry(Protocol):
    """What is published, in every environment; safe to use from several threads and processes."""

    def heads(self, environment: str) -> Mapping[str, Publication]:
        """The publication that each product serves now, by product id."""
        ...

    def head(self, environment: str, product: str) -> Publication | None:
        """The publication that *product* serves now; None when it serves nothing."""
        ...

    def head_sequences(self, environment: str) -> Mapping[str, int]:
        """The sequence number of every head, by product id: cheap, no publication is decoded."""
        ...

    def publication(self, environment: str, product: str, sequence: int) -> Publication:
        """One publication, served now or not, of *environment* or else of those it stands on. Raises NotFound."""
        ...

    def publications(self, environment: str, product: str) -> Sequence[Publication]:
        """Every publication of *product* that *environment* can serve, newest first."""
        ...

    def next_sequence(self, environment: str, product: str) -> int:
        """One more than the highest sequence number ever used by *product*."""
        ...

    def publish(
        self, publication: Publication, *, snapshots: Sequence[Snapshot], head: int | None, below: str | None = None
    ) -> None:
        """Record *publication* with its tables' *snapshots* and move the head to it, all or nothing.

        *head* is the sequence the caller built upon (None: there was none), *below* the environment that its environment
        stood on ("" none, None: not asked). Raises Conflict when the head has moved, or the sequence is taken; NotFound
        when the environment was dropped meanwhile; Unavailable when the registry cannot be written.
        """
        ...

    def move_head(self, environment: str, product: str, *, to: int | None, head: int | None) -> None:
        """Serve publication *to* (None: nothing any more) instead of *head*. Raises Conflict, NotFound."""
        ...

    def head_as_of(self, environment: str, product: str, at: str) -> int | None:
        """The sequence that *product* served at the ISO 8601 time *at*; None when it served nothing then.

        Raises InvalidInput when *at* is no time.
        """
        ...

    def environments(self) -> Sequence[Environment]:
        """Every environment that was created, oldest first; `prod` is there without."""
        ...

    def create_environment(self, environment: Environment) -> None:
        """Make *environment*, which serves what its base does. Raises Conflict when there is one of its name."""
        ...

    def drop_environment(self, name: str) -> None:
        """Forget the environment *name* and its own publications. Raises NotFound; Conflict when another stands on it."""
        ...

    def own_heads(self, environment: str) -> Mapping[str, int | None]:
        """The heads that *environment* has not from the one it stands on, by product id; None: removed in it."""
        ...

    def inherit(self, environment: str, product: str, *, head: int | None) -> None:
        """Let *environment* serve *product* as the one it stands on does, instead of *head*. Raises Conflict."""
        ...

    def promote(self, environment: str, base: str, promotions: Sequence[Promotion]) -> None:
        """Serve in *base* what *environment* serves, which then inherits it: all *promotions* or none. Raises Conflict."""
        ...

    def is_empty(self) -> bool:
        """Whether nothing was ever published, in any environment."""
        ...

    def files(self, table: str, snapshot: int) -> Sequence[DataFile]:
        """The data files of one snapshot, oldest first."""
        ...

    def snapshot(self, table: str, snapshot: int) -> Snapshot:
        """One snapshot of a table, without walking its history. Raises NotFound."""
        ...

    def record_attempt(self, attempt: Attempt) -> None:
        """Keep what became of a build that published nothing."""
        ...

    def attempts(self, environment: str, product: str | None = None) -> Sequence[Attempt]:
        """Builds that published nothing, newest first."""
        ...

    def move_history(self, environment: str, product: str) -> Sequence[tuple[str, int | None]]:
        """When the head moved and to which sequence, oldest first; times are ISO 8601 in UTC and never decrease."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


class Runs(Protocol):
    """What became of products that were due, and who is building one now; as safe to share as the registry."""

    def last(self, environment: str) -> Mapping[str, Run]:
        """The newest run of each product that ever had one."""
        ...

    def history(self, environment: str, product: str) -> Sequence[Run]:
        """The runs of *product* that are kept, newest first."""
        ...

    def record(self, run: Run) -> None:
        """Keep *run*, and give back the lease that its runner has on the product."""
        ...

    def lease(
        self, environment: str, products: Iterable[str], runner: str, *, now: datetime, until: datetime
    ) -> Sequence[str]:
        """Those of *products* that *runner* alone may build from *now* until *until*: no other's lease on them is alive."""
        ...

    def renew(self, runner: str, *, now: datetime, until: datetime) -> Sequence[tuple[str, str]]:
        """Let every lease of *runner* that has not expired last until *until*: their (environment, product)."""
        ...

    def release(self, environment: str, products: Iterable[str], runner: str) -> None:
        """Give back the leases that *runner* has on *products*, if it has any."""
        ...

    def leased(self, environment: str, *, now: datetime) -> Mapping[str, str]:
        """The runner of each product whose lease has not expired."""
        ...

    def conditions(self, environment: str) -> Mapping[str, tuple[str, str]]:
        """The condition that each product was last told of in, and since when."""
        ...

    def change_condition(
        self, environment: str, product: str, *, before: tuple[str, str] | None, after: tuple[str, str]
    ) -> bool:
        """Whether this call changed the (condition, since) of *product*; False when it was no longer *before*."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


class Past(Protocol):
    """What the registry can forget; as safe to share as the registry."""

    def forget(
        self, decide: Callable[[Census], Collection[Key]], *, attempts_until: str, dry_run: bool = False
    ) -> Remains:
        """Forget the publications that *decide* names, with whatever only they needed, while nobody else writes.

        Failed builds that ended before *attempts_until* (ISO 8601, UTC) are forgotten, too. A *dry_run* undoes it all.
        """
        ...

    def unneeded(self, paths: Collection[str], *, now: datetime, dry_run: bool = False) -> Mapping[str, datetime]:
        """Since when each of *paths*, the files that nobody needs, was found so; others are no longer noted as such."""
        ...

    def shortened(self) -> Sequence[Snapshot]:
        """Snapshots whose metadata may still name snapshots that were forgotten; without the files they added."""
        ...

    def settle(self, snapshots: Sequence[Snapshot]) -> None:
        """Say that the metadata of *snapshots* names nothing forgotten: `shortened` leaves them out, unless there are others."""
        ...

    def snapshots(self, table: str) -> Collection[int]:
        """The ids of the snapshots of *table* that are kept."""
        ...

    def holds(self, snapshot: Snapshot) -> bool:
        """Whether *snapshot* is kept, with its metadata where it says."""
        ...

    def move_metadata(self, snapshot: Snapshot, metadata: str) -> bool:
        """Whether *snapshot*, if it is still as given, has its metadata in the file *metadata* from now on."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


class Contents(Protocol):
    """Everything that a registry holds, whatever it is for; `revision` says which tables there are."""

    revision: str

    def is_empty(self) -> bool:
        """Whether there is no row in any table, or no registry yet."""
        ...

    def read(self) -> Iterator[tuple[str, Sequence[Any]]]:
        """Every row with its table's name, table by table, all as they are at one moment."""
        ...

    @property
    def remains(self) -> Remains:
        """What the rows that `read` gave name in the warehouse."""
        ...

    @property
    def sizes(self) -> Mapping[str, int]:
        """How large the data files and artifacts are that the rows name, by path."""
        ...

    def fill(self, rows: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Put *rows*, as `read` gave them, into a registry that is empty: all or none. Raises Conflict, Unavailable."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


class Policies(Protocol):
    """Published policies, which are what binds; safe to use from several threads and processes."""

    def newest(self) -> Mapping[str, int]:
        """The number of the version that binds, by scope: cheap, to be asked before each decision."""
        ...

    def binding(self) -> Sequence[PolicyVersion]:
        """The version of each scope that binds now."""
        ...

    def history(self, scope: str) -> Sequence[PolicyVersion]:
        """Every version of *scope*, newest first."""
        ...

    def publish(self, version: PolicyVersion) -> None:
        """Let *version* bind from now on. Raises Conflict when its scope has that number, or a higher one, already."""
        ...


class Access(Protocol):
    """What was decided about governed reads; safe to use from several threads and processes."""

    def record(self, record: AccessRecord) -> None:
        """Keep *record*: durable when this returns. Raises Unavailable."""
        ...

    def records(self, *, limit: int, after: int = 0) -> Sequence[AccessRecord]:
        """At most *limit* records with a number above *after*, newest first."""
        ...

    def use(self, records: Iterable[UsageRecord]) -> None:
        """Keep the *records* of one read: durable when this returns. Raises Unavailable."""
        ...

    def usage(self, *, limit: int) -> Sequence[UsageRecord]:
        """At most *limit* usage records, newest first."""
        ...


class Tokens(Protocol):
    """The access tokens of a mesh; safe to use from several threads and processes."""

    def add(self, token: AccessToken) -> None:
        """Keep *token*, which is new."""
        ...

    def find(self, digest: str) -> AccessToken | None:
        """The token with this *digest*, whether it is still good or not."""
        ...

    def tokens(self) -> Sequence[AccessToken]:
        """Every token that was ever handed out, by creation."""
        ...

    def revoke(self, token_id: str, at: str) -> AccessToken:
        """The token called *token_id*, good for nothing from *at* on. Raises NotFound."""
        ...


class MeshKeys(Protocol):
    """The mesh's own secret keys; safe to use from several threads and processes."""

    def find(self, name: str) -> bytes | None:
        """The key called *name*; None when there is none yet. Raises Unavailable."""
        ...

    def keep(self, name: str, key: bytes) -> bytes:
        """The key called *name* from now on: *key*, unless there is one already. Raises Unavailable."""
        ...


class Tables(Protocol):
    """Writes table snapshots. A snapshot is durable but invisible until the registry publishes it."""

    def create(self, *, product: str, port: str, columns: Sequence[Field]) -> str:
        """A new, empty table's id: its folder, relative to the warehouse. Writes nothing that readers see."""
        ...

    def commit(
        self,
        *,
        table: str,
        parent: Snapshot | None,
        schema: tuple[Field, ...],
        added: Sequence[DataFile],
        removed: Sequence[str] = (),
        kept: Sequence[DataFile] = (),
        same_rows: bool = False,
    ) -> Snapshot:
        """A new snapshot on top of *parent*: *kept* is the whole list that stays, *added* comes new, synced to disk.

        *kept* may be left out when nothing is removed; *same_rows* says that *added* holds the rows of *removed*. Raises InvalidInput when the schema gives a field id a type that
        files written before cannot be read in, Unavailable when the warehouse cannot be written.
        """
        ...

    def without_past(self, snapshot: Snapshot, known: Collection[int]) -> str | None:
        """A new metadata file of *snapshot* that names of its past only the *known* snapshots; None when it does already."""
        ...

    def unneeded(self, stored: Iterable[StoredFile], remains: Remains) -> Sequence[StoredFile]:
        """Those of the *stored* files that tables and artifacts are made of and that nothing in *remains* needs."""
        ...

    def relocated(self, table: str, files: Mapping[str, bytes], known: Collection[str]) -> Mapping[str, bytes]:
        """The metadata *files* of a *table* that was in another warehouse, by name, as they must be in this one.

        *known* are the paths of all files that come with it. Equal files give equal bytes. Raises Unavailable.
        """
        ...


class Warehouse(Protocol):
    """A place for files that never change. Paths are relative to it, with `/` between parts.

    Its files need not lie on this machine; those that the engine reads are brought near.
    """

    def locate(self, path: str) -> Path:
        """Where the engine finds *path* on this machine. Raises InvalidInput when it would leave the warehouse."""
        ...

    def locate_all(self, paths: Iterable[str]) -> list[str]:
        """Where the engine finds a table's *paths*, which were published: several are brought near at a time."""
        ...

    def fetch(self, paths: Iterable[str]) -> None:
        """Bring *paths* near, several at a time, so that `locate` need not wait for each."""
        ...

    def name(self, path: str) -> str:
        """*path* as messages call it: where people find it."""
        ...

    def uri(self, path: str) -> str:
        """*path* as other programs find it: what Iceberg's metadata says. Nothing in it is percent-encoded."""
        ...

    def holds(self, folder: str) -> bool:
        """Whether any file lies below *folder*, such as a table's."""
        ...

    def lost(self, files: Iterable[tuple[str, int]]) -> Mapping[str, str]:
        """Those of *files*, each a path and its size, that are not there like that: "missing" or "damaged", by path.

        Contents are not read.
        """
        ...

    def read(self, path: str, *, doing: str) -> bytes:
        """The bytes of one file. Raises Unavailable, saying that *doing* (such as "read the metadata") failed."""
        ...

    def write_all(self, files: Mapping[str, bytes], *, doing: str) -> None:
        """Write new files, by path: durable when this returns. Raises Conflict, and Unavailable as `read` does."""
        ...

    def staging(self, run: str) -> Path:
        """A private, empty folder on this machine for one run, from which files are adopted; from now on it is running."""
        ...

    def discard_staging(self, run: str) -> None:
        """Remove what *run* staged, if anything."""
        ...

    def end(self, run: str) -> None:
        """Say that *run* of this process is over: what it staged and did not publish may be removed."""
        ...

    def running(self) -> Mapping[str, float]:
        """When each run that is not over began, in seconds since 1970; one whose process died is over."""
        ...

    def staged(self) -> Mapping[str, float]:
        """The runs that have a staging folder, and when it last changed, in seconds since 1970."""
        ...

    def files(self) -> Iterable[StoredFile]:
        """Every file but what is staged."""
        ...

    def remove(self, paths: Iterable[str], *, folders: Iterable[str] = ()) -> None:
        """Remove the files at *paths*, those that are there, then the tables' *folders* that nothing is left in."""
        ...

    def adopt(self, staged: Path, path: str) -> None:
        """Make a staged file the warehouse's own, at *path*, durable when this returns. Raises Conflict when it is taken."""
        ...

    def adopt_all(self, files: Iterable[tuple[Path, str]]) -> None:
        """Adopt several (staged, path) files at once."""
        ...
