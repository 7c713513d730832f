"""One prefix of a bucket in an S3-compatible store: objects are put once, checked when they are fetched, never replaced."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import Conflict, InvalidInput, Unavailable
from meshwright.model.maintenance import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PART_BYTES: Final = 64 * 2**20
PARTS_MAX: Final = 10_000
CHUNK_BYTES: Final = 2**20
CONNECTIONS_MAX: Final = 16
CONNECT_SECONDS_MAX: Final = 10
READ_SECONDS_MAX: Final = 60
TRIES: Final = 4
DELETED_AT_ONCE: Final = 1000
# Of two writers of one name at the same moment the store may ask both to come again.
RACES_MAX: Final = 5
# What an object says of itself: its content's SHA-256, and which call put it there.
DIGEST: Final = "sha256"
TOKEN: Final = "token"  # noqa: S105 - no secret: it tells our own objects from others'
MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})
TAKEN: Final = frozenset({"PreconditionFailed", "412"})
RACED: Final = frozenset({"ConditionalRequestConflict", "409"})
CAUSES: Final = {
    "AccessDenied": ("access is denied", "give this key the right to read, write and list there"),
    "403": ("access is denied", "give this key the right to read, write and list there"),
    "InvalidAccessKeyId": ("the store does not know the access key", "correct it in mesh.yaml or the environment"),
    "SignatureDoesNotMatch": ("the secret key is wrong", "correct it in mesh.yaml or the environment"),
    "ExpiredToken": ("the session token has expired", "get a new one and run again"),
    "NoSuchBucket": ("there is no such bucket", "create it, or correct `warehouse` in mesh.yaml"),
    "NotImplemented": (
        "the store does not know conditional writes (If-None-Match), which keep files from being overwritten",
        "use a newer version of it",
    ),
    **dict.fromkeys(MISSING, ("it does not exist", "restore it, or correct `warehouse` in mesh.yaml")),
}
UNREACHED: Final = ("the store cannot be reached", "check its endpoint and the network, and run again")
NO_KEY: Final = (
    "there are no credentials",
    "write access_key_id and secret_access_key below `warehouse` in mesh.yaml, or set AWS_ACCESS_KEY_ID",
)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a store says of an object: its size, and the metadata that it was put with."""

    bytes: int
    metadata: Mapping[str, str]


class S3Store:
    """The objects below *url* (`s3://bucket/prefix`); opens nothing before it is used. Safe between threads.

    *settings* are those of an S3 connection (`endpoint`, `region`, `access_key_id`, `secret_access_key`, `session_token`);
    what they leave out is the environment's.
    """

    def __init__(self, url: str, settings: Mapping[str, Any]) -> None:
        scheme, _, rest = url.partition("://")
        self.bucket, _, prefix = rest.rstrip("/").partition("/")
        if scheme != "s3" or not self.bucket or any(part in {"", ".", ".."} for part in prefix.split("/") if prefix):
            raise InvalidInput(
                f"the warehouse '{url}' cannot be used; write s3://bucket/folder, or the path of a folder"
            )
        self.prefix = f"{prefix}/" if prefix else ""
        self._settings = settings
        self._clients: dict[int, Any] = {}
        self._lock = threading.Lock()

    def name(self, path: str) -> str:
        """The URI of *path*."""
        return f"s3://{self.bucket}/{self.prefix}{path}"

    def put(self, path: str, content: bytes | Path, *, doing: str) -> None:
        """Store *content* at *path*, in parts when it is large. Raises Conflict when something is there, Unavailable."""
        digest, size = _measured(content)
        metadata = {DIGEST: digest.hex(), TOKEN: uuid.uuid4().hex}
        for _ in range(RACES_MAX):
            with self._reported(path, doing) as client, suppress(_Raced):
                try:
                    if size > PART_BYTES and not isinstance(content, bytes):
                        self._put_parts(client, path, content, size, metadata)
                    else:
                        self._put_whole(client, path, content, digest, metadata)
                except Exception as error:  # noqa: BLE001 - raised again unless it was our own earlier try
                    self._judge(error, path, metadata)
                return
        raise Unavailable(f"cannot {doing} {self.name(path)}: others keep writing there; run again")

    def head(self, path: str, *, doing: str) -> StoredObject | None:
        """What the store says of the object at *path*; None when it has none. Raises Unavailable."""
        with self._reported(path, doing) as client:
            try:
                found = client.head_object(Bucket=self.bucket, Key=self.prefix + path)
            except Exception as error:
                if _code(error) in MISSING:
                    return None
                raise
            return StoredObject(found["ContentLength"], found["Metadata"])

    def fetch(self, path: str, target: Path, *, doing: str) -> None:
        """Write the object at *path* to the new file *target*, checked by size and checksum. Raises Unavailable, OSError."""
        with self._reported(path, doing) as client:
            found = client.get_object(Bucket=self.bucket, Key=self.prefix + path)
            digest, size = hashlib.sha256(), 0
            with target.open("xb") as file:
                for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                file.flush()
                os.fsync(file.fileno())
            expected = found["Metadata"].get(DIGEST, digest.hexdigest())
        if size != found["ContentLength"] or digest.hexdigest() != expected:
            raise Unavailable(
                f"{self.name(path)} is damaged (what came has another checksum than what was stored); run again, and if that "
                "does not help restore it from a backup, or rebuild the product: mesh build --full"
            )

    def listed(self, folder: str = "") -> Iterator[StoredFile]:
        """Every object below *folder* (`a/b/`, "" for all), in the order of their names. Raises Unavailable."""
        with self._reported(folder, "list") as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + folder)
            for page in pages:
                for found in page.get("Contents", ()):
                    path = found["Key"].removeprefix(self.prefix)
                    yield StoredFile(path=path, bytes=found["Size"], changed=found["LastModified"].timestamp())

    def delete(self, paths: Sequence[str]) -> None:
        """Remove the objects at *paths*, those that are there. Raises Unavailable."""
        for start in range(0, len(paths), DELETED_AT_ONCE):
            chunk = [{"Key": self.prefix + path} for path in paths[start : start + DELETED_AT_ONCE]]
            with self._reported(paths[start], "remove") as client:
                answer = client.delete_objects(Bucket=self.bucket, Delete={"Objects": chunk, "Quiet": True})
            for error in answer.get("Errors", ()):
                cause, remedy = CAUSES.get(error["Code"], (f"the store answers {error['Code']}", "run again"))
                raise Unavailable(f"cannot remove s3://{self.bucket}/{error['Key']}: {cause}; {remedy}")

    def check(self) -> None:
        """Raise Unavailable when the bucket is not there, or not for this key: before work is done that it shall keep."""
        with self._reported("", "use the warehouse") as client:
            try:
                client.get_object(Bucket=self.bucket, Key=f"{self.prefix}.absent")
            except Exception as error:
                # Who may not list is told of absent objects that they are denied.
                if _code(error) not in {*MISSING, "AccessDenied", "403"}:
                    raise

    def close(self) -> None:
        """Give back connections."""
        with self._lock:
            client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _put_whole(
        self,
        client: Any,  # noqa: ANN401 - a client of boto3
        path: str,
        content: bytes | Path,
        digest: bytes,
        metadata: dict[str, str],
    ) -> None:
        sent = {
            "Bucket": self.bucket,
            "Key": self.prefix + path,
            "Metadata": metadata,
            "IfNoneMatch": "*",
            "ChecksumSHA256": base64.b64encode(digest).decode(),
        }
        if isinstance(content, bytes):
            client.put_object(Body=content, **sent)
            return
        with content.open("rb") as file:
            client.put_object(Body=file, **sent)

    def _put_parts(self, client: Any, path: str, content: Path, size: int, metadata: dict[str, str]) -> None:  # noqa: ANN401 - likewise
        place = {"Bucket": self.bucket, "Key": self.prefix + path}
        length = max(PART_BYTES, -(-size // PARTS_MAX))
        upload = client.create_multipart_upload(**place, Metadata=metadata, ChecksumAlgorithm="SHA256")["UploadId"]
        try:
            parts: list[dict[str, Any]] = []
            with content.open("rb") as file:
                while chunk := file.read(length):
                    number = len(parts) + 1
                    digest = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
                    put = client.upload_part(
                        **place, UploadId=upload, PartNumber=number, Body=chunk, ChecksumSHA256=digest
                    )
                    parts.append({"PartNumber": number, "ETag": put["ETag"], "ChecksumSHA256": digest})
            client.complete_multipart_upload(
                **place, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            # Parts that nobody completes are paid for until they are removed.
            with suppress(Exception):
                client.abort_multipart_upload(**place, UploadId=upload)
            raise

    def _judge(self, error: Exception, path: str, metadata: dict[str, str]) -> None:
        """Raise what a failed put means; nothing when it was a second try of one that had succeeded."""
        code = _code(error)
        if code in RACED:
            raise _Raced from error
        if code not in TAKEN:
            raise error
        there = self.head(path, doing="look at")
        if there is None or there.metadata.get(TOKEN) != metadata[TOKEN]:
            raise Conflict(f"{self.name(path)} exists already; files of the warehouse are never overwritten") from error

    @contextmanager
    def _reported(self, path: str, doing: str) -> Iterator[Any]:
        """A client; raises Unavailable, naming *path* and what helps, for whatever the store or the network refuses."""
        try:
            yield self._client()
        except (Conflict, Unavailable, InvalidInput, OSError, _Raced):
            raise
        except Exception as error:
            if not type(error).__module__.startswith(("botocore", "boto3", "urllib3")):
                raise
            cause, remedy = _cause(error)
            raise Unavailable(f"cannot {doing} {self.name(path)}: {cause}; {remedy}") from error

    def _client(self) -> Any:  # noqa: ANN401 - boto3 is imported lazily
        with self._lock:
            # Connections must not cross a fork; the child opens its own.
            found = self._clients.get(os.getpid())
            if found is None:
                found = self._clients[os.getpid()] = _new_client(self._settings)
            return found


class _Raced(Exception):
    """Another put of the same object was under way."""


def _new_client(settings: Mapping[str, Any]) -> Any:  # noqa: ANN401 - boto3 is imported lazily
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise InvalidInput(
            "a warehouse in an S3-compatible store needs boto3, which is not installed; install Meshwright with its "
            "extra: pip install 'meshwright[s3]'"
        ) from error
    endpoint = settings.get("endpoint")
    config = Config(
        connect_timeout=CONNECT_SECONDS_MAX,
        read_timeout=int(settings.get("timeout") or READ_SECONDS_MAX),
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        max_pool_connections=CONNECTIONS_MAX,
        # Checksums are ours: not every store knows those that the library would add.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # Other stores than AWS need not have a name for each bucket.
        s3={"addressing_style": "path"} if endpoint else {},
    )
    given = {
        "endpoint_url": endpoint,
        "region_name": settings.get("region") or ("us-east-1" if endpoint else None),
        "aws_access_key_id": settings.get("access_key_id"),
        "aws_secret_access_key": settings.get("secret_access_key"),
        "aws_session_token": settings.get("session_token"),
    }
    # A session of its own: boto3 keeps the credentials that its default one first found.
    return boto3.Session().client("s3", config=config, **{key: value for key, value in given.items() if value})


def _measured(content: bytes | Path) -> tuple[bytes, int]:
    """The SHA-256 and the size of *content*. Raises OSError."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).digest(), len(content)
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest(), os.fstat(file.fileno()).st_size


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _cause(error: Exception) -> tuple[str, str]:
    code, kind = _code(error), type(error).__name__
    if code in CAUSES:
        return CAUSES[code]
    if code:
        # The store's own words: of the request they repeat names, not secrets.
        return f"the store answers {code}", "run again, and look into its log if that does not help"
    if "Credentials" in kind:
        return NO_KEY
    if "NoRegion" in kind:
        return "there is no region", "write region below `warehouse` in mesh.yaml, or set AWS_DEFAULT_REGION"
    return UNREACHED
