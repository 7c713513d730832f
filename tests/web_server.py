"""A real web server on 127.0.0.1 for tests, which can be slow, broken or half done on request."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message


@dataclass
class Page:
    """What is served at one path. `cut` sends only so many bytes of the content; `seconds` is how long it takes."""

    content: bytes
    type: str = "application/octet-stream"
    has_etag: bool = True
    status: int = 200
    cut: int | None = None
    seconds: float = 0
    headers: dict[str, str] = field(default_factory=dict)
    wants: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


class WebServer:
    """Serves `pages` by path; `asked` is every request as (method, path, status)."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @classmethod
    @contextlib.contextmanager
    def started(cls) -> Iterator[WebServer]:
        server = cls()
        thread = threading.Thread(target=server._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def put(self, path: str, content: str | bytes, **rest: object) -> Page:
        page = Page(content if isinstance(content, bytes) else content.encode(), **rest)  # type: ignore[arg-type] # a page's own fields
        self.pages[path] = page
        return page

    def answers(self, method: str) -> list[int]:
        """The statuses of every answer to *method*."""
        return [status for asked, _, status in self.asked if asked == method]


def _status(page: Page, headers: Message) -> int:
    if any(headers.get(name) != value for name, value in page.wants.items()):
        return 401
    if page.status == 200 and page.has_etag and headers.get("If-None-Match") == page.etag:
        return 304
    return page.status


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            page = server.pages.get(self.path.partition("?")[0]) or Page(b"no such page", status=404)
            # In small steps: a server that stops does not wait for its slowest answer.
            end = time.monotonic() + page.seconds
            while time.monotonic() < end:
                time.sleep(0.02)
            status = _status(page, self.headers)
            server.asked.append((self.command, self.path, status))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                tag = {"ETag": page.etag} if page.has_etag else {}
                length = {"Content-Length": "0" if status == 304 else str(len(page.content))}
                for name, value in {**page.headers, **tag, "Content-Type": page.type, **length}.items():
                    self.send_header(name, value)
                self.end_headers()
                if with_body and status != 304:
                    self.wfile.write(page.content[: page.cut])
                self.close_connection = page.cut is not None

        def log_message(self, *_: object) -> None:
            """Keep the tests' output to themselves."""

    return Handler
