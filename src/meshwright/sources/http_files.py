"""Files of web servers: fetched when they changed, by ETag or time, and kept beside what the server said of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from meshwright.model.connection import without_secrets
from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.sources.kept_copies import CHUNK_BYTES, Copy, KeptCopies, receive
from meshwright.sources.watching import never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from meshwright.engines import Columns
    from meshwright.sources.secrets import Opened

GLANCE_SECONDS_MAX: Final = 3
SECONDS_DEFAULT: Final = 30
# Answers after which another try may help.
BUSY: Final = (429, 500, 502, 503, 504)
RETRIES: Final = 2
UNCHANGED: Final = 304
# Servers that do not know HEAD, or refuse it.
NO_HEAD: Final = (400, 403, 405, 501)
ENDINGS: Final = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".ndjson",
    "application/jsonl": ".ndjson",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
MEANINGS: Final = {
    401: "it asks who you are: give the connection a token, or user and password",
    403: "it does not let you read this: check the connection's token or user",
    404: "there is no such file",
    410: "the file was removed for good",
}


class HttpFile:
    """One file at a URL. `name` is what people call it; *opened* is the connection it goes through, if any."""

    format = ""

    def __init__(self, url: str, name: str, opened: Opened | None, copies: KeptCopies) -> None:
        self.name = name
        self.opened = opened
        self.copies = copies
        self.url = _joined(opened, url) if opened is not None else url
        self.seconds = int(opened.settings.get("timeout", SECONDS_DEFAULT)) if opened is not None else SECONDS_DEFAULT
        self.headers = _headers(opened) if opened is not None else {}
        self.key = f"{name}|{self.url}"
        self._local: Path | None = None

    def glance(self) -> Mapping[str, str] | None:
        """The known copy's SHA-256 while the server's ETag or time is the same; None when the server tells neither."""
        copy = self.copies.find(self.key)
        if copy is None or not (copy.etag or copy.modified):
            return None
        answer = self._ask("HEAD", min(self.seconds, GLANCE_SECONDS_MAX), retries=0)
        answer.release_conn()
        if answer.status in NO_HEAD:
            return None
        self._require_good(answer)
        etag, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
        if not etag and not modified:
            return None
        same = etag == copy.etag if etag else modified == copy.modified
        return {self.name: copy.sha256 if same else f"etag {etag or modified}"}

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
        """Fetch the file unless the copy is what the server still has."""
        copy = self.copies.find(self.key)
        conditions = {}
        if copy is not None and copy.etag:
            conditions["If-None-Match"] = copy.etag
        elif copy is not None and copy.modified:
            conditions["If-Modified-Since"] = copy.modified
        answer = self._ask("GET", self.seconds, headers=conditions)
        try:
            if answer.status != UNCHANGED or copy is None:
                self._require_good(answer)
                copy = self._keep(answer, stopped)
        finally:
            answer.close()
        self._local = self.copies.take(self.key, copy, folder)
        return {self.name: copy.sha256}

    def local(self, name: str) -> Path:
        """The copy, as it was brought."""
        assert self._local is not None, name  # noqa: S101 - brought before
        return self._local

    def _keep(self, answer: Any, stopped: Callable[[], bool]) -> Copy:  # noqa: ANN401 - a response of urllib3
        import urllib3

        with self.copies.draft() as draft:
            try:
                chunks = answer.stream(CHUNK_BYTES, decode_content=True)
                sha256, size = receive(chunks, draft, stopped=stopped, where=self.name)
            except urllib3.exceptions.HTTPError as error:
                raise self._unavailable(error) from None
            except OSError as error:
                raise Unavailable(f"{self.name}: the copy cannot be written: {error.strerror or error}") from None
            copy = Copy(
                name=_file_name(self.url, answer.headers.get("Content-Type", ""), draft),
                sha256=sha256,
                bytes=size,
                etag=answer.headers.get("ETag", ""),
                modified=answer.headers.get("Last-Modified", ""),
            )
            self.copies.keep(self.key, copy, draft)
        return copy

    def _ask(
        self, method: str, seconds: int, *, headers: Mapping[str, str] | None = None, retries: int = RETRIES
    ) -> Any:  # noqa: ANN401 - likewise
        import urllib3

        retry = urllib3.Retry(
            total=retries,
            redirect=5,
            status_forcelist=BUSY,
            backoff_factor=0.2,
            respect_retry_after_header=False,
            raise_on_status=False,
            # A server that is redirected to gets no credentials of this one.
            remove_headers_on_redirect=[*self.headers, "Authorization", "Cookie"],
        )
        # Without retries nobody waits longer altogether, either.
        total = None if retries else seconds
        timeout = urllib3.Timeout(total=total, connect=min(seconds, 10), read=seconds)
        try:
            return pool_for(self.url).request(
                method,
                self.url,
                headers={"User-Agent": "meshwright", "Accept": "*/*", **self.headers, **(headers or {})},
                retries=retry,
                timeout=timeout,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: Exception) -> Unavailable:
        """The error in our words; never chained: what the library says may repeat the whole request."""
        return Unavailable(f"{self.name}: {self._scrub(_meaning(error, self.seconds))}")

    def _require_good(self, answer: Any) -> None:  # noqa: ANN401 - likewise
        if answer.status != 200:  # noqa: PLR2004 - OK
            meaning = MEANINGS.get(answer.status) or ("the server is busy or broken" if answer.status in BUSY else "")
            words = f"HTTP {answer.status} {answer.reason or ''}".strip()
            raise Unavailable(f"{self.name}: {self._scrub(words)}{f': {meaning}' if meaning else ''}")

    def _scrub(self, text: str) -> str:
        return self.opened.scrub(text) if self.opened is not None else without_secrets(text)


def _meaning(error: Exception, seconds: int) -> str:
    import urllib3.exceptions as http

    reason = getattr(error, "reason", None)
    cause = reason if isinstance(error, http.MaxRetryError) and reason is not None else error
    cut = next((one for one in (cause, *cause.args) if isinstance(one, http.IncompleteRead)), None)
    if cut is not None:
        whole = int(cut.partial) + int(cut.expected or 0)
        return f"the download ended after {int(cut.partial):,} of {whole:,} bytes; run again when the file is whole"
    if isinstance(cause, http.NameResolutionError):
        return "the server's name is not known; check the address and the network"
    if isinstance(cause, http.NewConnectionError):
        return "the server cannot be reached; check the address and the network"
    if isinstance(cause, http.TimeoutError):
        return f"no answer within {seconds} seconds; run again, or raise the connection's timeout"
    if isinstance(cause, http.SSLError):
        return f"no safe connection: {cause}"
    if isinstance(cause, http.DecodeError):
        return "what came is not compressed as the server says; run again when the file is whole"
    if isinstance(cause, http.ProtocolError):
        return "the connection broke before the file was whole; run again"
    return str(cause)


def _joined(opened: Opened, path: str) -> str:
    base = str(opened.settings["url"])
    joined = urljoin(base.rstrip("/") + "/", path.lstrip("/"))
    if urlsplit(joined)[:2] != urlsplit(base)[:2]:
        raise InvalidInput(f"{opened.connection.name}#{path} leads to another server than {without_secrets(base)}")
    return joined


def _headers(opened: Opened) -> dict[str, str]:
    import urllib3

    found = {str(name): str(value) for name, value in (opened.settings.get("headers") or {}).items()}
    if token := opened.settings.get("token"):
        found["Authorization"] = f"Bearer {token}"
    elif user := opened.settings.get("user"):
        pair = f"{user}:{opened.settings.get('password', '')}"
        made = urllib3.util.make_headers(basic_auth=pair)["authorization"]
        found["Authorization"] = made
        opened.hidden += (made.partition(" ")[2],)
    return found


def pool_for(url: str) -> Any:  # noqa: ANN401 - a pool of urllib3
    """A pool for *url*; through a proxy where the environment names one."""
    from urllib.request import getproxies, proxy_bypass

    import urllib3

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()


def _file_name(url: str, content_type: str, draft: Path) -> str:
    """A name that says the format as the URL does, else as the server does."""
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip(".")[-80:] or "download"
    if name.lower().endswith(".gz"):
        with draft.open("rb") as file:
            # Some servers unpack what they send: the name then promises too much.
            name = name if file.read(2) == b"\x1f\x8b" else name[:-3]
    ending = ENDINGS.get(content_type.partition(";")[0].strip().lower(), "")
    return name if "." in name or not ending else f"{name}{ending}"
