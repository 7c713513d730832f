"""The courier: takes notices to webhooks in the background, so that no build ever waits for a receiver.

A message is a CloudEvent in structured mode. With a secret it is signed as Standard Webhooks say: `webhook-signature` is
`v1,` and the base64 of HMAC-SHA256 over `webhook-id`, `webhook-timestamp` and the body, joined by dots.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from meshwright.model.errors import MeshwrightError, Unavailable
from meshwright.model.release import __version__
from meshwright.operating.events import NoticeFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from meshwright.model.webhook import Webhook
    from meshwright.operating.notices import Notice

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
WAITS: Final = (1.0, 5.0, 25.0)
THREADS: Final = 4
# What may pass by itself; anything else that is no success is the receiver's no.
PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
SUCCESSES: Final = range(200, 300)
KEY_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Message:
    """A notice on its way to one webhook; `look_up` gives the text that a URL or secret by reference stands for."""

    webhook: Webhook
    notice: Notice
    look_up: Callable[[str, Any], str]


class Courier:
    """Delivers from a few threads of its own. *tell* is called, from these threads, with what could not be delivered."""

    def __init__(
        self, *, tell: Callable[[NoticeFailed], None], now: Callable[[], datetime], waits: Sequence[float] = WAITS
    ) -> None:
        self._tell = tell
        self._now = now
        self._waits = waits
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._open = 0
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._is_closed = threading.Event()

    def send(self, message: Message) -> None:
        """Take *message* on; returns at once."""
        with self._changed:
            self._open += 1
        self._messages.put(message)
        if len(self._threads) < THREADS:
            thread = threading.Thread(target=self._work, name="courier", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self, seconds: float) -> int:
        """Wait up to *seconds* for what is under way, then give up: the number of messages that were given up."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, timeout=seconds)
            self._is_closed.set()
            return self._open

    def _work(self) -> None:
        while True:
            message = self._messages.get()
            try:
                problem = self._deliver(message)
            except Exception as error:  # noqa: BLE001 - the outermost loop: no receiver may take the courier down
                problem = f"{type(error).__name__}"
            if problem and not self._is_closed.is_set():
                notice = message.notice
                failed = NoticeFailed(
                    webhook=message.webhook.name, product=notice.product, condition=notice.told, message=problem
                )
                self._tell(failed)
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _deliver(self, message: Message) -> str:
        """What kept *message* from being delivered, "" when it was. Never repeats the URL: it may be a secret."""
        try:
            url = message.look_up("url", message.webhook.url)
            secret = message.look_up("secret", message.webhook.secret) if message.webhook.secret is not None else ""
            key = key_of(secret)
        except MeshwrightError as error:
            return str(error)
        body = json.dumps(message.notice.event, ensure_ascii=False).encode()
        problem = ""
        for wait in (0.0, *self._waits):
            if wait:
                time.sleep(wait)
            headers = signed(message.notice.event["id"], body, key, timestamp=int(self._now().timestamp()))
            problem, may_pass = _post(url, body, headers)
            if not may_pass:
                return problem
        return f"{problem}, {len(self._waits) + 1} times"


def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
    """What went wrong ("" when nothing did), and whether it may pass."""
    import urllib3

    host = urlsplit(url).hostname or ""
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    try:
        # The pool is this message's own: nothing is kept open for a notice that comes once a week.
        with urllib3.PoolManager(num_pools=1) as pool:
            # A redirect would hand the message to somebody that the mesh did not name.
            answer = pool.request(
                "POST", url, body=body, headers=headers, timeout=timeout, redirect=False, retries=False
            )
    except urllib3.exceptions.LocationValueError:
        return "its url is no URL", False
    except urllib3.exceptions.HTTPError as error:
        return f"{host} cannot be reached ({type(error).__name__})", True
    if answer.status in SUCCESSES:
        return "", False
    return f"{host} answered {answer.status}", answer.status in PASSING


def signed(identity: str, body: bytes, key: bytes, *, timestamp: int) -> dict[str, str]:
    """The headers of a message with *body*; without a *key* (b"") it is not signed."""
    headers = {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": f"meshwright/{__version__}",
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
    }
    if key:
        content = f"{identity}.{timestamp}.".encode() + body
        mac = hmac.new(key, content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(mac).decode()}"
    return headers


def key_of(secret: str) -> bytes:
    """The bytes of a *secret*: those that its base64 says after `whsec_`, else its own."""
    if not secret.startswith(KEY_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error:
        raise Unavailable("its secret begins with whsec_, but what follows is no base64") from None
