"""What only a warehouse in an object store has to show: its credentials, its copies, and what the store refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.errors import Conflict, InvalidInput, Unavailable
from meshwright.storage import file_cache, s3_store
from meshwright.storage.file_cache import FileCache
from meshwright.storage.s3_files import S3Warehouse
from s3_server import S3Server
from storage.conftest import S3Place

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.storage import Warehouse
    from s3_server import Bucket


@pytest.fixture
def place(bucket: Bucket, tmp_path: Path) -> S3Place:
    """These tests are about the store."""
    return S3Place(bucket, tmp_path / "copies")


def opened(place: S3Place, url: str = "", **settings: Any) -> S3Warehouse:
    return S3Warehouse(url or f"{place.bucket.url}/some/folder", place.folder, settings=place.settings | settings)


def test_without_copies_everything_is_fetched_again(warehouse: Warehouse, place: S3Place) -> None:
    warehouse.write_all({"d/a": b"1", "d/b": b"2"}, doing="write")
    place.forget()
    assert warehouse.read("d/a", doing="read") == b"1"
    place.delete("d/a")
    place.forget()
    with pytest.raises(Unavailable, match=r"cannot fetch s3://.*/some/folder/d/a: it does not exist; restore it"):
        warehouse.locate("d/a")
    assert warehouse.lost([("d/a", 1), ("d/b", 1)]) == {"d/a": "missing"}


def test_a_copy_of_another_size_than_published_is_fetched_again_after_it_was_noticed(warehouse: Warehouse) -> None:
    warehouse.write_all({"d/a": b"12345"}, doing="write")
    warehouse.locate("d/a").write_bytes(b"123")
    assert warehouse.lost([("d/a", 5)]) == {}
    assert warehouse.locate("d/a").read_bytes() == b"12345"


def test_what_comes_is_compared_with_the_checksum_it_was_stored_with(warehouse: Warehouse, place: S3Place) -> None:
    warehouse.write_all({"d/a": b"12345"}, doing="write")
    key = "some/folder/d/a"
    metadata = place.bucket.client.head_object(Bucket=place.bucket.name, Key=key)["Metadata"]
    place.bucket.client.put_object(Bucket=place.bucket.name, Key=key, Body=b"12346", Metadata=metadata)
    place.forget()
    with pytest.raises(Unavailable, match=r"d/a is damaged \(what came has another checksum"):
        warehouse.locate("d/a")
    assert [path for path in place.folder.rglob("*") if path.is_file()] == []


def test_a_large_file_is_stored_in_parts_and_never_over_another(
    warehouse: Warehouse, place: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The smallest part that stores take.
    monkeypatch.setattr(s3_store, "PART_BYTES", 5 * 2**20)
    content = os.urandom(12 * 2**20 + 3)
    for name in "ab":
        (warehouse.staging(name) / "file").write_bytes(content)
    staged = [warehouse.staging(name) / "file" for name in "ab"]
    for path in staged:
        path.write_bytes(content)
    warehouse.adopt(staged[0], "d/large")
    assert place.get("d/large") == content
    with pytest.raises(Conflict, match="exists already"):
        warehouse.adopt(staged[1], "d/large")
    place.forget()
    assert warehouse.locate("d/large").read_bytes() == content
    uploads = place.bucket.client.list_multipart_uploads(Bucket=place.bucket.name)
    assert not uploads.get("Uploads")


def test_a_put_whose_answer_was_lost_is_not_taken_for_anothers(
    warehouse: Warehouse, place: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library then tries again, and the store says that the object is there already: it is ours."""
    assert isinstance(warehouse, S3Warehouse)
    client = warehouse._store._client()
    put = client.put_object

    def twice(**arguments: Any) -> Any:
        put(**arguments)
        return put(**arguments)

    monkeypatch.setattr(client, "put_object", twice)
    warehouse.write_all({"d/a": b"1"}, doing="write")
    assert place.get("d/a") == b"1"


@pytest.mark.parametrize(
    ("url", "settings", "told"),
    [
        ("", {"secret_access_key": "wr0ng-secret"}, "the secret key is wrong; correct it in mesh.yaml"),
        (
            "",
            {"access_key_id": "nobody"},
            "does not know the access key|access is denied|the store answers .*NotFound; run again",
        ),
        ("s3://no-such-bucket-here/x", {}, "there is no such bucket; create it, or correct `warehouse` in mesh.yaml"),
        ("", {"endpoint": "http://127.0.0.1:1"}, "the store cannot be reached; check its endpoint and the network"),
    ],
)
def test_a_store_that_will_not_take_the_files_says_so_before_anything_is_built(
    place: S3Place, url: str, settings: dict[str, str], told: str
) -> None:
    with pytest.raises(Unavailable, match=told) as raised:
        opened(place, url, **settings).staging("run-1")
    assert "wr0ng" not in str(raised.value)
    assert place.settings["secret_access_key"] not in str(raised.value)


def test_without_credentials_the_settings_are_named(
    place: S3Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Unavailable, match=r"there are no credentials; write access_key_id and secret_access_key below"):
        opened(place, access_key_id="", secret_access_key="").staging("run-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", place.settings["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", place.settings["secret_access_key"])
    opened(place, access_key_id="", secret_access_key="").staging("run-1")


def test_a_store_that_went_away_is_reported_and_found_again(tmp_path: Path) -> None:
    with S3Server.started() as server, server.bucket() as bucket:
        place = S3Place(bucket, tmp_path / "copies")
        warehouse = place.open()
        warehouse.write_all({"d/a": b"1"}, doing="write")
        server.stop()
        assert warehouse.read("d/a", doing="read") == b"1"
        place.forget()
        with pytest.raises(Unavailable, match="the store cannot be reached"):
            warehouse.locate("d/a")
        server.start()
        assert warehouse.locate("d/a").read_bytes() == b"1"
        warehouse.close()


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "s3://bucket/../x", "gs://bucket/x"])
def test_a_url_that_names_no_bucket_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="write s3://bucket/folder, or the path of a folder"):
        S3Warehouse(url, tmp_path, settings={})


def test_a_bucket_without_a_folder_will_do(place: S3Place) -> None:
    warehouse = opened(place, place.bucket.url)
    warehouse.write_all({"d/a": b"1"}, doing="write")
    assert place.bucket.get("d/a") == b"1"
    assert warehouse.uri("d/a") == f"{place.bucket.url}/d/a"
    warehouse.close()


def test_a_forked_process_uses_connections_of_its_own(warehouse: Warehouse, place: S3Place) -> None:
    warehouse.write_all({"d/a": b"1"}, doing="write")
    child = os.fork()
    if child == 0:
        try:
            warehouse.write_all({"d/b": b"2"}, doing="write")
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert place.get("d/b") == b"2"
    warehouse.write_all({"d/c": b"3"}, doing="write")


def test_without_the_library_the_extra_is_named(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["boto3"] = None
from pathlib import Path
from meshwright.storage.s3_files import S3Warehouse
try:
    S3Warehouse("s3://b/x", Path({str(tmp_path)!r}), settings={{}}).staging("r")
except Exception as error:
    print(type(error).__name__, error)
"""
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output == (
        "InvalidInput a warehouse in an S3-compatible store needs boto3, which is not installed; install Meshwright "
        "with its extra: pip install 'meshwright[s3]'\n"
    )


def test_copies_that_were_used_longest_ago_make_room_and_those_in_use_stay(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, bytes_max=1000)
    now = time.time()
    for number in range(10):
        cache.keep_bytes(b"x" * 100, f"d/{number}")
        os.utime(tmp_path / f"files/d/{number}", (now - 10_000 + number, now - 10_000 + number))
    found = cache.find("d/0")
    assert found is not None
    assert found.stat().st_mtime > now - 60
    cache.keep_bytes(b"x" * 250, "d/new")
    left = {path.name for path in (tmp_path / "files/d").iterdir()}
    assert left == {"0", "4", "5", "6", "7", "8", "9", "new"}
    assert cache.find("d/1") is None


def test_a_cache_smaller_than_what_is_in_use_grows(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, bytes_max=100)
    for number in range(5):
        cache.keep_bytes(b"x" * 100, f"d/{number}")
    assert all(cache.find(f"d/{number}") for number in range(5))
    assert file_cache.IN_USE_SECONDS > 0


def test_a_run_on_another_machine_is_running_for_a_day_at_most(
    warehouse: Warehouse, place: S3Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.staging("run-1")
    elsewhere = S3Place(place.bucket, tmp_path / "elsewhere").open()
    elsewhere.staging("run-2")
    assert sorted(warehouse.running()) == sorted(elsewhere.running()) == ["run-1", "run-2"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_500)
    assert list(elsewhere.running()) == ["run-2"]
    monkeypatch.undo()
    assert [file.path for file in warehouse.files()] == []
    elsewhere.close()
