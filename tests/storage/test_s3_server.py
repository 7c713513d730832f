"""The S3-compatible server that tests run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from s3_server import S3Server

if TYPE_CHECKING:
    from s3_server import Bucket


def test_each_test_has_an_empty_bucket_of_its_own(bucket: Bucket, s3_server: S3Server) -> None:
    bucket.put("a/b", b"x")
    assert bucket.keys() == ["a/b"]
    with s3_server.bucket() as other:
        assert other.keys() == []


def test_an_object_is_put_once_where_the_client_says_so(bucket: Bucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="k", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        bucket.client.put_object(Bucket=bucket.name, Key="k", Body=b"second", IfNoneMatch="*")
    assert bucket.get("k") == b"first"


def test_a_server_that_was_ended_comes_back_with_what_it_acknowledged() -> None:
    with S3Server.started() as server, server.bucket() as bucket:
        bucket.put("a", b"x")
        server.stop()
        server.start()
        assert bucket.get("a") == b"x"
    assert not server.folder.exists()


def test_a_wrong_secret_is_refused(bucket: Bucket) -> None:
    stranger = S3Server(bucket.server.folder, port=bucket.server.port, password="wrong").client()
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_objects_v2(Bucket=bucket.name)
