"""A consumer's view of a mesh: read ports, query them, see what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from meshwright.sdk.arguments import count, moment, names, text

if TYPE_CHECKING:
    from collections.abc import Sequence


class Transport(Protocol):
    """How a client reaches a mesh: in this process, or over HTTP."""

    def read(
        self,
        address: str,
        *,
        columns: Sequence[str] = (),
        where: str = "",
        as_of: str = "",
        limit: int | None = None,
        since: str = "",
        until: str = "",
    ) -> Any:  # noqa: ANN401 - an Arrow stream
        """A port's rows, as anything with `__arrow_c_stream__`."""
        ...

    def query(self, sql: str, *, as_of: str = "", since: str = "", until: str = "") -> Any:  # noqa: ANN401 - an Arrow stream
        """A query's rows, as anything with `__arrow_c_stream__`."""
        ...

    def changes(self, address: str, *, since: str, until: str = "") -> Any:  # noqa: ANN401 - an Arrow stream
        """What changed in a port, as anything with `__arrow_c_stream__`."""
        ...

    def ports(self) -> list[dict[str, Any]]:
        """Every published port, as described by the registry."""
        ...


class Rows:
    """Rows of a read, not yet fetched. Pass it to anything that takes an Arrow stream, or turn it into a frame; once."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - anything with `__arrow_c_stream__`
        self._stream = stream

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows as an Arrow C stream (the PyCapsule interface), a batch at a time."""
        return self._stream.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> Any:  # noqa: ANN401 - pyarrow is imported lazily
        """The rows as a pyarrow Table."""
        import pyarrow as pa

        # In this process the engine makes the table on all its threads; what comes over a wire is a stream.
        if hasattr(self._stream, "to_arrow"):
            return self._stream.to_arrow()
        return pa.RecordBatchReader.from_stream(self).read_all()

    def batches(self) -> Any:  # noqa: ANN401 - pyarrow is imported lazily
        """The rows as a pyarrow RecordBatchReader: iterate it, a batch at a time."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_stream(self)

    def to_pandas(self) -> Any:  # noqa: ANN401 - pandas is the caller's
        """The rows as a pandas DataFrame. Needs the extra `pandas`."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:  # noqa: ANN401 - polars is the caller's
        """The rows as a polars DataFrame. Needs the extra `polars`."""
        import polars as pl

        return pl.DataFrame(self)


class Mesh:
    """A connection to a mesh, as `meshwright.connect` returns it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def read(
        self,
        port: str,
        *,
        columns: Sequence[str] = (),
        where: str = "",
        as_of: int | str = "",
        limit: int | None = None,
        since: str = "",
        until: str = "",
    ) -> Rows:
        """Rows of the port at `domain.product[.port][@major]`.

        `as_of` is a time or a publication's number; `since` and `until` bound event time. Raises InvalidInput, NotFound.
        """
        return Rows(
            self._transport.read(
                text("port", port),
                columns=names("columns", columns),
                where=text("where", where),
                as_of=moment("as_of", as_of),
                limit=count("limit", limit),
                since=text("since", since),
                until=text("until", until),
            )
        )

    def sql(self, query: str, *, as_of: int | str = "", since: str = "", until: str = "") -> Rows:
        """The result of one SQL query in DuckDB's dialect over ports named `domain.product[.port]`.

        `as_of`, `since` and `until` as in `read`, for every port that it names.
        """
        return Rows(
            self._transport.query(
                text("query", query),
                as_of=moment("as_of", as_of),
                since=text("since", since),
                until=text("until", until),
            )
        )

    def changes(self, port: str, *, since: int | str, until: int | str = "") -> Rows:
        """Rows inserted, updated (before and after) and deleted since a publication, with a column `_change_type`."""
        return Rows(
            self._transport.changes(text("port", port), since=moment("since", since), until=moment("until", until))
        )

    def ports(self) -> list[dict[str, Any]]:
        """Every published port: address, version, status, description, rows, columns.

        Who is not the mesh's owner is told of the ports that may be discovered, and not of their rows and columns.
        """
        return self._transport.ports()
