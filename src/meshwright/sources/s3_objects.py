"""Objects of an S3-compatible store: one, or all that match a pattern; each is fetched when its ETag is new."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.connection import without_secrets
from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.sources.extras import required
from meshwright.sources.kept_copies import CHUNK_BYTES, Copy, KeptCopies, receive
from meshwright.sources.paths import is_glob, pattern_of
from meshwright.sources.watching import never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from meshwright.engines import Columns
    from meshwright.sources.secrets import Opened

SECONDS_DEFAULT: Final = 30
GLANCE_SECONDS_MAX: Final = 3
TRIES: Final = 2
MEANINGS: Final = {
    "AccessDenied": "the store does not let you read this: check the connection's key",
    "403": "the store does not let you read this: check the connection's key",
    "InvalidAccessKeyId": "the store does not know this access key",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such object",
    "404": "there is no such object",
    "PreconditionFailed": "the object changed while being read; run again when nobody writes there",
    "412": "the object changed while being read; run again when nobody writes there",
}


class S3Objects:
    """The objects at `bucket/key`, where the key may be a pattern. `name` is what people call the address."""

    format = ""

    def __init__(self, place: str, name: str, opened: Opened | None, copies: KeptCopies) -> None:
        self.name = name
        self.opened = opened
        self.copies = copies
        self.settings = opened.settings if opened is not None else {}
        whole = place.lower().startswith("s3://")
        place = place[len("s3://") :] if whole else place.lstrip("/")
        # An address that is whole names the bucket itself.
        self.bucket = "" if whole else str(self.settings.get("bucket", ""))
        self.pattern = place
        if not self.bucket:
            self.bucket, _, self.pattern = place.partition("/")
        # What a name begins with, before the key: as people wrote the address.
        self.prefix = name.removesuffix(self.pattern)
        if not self.pattern or is_glob(self.bucket):
            raise InvalidInput(f"{name}: write a bucket and a key, such as s3://bucket/folder/*.parquet")
        self.seconds = int(self.settings.get("timeout", SECONDS_DEFAULT))
        self._local: dict[str, Path] = {}

    def glance(self) -> Mapping[str, str] | None:
        """The SHA-256 of each object whose ETag is that of its known copy; others are told to be new."""
        found = {}
        with self._store(min(self.seconds, GLANCE_SECONDS_MAX), tries=1) as store:
            for key, etag in self._listed(store).items():
                copy = self.copies.find(self._id(key))
                same = copy is not None and copy.etag == etag
                found[self.prefix + key] = copy.sha256 if same and copy is not None else f"etag {etag}"
        return found

    def columns(self) -> Columns:
        """Only the content tells."""
        return ()

    def bring(
        self,
        folder: Path,
        *,
        columns: Columns = (),  # noqa: ARG002 - the Protocol's
        beyond: str = "",  # noqa: ARG002 - likewise
        stopped: Callable[[], bool] = never,
    ) -> Mapping[str, str]:
        """Fetch every object whose copy is not the one that the store has."""
        prints = {}
        with self._store(self.seconds, tries=TRIES) as store:
            for key, etag in self._listed(store).items():
                copy = self.copies.find(self._id(key))
                if copy is None or copy.etag != etag:
                    copy = self._fetch(store, key, etag, stopped)
                self._local[self.prefix + key] = self.copies.take(self._id(key), copy, folder)
                prints[self.prefix + key] = copy.sha256
        return prints

    def local(self, name: str) -> Path:
        """The copy of one object."""
        return self._local[name]

    def _id(self, key: str) -> str:
        return f"{self.settings.get('endpoint', '')}|{self.bucket}/{key}"

    def _listed(self, store: Any) -> dict[str, str]:  # noqa: ANN401 - a client of boto3
        """Keys and ETags, sorted by key."""
        if not is_glob(self.pattern):
            return {self.pattern: store.head_object(Bucket=self.bucket, Key=self.pattern)["ETag"]}
        start = re.split(r"[*?\[]", self.pattern, maxsplit=1)[0]
        matches = pattern_of(self.pattern).fullmatch
        found = {}
        for page in store.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start):
            for one in page.get("Contents", ()):
                # A key that ends in a slash stands for a folder.
                if matches(one["Key"]) and not one["Key"].endswith("/"):
                    found[one["Key"]] = one["ETag"]
        if not found:
            raise Unavailable(f"{self.name}: no object matches in the store")
        return dict(sorted(found.items()))

    def _fetch(self, store: Any, key: str, etag: str, stopped: Callable[[], bool]) -> Copy:  # noqa: ANN401 - likewise
        with self.copies.draft() as draft:
            answer = store.get_object(Bucket=self.bucket, Key=key, IfMatch=etag)
            chunks = answer["Body"].iter_chunks(CHUNK_BYTES)
            sha256, size = receive(chunks, draft, stopped=stopped, where=self.name)
            if size != answer["ContentLength"]:
                whole = answer["ContentLength"]
                raise Unavailable(
                    f"{self.prefix}{key}: the download ended after {size:,} of {whole:,} bytes; run again"
                )
            copy = Copy(name=key.rpartition("/")[2], sha256=sha256, bytes=size, etag=etag)
            self.copies.keep(self._id(key), copy, draft)
        return copy

    def _store(self, seconds: int, *, tries: int) -> _Store:
        return _Store(self, seconds, tries)

    def told(self, error: Exception) -> Unavailable:
        """The library's *error* in our words, without what is secret."""
        code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
        text = self.opened.scrub(str(error)) if self.opened is not None else without_secrets(str(error))
        kind = type(error).__name__
        if not code and "Credentials" in kind:
            text = "no credentials: give the connection access_key_id and secret_access_key, or set AWS_ACCESS_KEY_ID"
        elif not code and "Timeout" in kind:
            text = f"no answer within {self.seconds} seconds; run again, or raise the connection's timeout"
        elif not code and ("Connect" in kind or "EndpointConnection" in kind):
            text = "the store cannot be reached; check its endpoint and the network"
        elif not code and kind in {"IncompleteReadError", "ResponseStreamingError"}:
            text = "the connection broke before the object was whole; run again"
        return Unavailable(f"{self.name}: {MEANINGS.get(code, text)}")


class _Store:
    """A client for one look or one read; the library's errors come out in our words."""

    def __init__(self, objects: S3Objects, seconds: int, tries: int) -> None:
        boto3 = required("boto3", extra="s3", what=f"{objects.name}: reading an object store")
        from botocore import UNSIGNED
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        settings = objects.settings
        config = Config(
            connect_timeout=seconds,
            read_timeout=seconds,
            retries={"total_max_attempts": tries, "mode": "standard"},
            signature_version=UNSIGNED if settings.get("anonymous") else None,
        )
        known = {
            "endpoint_url": settings.get("endpoint"),
            # Only AWS goes by regions; every other store takes any.
            "region_name": settings.get("region") or ("us-east-1" if settings.get("endpoint") else None),
            "aws_access_key_id": settings.get("access_key_id"),
            "aws_secret_access_key": settings.get("secret_access_key"),
            "aws_session_token": settings.get("session_token"),
        }
        self.objects = objects
        try:
            self.client = boto3.Session().client(
                "s3", config=config, **{key: value for key, value in known.items() if value}
            )
        except (BotoCoreError, ValueError) as error:
            raise objects.told(error) from None

    def __enter__(self) -> Any:  # noqa: ANN401 - a client of boto3
        return self.client

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError
        from urllib3.exceptions import HTTPError

        self.client.close()
        if isinstance(error, (BotoCoreError, ClientError, HTTPError)):
            # Not chained: the library's own words may repeat the request.
            raise self.objects.told(error) from None
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise Unavailable(f"{self.objects.name}: the local copy cannot be written: {reason}") from None
