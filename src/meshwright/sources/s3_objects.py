"""Objects of an S3-compatible store: one, or all that match a pattern; each is fetched when its size or time is new."""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.connection import without_secrets
from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.sources.kept_copies import Copy, KeptCopies
from meshwright.sources.paths import is_glob, pattern_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meshwright.engines import Columns
    from meshwright.sources.secrets import Opened

SECONDS_DEFAULT: Final = 30
GLANCE_SECONDS_MAX: Final = 3
CHUNK_BYTES: Final = 4 << 20
SETTLED_NS: Final = 3_000_000_000
MEANINGS: Final = {
    "ACCESS_DENIED": "the store does not let you read this: check the connection's key",
    "INVALID_ACCESS_KEY_ID": "the store does not know this access key",
    "SIGNATURE_DOES_NOT_MATCH": "the secret key is wrong",
    "NO_SUCH_BUCKET": "there is no such bucket",
    "NETWORK_CONNECTION": "the store cannot be reached, or did not answer in time; run again",
}


class S3Objects:
    """The objects at `bucket/key`, where the key may be a pattern. `name` is what people call the address."""

    format = ""

    def __init__(self, place: str, name: str, opened: Opened | None, copies: KeptCopies) -> None:
        self.name = name
        self.opened = opened
        self.copies = copies
        settings = opened.settings if opened is not None else {}
        bucket = str(settings.get("bucket", ""))
        self.place = f"{bucket}/{place.lstrip('/')}" if bucket else place.lstrip("/")
        if "/" not in self.place.rstrip("/"):
            raise InvalidInput(f"{name}: write a bucket and a key, such as s3://bucket/folder/*.parquet")
        # What a name begins with, before bucket and key: as people wrote the address.
        self.prefix = name[: len(name) - len(place.lstrip("/"))]
        self.cut = len(bucket) + 1 if bucket else 0
        self.seconds = int(settings.get("timeout", SECONDS_DEFAULT))
        self._local: dict[str, Path] = {}

    def glance(self) -> Mapping[str, str] | None:
        """The SHA-256 of each object whose size and time are those of its known copy; others are told to be new."""
        found = {}
        for name, info in self._listed(self._store(min(self.seconds, GLANCE_SECONDS_MAX))).items():
            copy = self.copies.find(self._key(name))
            found[name] = (
                copy.sha256 if copy is not None and copy.etag == _version(info) else f"version {_version(info)}"
            )
        return found

    def columns(self) -> Columns:
        """Only the content tells."""
        return ()

    def bring(self, folder: Path, *, columns: Columns = (), beyond: str = "") -> Mapping[str, str]:  # noqa: ARG002 - the Protocol's
        """Fetch every object whose copy is not the one that the store has."""
        store = self._store(self.seconds)
        prints = {}
        for name, info in self._listed(store).items():
            copy = self.copies.find(self._key(name))
            if copy is None or copy.etag != _version(info):
                copy = self._fetch(store, name, info)
            self._local[name] = self.copies.take(self._key(name), copy, folder)
            prints[name] = copy.sha256
        return prints

    def local(self, name: str) -> Path:
        """The copy of one object."""
        return self._local[name]

    def _key(self, name: str) -> str:
        endpoint = self.opened.settings.get("endpoint", "") if self.opened is not None else ""
        return f"{name}|{endpoint}"

    def _listed(self, store: Any) -> dict[str, Any]:  # noqa: ANN401 - a file system of pyarrow
        from pyarrow import fs

        try:
            if not is_glob(self.place):
                infos = [store.get_file_info(self.place)]
            else:
                literal = re.split(r"[*?\[]", self.place, maxsplit=1)[0].rpartition("/")[0]
                if "/" not in self.place.partition(literal)[2] and not literal:
                    raise InvalidInput(f"{self.name}: the bucket cannot be a pattern")
                every = store.get_file_info(fs.FileSelector(literal, recursive=True, allow_not_found=True))
                matches = pattern_of(self.place)
                infos = [info for info in every if matches.fullmatch(info.path)]
        except OSError as error:
            raise self._unavailable(error, self.name) from None
        files = [info for info in infos if info.type == fs.FileType.File]
        if not files:
            what = "no object matches" if is_glob(self.place) else "there is no such object"
            raise Unavailable(f"{self.name}: {what} in the store")
        return {f"{self.prefix}{info.path[self.cut :]}": info for info in sorted(files, key=lambda info: info.path)}

    def _fetch(self, store: Any, name: str, info: Any) -> Copy:  # noqa: ANN401 - likewise
        with self.copies.draft() as draft:
            digest, size = hashlib.sha256(), 0
            try:
                with store.open_input_stream(info.path) as stream, draft.open("wb") as file:
                    while chunk := stream.read(CHUNK_BYTES):
                        file.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
                again = store.get_file_info(info.path)
            except OSError as error:
                raise self._unavailable(error, name) from None
            if size != info.size or _version(again) != _version(info):
                raise Unavailable(
                    f"{name} changed while being read ({size:,} of {info.size:,} bytes); run again when nobody writes there"
                )
            last = info.path.rpartition("/")[2]
            # The store's times are whole seconds: what is this new may be written again within the same one.
            is_settled = time.time_ns() - info.mtime_ns > SETTLED_NS
            copy = Copy(name=last, sha256=digest.hexdigest(), bytes=size, etag=_version(info) if is_settled else "")
            self.copies.keep(self._key(name), copy, draft)
        return copy

    def _store(self, seconds: int) -> Any:  # noqa: ANN401 - likewise
        from pyarrow import fs

        settings = self.opened.settings if self.opened is not None else {}
        options: dict[str, Any] = {
            "connect_timeout": seconds,
            "request_timeout": seconds,
            "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=2),
        }
        if endpoint := str(settings.get("endpoint", "")):
            scheme, _, host = endpoint.rpartition("://")
            options |= {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"}
        options |= {"region": str(settings["region"])} if settings.get("region") else {}
        options |= {"anonymous": True} if settings.get("anonymous") else {}
        if settings.get("access_key_id"):
            options |= {
                "access_key": str(settings["access_key_id"]),
                "secret_key": str(settings.get("secret_access_key", "")),
            }
            options |= {"session_token": str(settings["session_token"])} if settings.get("session_token") else {}
        try:
            return fs.S3FileSystem(**options)
        except (OSError, ValueError) as error:
            raise self._unavailable(error, self.name) from None

    def _unavailable(self, error: Exception, name: str) -> Unavailable:
        text = self.opened.scrub(str(error)) if self.opened is not None else without_secrets(str(error))
        meaning = next((meaning for word, meaning in MEANINGS.items() if word in text), "")
        return Unavailable(f"{name}: {meaning or text}")


def _version(info: Any) -> str:  # noqa: ANN401 - a FileInfo of pyarrow
    """What tells one version of an object from the next; S3 gives its ETag to nobody who goes through pyarrow."""
    return f"{info.size}:{info.mtime_ns}"
