"""Files of web servers: fetched once, checked by what the server says, credentials kept to the server they are for."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.connection import Connection
from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.product import Source
from meshwright.sources.kept_copies import Copy, KeptCopies
from meshwright.sources.opening import bring, open_source, remote
from web_server import WebServer

if TYPE_CHECKING:
    from pathlib import Path

CSV = b"id,n\n1,a\n2,b\n"


def fetch(url: str, root: Path, through: Connection | None = None) -> tuple[dict[str, str], bytes]:
    source = Source(path=url, connection=through.name if through is not None else "")
    reader = remote(source, root=root, cache=root / "cache", connection=through)
    brought = bring(reader, root / "run")
    ((_name, path),) = brought.files.items()
    return dict(brought.prints), path.read_bytes()


def test_what_did_not_change_is_not_sent_again(web: WebServer, tmp_path: Path) -> None:
    web.put("/a.csv", CSV)
    first = fetch(web.url("/a.csv"), tmp_path)
    assert fetch(web.url("/a.csv"), tmp_path) == first
    assert web.answers("GET") == [200, 304]
    web.put("/a.csv", CSV + b"3,c\n")
    assert fetch(web.url("/a.csv"), tmp_path)[1] == CSV + b"3,c\n"


def test_a_copy_that_was_damaged_is_fetched_again(web: WebServer, tmp_path: Path) -> None:
    web.put("/a.csv", CSV)
    fetch(web.url("/a.csv"), tmp_path)
    for kept in (tmp_path / "cache/sources").rglob("*"):
        if kept.is_file() and kept.name != "copy.json":
            kept.write_bytes(b"")
    assert fetch(web.url("/a.csv"), tmp_path)[1] == CSV
    assert web.answers("GET") == [200, 200]


def test_the_time_of_the_last_change_will_do_where_there_is_no_etag(web: WebServer, tmp_path: Path) -> None:
    web.put("/a.csv", CSV, has_etag=False, headers={"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})
    print_ = fetch(web.url("/a.csv"), tmp_path)[0]
    source = Source(path=web.url("/a.csv"))
    reader = remote(source, root=tmp_path, cache=tmp_path / "cache", connection=None)
    assert reader.glance() == print_
    web.pages["/a.csv"].headers["Last-Modified"] = "Tue, 02 Jan 2024 00:00:00 GMT"
    assert reader.glance() != print_


def test_a_format_is_told_by_the_url_else_by_the_server(web: WebServer, tmp_path: Path) -> None:
    web.put("/export", b'[{"id": 1}]', type="application/json; charset=utf-8")
    web.put("/packed.csv.gz", gzip.compress(CSV))
    web.put("/unpacked.csv.gz", CSV)
    web.put("/sent-packed.csv", gzip.compress(CSV), headers={"Content-Encoding": "gzip"})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.csv", CSV)
        packed.writestr("b.csv", CSV)
    web.put("/archive.zip", archive.getvalue())
    for path, kind, count in (
        ("/export", "json", 1),
        ("/packed.csv.gz", "csv", 2),
        ("/unpacked.csv.gz", "csv", 2),
        ("/sent-packed.csv?year=2024", "csv", 2),
        ("/archive.zip", "csv", 4),
    ):
        with open_source(Source(path=web.url(path)), root=tmp_path, cache=tmp_path / "cache") as opened:
            assert opened.format == kind, path
            assert opened.arrow().read_all().num_rows == count


def test_credentials_do_not_follow_to_another_server(
    web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "only-for-the-first")
    heard: list[Any] = []
    with WebServer.started() as other:
        other.put("/a.csv", CSV)
        handler: Any = other._server.RequestHandlerClass
        answer = handler.do_GET

        def listen(self: Any) -> None:
            heard.append(dict(self.headers))
            answer(self)

        monkeypatch.setattr(handler, "do_GET", listen)
        target = other.url("/a.csv").replace("127.0.0.1", "localhost")
        web.put("/a.csv", b"", status=302, headers={"Location": target})
        settings = {"url": web.url(), "token": {"env": "API_TOKEN"}, "headers": {"X-Api-Key": {"env": "API_TOKEN"}}}
        api = Connection(name="api", type="http", settings=settings)
        assert fetch("a.csv", tmp_path, api)[1] == CSV
    assert heard
    assert "only-for-the-first" not in repr(heard)


def test_an_address_cannot_lead_a_connection_elsewhere(web: WebServer, tmp_path: Path) -> None:
    api = Connection(name="api", type="http", settings={"url": web.url("/v1")})
    for path in ("http://elsewhere.invalid/a.csv", "//elsewhere.invalid/a.csv"):
        with pytest.raises((InvalidInput, Unavailable)):
            fetch(path, tmp_path, api)
    assert all(path.startswith("/v1/") for _, path, _ in web.asked)


def test_a_copy_lives_as_long_as_the_build_that_reads_it(tmp_path: Path) -> None:
    copies = KeptCopies(tmp_path / "cache")
    for content, digest in ((b"old", "1" * 64), (b"new", "2" * 64)):
        with copies.draft() as draft:
            draft.write_bytes(content)
            copies.keep("key", Copy(name="a.csv", sha256=digest, bytes=3), draft)
        if content == b"old":
            taken = copies.take("key", Copy(name="a.csv", sha256=digest, bytes=3), tmp_path / "run")
    assert taken.read_bytes() == b"old"
    newest = copies.find("key")
    assert newest is not None
    assert newest.sha256 == "2" * 64
    assert len([path for path in (tmp_path / "cache").rglob("*") if path.is_file()]) == 2
