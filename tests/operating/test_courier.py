from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.errors import Unavailable
from meshwright.model.webhook import Webhook
from meshwright.operating.courier import Courier, Message, key_of, signed
from meshwright.operating.notices import Notice
from operating.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.operating.events import NoticeFailed

NOTICE = Notice(product="sales.orders", told="late", event={"id": "7", "specversion": "1.0", "subject": "größe"})


class Post:
    """A courier and what it could not deliver."""

    def __init__(self) -> None:
        self.failed: list[NoticeFailed] = []
        self.courier = Courier(tell=self.failed.append, now=lambda: datetime.now(UTC), waits=(0.01, 0.02))

    def send(self, url: str, secret: str | None = None) -> None:
        webhook = Webhook(name="webhooks[0]", url=url, secret={"env": "S"} if secret else None)
        found = {"url": url, "secret": secret}
        self.courier.send(Message(webhook, NOTICE, lambda name, _: str(found[name])))


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()
    yield made
    made.courier.close(5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def test_a_message_is_a_cloudevent_in_structured_mode(post: Post, receiver: Receiver) -> None:
    post.send(receiver.url)
    assert post.courier.close(5) == 0
    (message,) = receiver.received
    assert message.event == NOTICE.event
    assert message.path == "/hook"
    assert message.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert "webhook-signature" not in message.headers
    assert post.failed == []


@pytest.mark.parametrize(
    ("secret", "key"), [("hush", b"hush"), ("whsec_" + base64.b64encode(b"\x00key").decode(), b"\x00key")]
)
def test_a_message_is_signed_as_standard_webhooks_say(post: Post, receiver: Receiver, secret: str, key: bytes) -> None:
    post.send(receiver.url, secret)
    post.courier.close(5)
    (message,) = receiver.received
    identity, timestamp = message.headers["webhook-id"], message.headers["webhook-timestamp"]
    assert identity == "7"
    assert abs(int(timestamp) - time.time()) < 10
    expected = hmac.new(key, f"{identity}.{timestamp}.".encode() + message.body, hashlib.sha256).digest()
    assert message.headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        timestamp=1614265330,
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_no_base64_after_its_prefix_is_told(post: Post, receiver: Receiver) -> None:
    with pytest.raises(Unavailable, match="no base64"):
        key_of("whsec_!")
    post.send(receiver.url, "whsec_!")
    post.courier.close(5)
    assert receiver.received == []
    assert "whsec_, but what follows" in post.failed[0].message


def test_what_may_pass_is_tried_again_and_a_no_is_not(post: Post, receiver: Receiver) -> None:
    receiver.answers = [503, 429, 200]
    post.send(receiver.url)
    post.courier.close(5)
    assert len(receiver.received) == 3
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    assert post.failed == []
    receiver.answers = [410]
    again = Post()
    again.send(receiver.url)
    again.courier.close(5)
    assert len(receiver.received) == 4
    assert [one.message for one in again.failed] == ["127.0.0.1 answered 410"]


def test_a_redirect_is_not_followed(post: Post, receiver: Receiver) -> None:
    receiver.answers = [302]
    post.send(receiver.url)
    post.courier.close(5)
    assert [one.path for one in receiver.received] == ["/hook"]
    assert [one.message for one in post.failed] == ["127.0.0.1 answered 302"]


def test_a_receiver_that_is_not_there_is_told_without_its_url(post: Post) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    post.send(f"http://127.0.0.1:{port}/services/T0/very-secret")
    post.courier.close(5)
    (failed,) = post.failed
    assert (failed.webhook, failed.product, failed.condition) == ("webhooks[0]", "sales.orders", "late")
    assert failed.message == "127.0.0.1 cannot be reached (NewConnectionError), 3 times"


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "ftp://127.0.0.1/x", "http://[::1"])
def test_what_is_no_url_is_told(post: Post, url: str) -> None:
    post.send(url)
    post.courier.close(5)
    assert len(post.failed) == 1


def test_a_slow_receiver_holds_nobody_up_and_is_given_up_at_the_end(post: Post, receiver: Receiver) -> None:
    receiver.delay = 3
    started = time.monotonic()
    for _ in range(20):
        post.send(receiver.url)
    assert time.monotonic() - started < 0.5
    assert post.courier.close(0.2) == 20
    assert time.monotonic() - started < 1


def test_a_receiver_that_fails_in_an_unforeseen_way_does_not_end_the_courier(post: Post, receiver: Receiver) -> None:
    def broken(*_: Any) -> str:
        raise RuntimeError

    post.courier.send(Message(Webhook(name="w", url="x"), NOTICE, broken))
    post.send(receiver.url)
    assert post.courier.close(5) == 0
    assert len(receiver.received) == 1
    assert [one.message for one in post.failed] == ["RuntimeError"]
