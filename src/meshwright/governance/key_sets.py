"""The keys of issuers: fetched when they are first needed, kept a while, fetched anew when a token names one that is not there."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import Unavailable
from meshwright.sources.http_files import pool_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.model.issuer import Issuer

# So long keys are good without asking again: whoever steals one that was withdrawn has so long.
FRESH_SECONDS: Final = 300
# A token that names an unknown key asks for them again, but nobody can make us ask more often than this.
AGAIN_SECONDS: Final = 5
TIMEOUT_SECONDS: Final = 5
BYTES_MAX: Final = 1_000_000


@dataclass(slots=True)
class _Kept:
    keys: list[dict[str, Any]]
    at: float


class KeySets:
    """The public keys of each issuer. Safe to use from several threads."""

    def __init__(self, fetch: Callable[[str], Any] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._failed: dict[str, tuple[float, Unavailable]] = {}
        self._places: dict[str, str] = {}

    def keys(self, issuer: Issuer, kid: str) -> list[dict[str, Any]]:
        """The keys of *issuer*, with the one called *kid* if there is any such. Raises Unavailable."""
        with self._lock:
            kept, now = self._kept.get(issuer.url), self._clock()
            has = kept is not None and (not kid or any(key.get("kid") == kid for key in kept.keys))
            age = now - kept.at if kept is not None else FRESH_SECONDS
            if kept is None or age >= FRESH_SECONDS or (not has and age >= AGAIN_SECONDS):
                kept = _Kept(self._asked(issuer, now), now)
                self._kept[issuer.url] = kept
            return kept.keys

    def _asked(self, issuer: Issuer, now: float) -> list[dict[str, Any]]:
        at, error = self._failed.get(issuer.url, (0.0, None))
        if error is not None and now - at < AGAIN_SECONDS:
            raise error
        try:
            return self._ask(issuer)
        except Unavailable as failed:
            self._failed[issuer.url] = now, failed
            raise

    def _ask(self, issuer: Issuer) -> list[dict[str, Any]]:
        place = issuer.jwks or self._places.get(issuer.url) or self._discover(issuer)
        found = self._fetch(place)
        keys = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(keys, list):
            raise Unavailable(f"{place} gives no keys of issuer {issuer.name}")
        return [key for key in keys if isinstance(key, dict)]

    def _discover(self, issuer: Issuer) -> str:
        place = f"{issuer.url.rstrip('/')}/.well-known/openid-configuration"
        found = self._fetch(place)
        said = found if isinstance(found, dict) else {}
        if said.get("issuer") != issuer.url:
            raise Unavailable(f"{place} is of issuer '{said.get('issuer')}', not of {issuer.url}")
        jwks = str(said.get("jwks_uri", ""))
        if not jwks.startswith("https://") and not issuer.url.startswith("http://"):
            raise Unavailable(f"{place} says that the keys are at '{jwks}', which is not https")
        self._places[issuer.url] = jwks
        return jwks


def fetch_json(url: str) -> Any:  # noqa: ANN401 - a JSON value
    """What is at *url*. Raises Unavailable: it is late, large, not there, elsewhere, or no JSON."""
    import urllib3

    pool = pool_for(url)
    timeout = urllib3.Timeout(total=TIMEOUT_SECONDS)
    try:
        answer = pool.request(
            "GET",
            url,
            timeout=timeout,
            redirect=False,
            retries=urllib3.Retry(total=1, redirect=False),
            preload_content=False,
        )
        try:
            content = answer.read(BYTES_MAX + 1)
        finally:
            answer.close()
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"the issuer's keys cannot be fetched from {url}: {error}") from error
    finally:
        pool.clear()
    if answer.status != 200 or len(content) > BYTES_MAX:  # noqa: PLR2004 - OK
        raise Unavailable(f"the issuer's keys cannot be fetched from {url}: HTTP {answer.status}, {len(content)} bytes")
    try:
        return json.loads(content)
    except ValueError as error:
        raise Unavailable(f"{url} is no JSON: {error}") from error
