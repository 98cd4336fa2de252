"""Sending: once and for all if the endpoint takes it, later if it does not, never to a stranger."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.receiver import Receiver, hang, hang_up, raw, redirect, status
from tests.server.rows import opened

from cosignet.core.access import Scope
from cosignet.core.limits import Limits
from cosignet.core.retention import DELIVERIES_KEPT_MS
from cosignet.core.webhook import (
    DISABLED_AFTER_SECONDS,
    JITTER_PART,
    RETRY_DELAYS,
    ROTATION_SECONDS_DEFAULT,
    verify,
)
from cosignet.server.runtime import Runtime
from cosignet.server.services import deliver, forget
from cosignet.server.web import schemas_webhooks as schemas

ALLOW = {"COSIGNET_ALLOW_PRIVATE_WEBHOOKS": "yes"}
LEASE_SECONDS = 20


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("deliver") / "data"
    limits = Limits(lease_seconds=LEASE_SECONDS)
    with Live(folder, ALLOW, limits=limits, works=True) as running:
        yield running


@pytest.fixture
def hooks(live: Live) -> Program:
    return live.program(Scope.WEBHOOKS, name="hooks")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def webhook(hooks: Program, receiver: Receiver) -> Iterator[JSON]:
    registered = raise_for(hooks.post("/api/webhooks", {"url": receiver.url}))
    yield registered
    raise_for(hooks.post(f"/api/webhooks/{registered['id']}/revoke"))


def rejected(live: Live, program: Program, alex: Person) -> str:
    """Let a decision happen; return which."""
    asked = program.ask(alex.username)
    raise_for(alex.reject(asked["id"]))
    return asked["id"]


def deliveries(hooks: Program, **query: Any) -> list[JSON]:
    listed = raise_for(hooks.get("/api/webhook-deliveries", **query))
    schemas.Deliveries.model_validate(listed)
    return listed["items"]


def ended(hooks: Program, webhook: JSON, **query: Any) -> JSON:
    """Return the webhook's one delivery, once it has ended."""
    return settled(hooks, webhook, lambda one: one["status"] != "pending", **query)


def settled(hooks: Program, webhook: JSON, enough: Any, **query: Any) -> JSON:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = deliveries(hooks, webhookId=webhook["id"], **query)
        if len(found) == 1 and enough(found[0]):
            return found[0]
        time.sleep(0.01)
    raise AssertionError(found)


def later(live: Live, seconds: float) -> None:
    """Let time pass, for the store and for whoever sends."""
    live.clock.advance(seconds)

    async def look(rt: Runtime) -> None:
        rt.owed.set()

    live.run(look)


@pytest.fixture(autouse=True)
def _time_comes_back(live: Live) -> Iterator[None]:
    yield
    live.clock.offset_ms = 0


def test_each_end_is_told_once_signed_and_without_the_payload(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    approved, cancelled = program.ask(alex.username), program.ask(alex.username)
    raise_for(alex.approve(approved["id"]))
    lost = rejected(live, program, alex)
    raise_for(program.post(f"/api/confirmations/{cancelled['id']}/cancel"))
    told: dict[str, JSON] = {}
    for request in receiver.wait_for(3):
        now = live.clock()
        received = verify(request.headers, request.body, secret=webhook["secret"], now_ms=now)
        assert received.confirmation is not None
        told[received.confirmation["id"]] = json.loads(request.body)
    assert {id_: body["event"] for id_, body in told.items()} == {
        approved["id"]: "approved",
        lost: "rejected",
        cancelled["id"]: "expired",
    }
    for id_, body in told.items():
        read = program.read(id_)
        del read["payload"], read["payloadText"]
        assert body["confirmation"] == read
        assert body["occurredAt"] == read["decidedAt"]
        [listed] = deliveries(hooks, confirmationId=id_, webhookId=webhook["id"])
        assert listed["id"] == body["id"]
    assert told[approved["id"]]["confirmation"]["rawAssertion"]["type"] == "public-key"


def test_what_expires_unseen_is_told(
    live: Live, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username, ttlSeconds=60)
    later(live, 61)
    [request] = receiver.wait_for(1)
    assert json.loads(request.body)["confirmation"]["id"] == asked["id"]
    assert request.headers["cosignet-event"] == "expired"


def test_six_attempts_at_the_published_times_then_a_dead_letter(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    receiver.answer(otherwise=status(500))
    rejected(live, program, alex)
    waits: list[float] = []
    for number, delay in enumerate([*RETRY_DELAYS[1:], None], 1):
        receiver.wait_for(number)
        one = settled(hooks, webhook, lambda one, n=number: one["attempts"][n - 1 :][0]["status"])
        assert len(one["attempts"]) == number
        if delay is None:
            break
        row = next_attempt(live, one)
        waits.append(row)
        later(live, delay * (1 - JITTER_PART))
        assert len(receiver.requests) == number, "too early"
        later(live, delay * 2 * JITTER_PART + 1)
    for wait, delay in zip(waits, RETRY_DELAYS[1:], strict=True):
        assert delay <= wait <= delay * (1 + JITTER_PART) + 1
    one = ended(hooks, webhook)
    assert (one["status"], one["nextAttemptAt"]) == ("dead_letter", None)
    assert len({r.headers["cosignet-delivery-id"] for r in receiver.requests}) == 1
    assert len({r.headers["cosignet-timestamp"] for r in receiver.requests}) == 6
    last = receiver.requests[-1]
    verify(last.headers, last.body, secret=webhook["secret"], now_ms=live.clock())


def next_attempt(live: Live, delivery: JSON) -> float:
    """Return in how many seconds, by the store's clock, a delivery is due."""
    with opened(live.data_dir / "cosignet.db") as rows:
        [[at]] = rows.execute(
            "SELECT next_attempt_at FROM deliveries WHERE id = ?", [delivery["id"]]
        )
    return (at - live.clock()) / 1000


# --- What an endpoint can do ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        (status(300), 300, None),
        (redirect("http://localhost:1/"), 307, None),
        (status(404), 404, None),
        (status(503), 503, None),
        (hang_up, None, "."),
        (raw(b"nonsense\r\n\r\n"), None, "not HTTP"),
    ],
)
def test_whatever_is_no_success_is_tried_again_and_kept(
    answer: Any,
    code: int | None,
    error: str | None,
    live: Live,
    hooks: Program,
    receiver: Receiver,
    webhook: JSON,
    program: Program,
    alex: Person,
) -> None:
    receiver.answer(answer)
    rejected(live, program, alex)
    one = settled(hooks, webhook, lambda one: one["attempts"] and done(one["attempts"][0]))
    [attempt] = one["attempts"]
    assert (one["status"], attempt["status"]) == ("pending", code)
    assert (attempt["error"] is None) is (error is None)
    assert webhook_now(hooks, webhook)["failingSince"] is not None
    later(live, 60)
    one = ended(hooks, webhook)
    assert (one["status"], len(one["attempts"])) == ("delivered", 2)
    assert webhook_now(hooks, webhook)["failingSince"] is None


def done(attempt: JSON) -> bool:
    return attempt["durationMs"] is not None


def webhook_now(hooks: Program, webhook: JSON) -> JSON:
    listed = raise_for(hooks.get("/api/webhooks"))
    schemas.Webhooks.model_validate(listed)
    [found] = [one for one in listed["items"] if one["id"] == webhook["id"]]
    return found


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_any_success_is_success(
    code: int,
    live: Live,
    hooks: Program,
    receiver: Receiver,
    webhook: JSON,
    program: Program,
    alex: Person,
) -> None:
    receiver.answer(status(code, body=b""))
    rejected(live, program, alex)
    assert ended(hooks, webhook)["status"] == "delivered"


def test_the_endpoint_is_given_the_time_it_asks_for(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    receiver.answer(status(429, "Retry-After: 500"))
    rejected(live, program, alex)
    one = settled(hooks, webhook, lambda one: one["attempts"] and done(one["attempts"][0]))
    assert 490 < next_attempt(live, one) <= 500 * (1 + JITTER_PART)
    later(live, 480)
    later(live, 80)
    assert ended(hooks, webhook)["status"] == "delivered"


def test_an_endpoint_that_is_gone_is_disabled_and_what_it_misses_can_be_had_later(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    path = f"/api/webhooks/{webhook['id']}"
    receiver.answer(status(410))
    first = rejected(live, program, alex)
    assert ended(hooks, webhook)["status"] == "dead_letter"
    now = webhook_now(hooks, webhook)
    assert (now["disabledReason"], now["disabledAt"] is None) == ("gone", False)
    second = rejected(live, program, alex)
    one = ended(hooks, webhook, confirmationId=second)
    assert (one["status"], one["attempts"]) == ("dead_letter", [])
    assert len(receiver.requests) == 1
    for refused in (
        hooks.post(f"{path}/test"),
        redeliver(hooks, one),
        redeliver_all(hooks, webhook),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_ended")
    raise_for(hooks.post(f"{path}/enable"))
    assert webhook_now(hooks, webhook)["disabledAt"] is None
    assert redeliver_all(hooks, webhook).json() == {"redelivered": 2}
    for confirmation in (first, second):
        assert ended(hooks, webhook, confirmationId=confirmation)["status"] == "delivered"


def redeliver(hooks: Program, delivery: JSON) -> Any:
    return hooks.post(f"/api/webhook-deliveries/{delivery['id']}/redeliver")


def redeliver_all(hooks: Program, webhook: JSON, since: str = "2000-01-01T00:00:00Z") -> Any:
    return hooks.post(f"/api/webhooks/{webhook['id']}/redeliver", {"since": since})


def test_an_endpoint_that_is_dead_for_days_is_disabled(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    receiver.answer(otherwise=status(500))
    rejected(live, program, alex)
    settled(hooks, webhook, lambda one: one["attempts"] and done(one["attempts"][0]))
    later(live, DISABLED_AFTER_SECONDS - 60)
    settled(hooks, webhook, lambda one: one["attempts"][1:] and done(one["attempts"][1]))
    assert webhook_now(hooks, webhook)["disabledAt"] is None
    later(live, 3600)
    assert ended(hooks, webhook)["status"] == "dead_letter"
    now = webhook_now(hooks, webhook)
    assert now["disabledReason"] == "failing"


def test_a_dead_letter_is_sent_again_with_all_its_attempts(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    receiver.answer(otherwise=status(500))
    rejected(live, program, alex)
    for number in range(1, 7):
        receiver.wait_for(number)
        settled(hooks, webhook, lambda one, n=number: done_all(one, n))
        later(live, 30_000)
    one = ended(hooks, webhook)
    assert one["status"] == "dead_letter"
    future = redeliver_all(hooks, webhook, since="2200-01-01T00:00:00+01:00")
    assert future.json() == {"redelivered": 0}
    raise_for(redeliver(hooks, one))
    receiver.wait_for(7)
    one = settled(hooks, webhook, lambda one: done_all(one, 7))
    assert one["status"] == "pending"
    receiver.answer(otherwise=status(200))
    raise_for(redeliver(hooks, one))
    one = ended(hooks, webhook)
    assert (one["status"], len(one["attempts"])) == ("delivered", 8)
    assert {r.headers["cosignet-delivery-id"] for r in receiver.requests} == {one["id"]}
    raise_for(redeliver(hooks, one))
    receiver.wait_for(9)


def done_all(delivery: JSON, count: int) -> bool:
    return len(delivery["attempts"]) == count and done(delivery["attempts"][-1])


def test_one_delivery_is_under_way_once(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    receiver.answer(hang)
    rejected(live, program, alex)
    receiver.wait_for(1)
    [one] = deliveries(hooks, webhookId=webhook["id"])
    assert one["attempts"] == [
        {"at": one["attempts"][0]["at"], "status": None, "durationMs": None, "error": None}
    ]

    async def claim(rt: Runtime) -> int:
        due = await deliver.due(rt)
        return len(due)

    raise_for(redeliver(hooks, one))
    later(live, LEASE_SECONDS - 1)
    assert live.run(claim) == 0
    assert len(receiver.requests) == 1


def test_whose_sender_has_ended_is_sent_again_and_an_old_word_counts_no_more(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    receiver.answer(hang, otherwise=status(200))
    rejected(live, program, alex)
    receiver.wait_for(1)
    later(live, LEASE_SECONDS + 1)
    receiver.wait_for(2)
    one = ended(hooks, webhook)
    assert one["status"] == "delivered"
    first, second = one["attempts"]
    assert (first["status"], second["status"]) == (None, 200)
    assert first["error"] is not None
    # The first comes to its own end after its deadline, and changes nothing.
    deadline = time.monotonic() + 20
    while "no answer within" not in (first["error"] or "") and time.monotonic() < deadline:
        time.sleep(0.1)
        one = ended(hooks, webhook)
        first = one["attempts"][0]
    assert "no answer within" in first["error"]
    assert (one["status"], one["nextAttemptAt"]) == ("delivered", None)


def test_a_slow_endpoint_slows_no_other(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    with Receiver(otherwise=hang) as slow:
        dead = raise_for(hooks.post("/api/webhooks", {"url": slow.url}))
        for number in range(1, 21):
            rejected(live, program, alex)
            receiver.wait_for(number)
        # No more of them at a time than one endpoint is given.
        assert len(slow.requests) == live.runtime.limits.sending_per_webhook
        raise_for(hooks.post(f"/api/webhooks/{dead['id']}/revoke"))


def test_both_secrets_sign_while_one_is_replaced(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON
) -> None:
    path = f"/api/webhooks/{webhook['id']}"

    def signatures(secret: str) -> int:
        """Send a test, verify it by a secret, and return how many signatures it has."""
        sent = raise_for(hooks.post(f"{path}/test"))["id"]
        while hooks.get(f"/api/webhook-deliveries/{sent}").json()["status"] == "pending":
            time.sleep(0.01)
        request = receiver.requests[-1]
        verify(request.headers, request.body, secret=secret, now_ms=live.clock())
        return len(request.headers["webhook-signature"].split())

    def rotated(**body: int) -> str:
        return raise_for(hooks.post(f"{path}/rotate", body))["secret"]

    assert signatures(webhook["secret"]) == 1
    second = rotated(overlapSeconds=3600)
    refused = hooks.post(f"{path}/rotate")
    assert (refused.status_code, refused.json()["code"]) == (409, "rotation_under_way")
    assert signatures(webhook["secret"]) == 2
    later(live, 3601)
    assert signatures(second) == 1
    third = rotated()
    assert signatures(second) == 2
    later(live, ROTATION_SECONDS_DEFAULT)
    assert signatures(third) == 1
    rotated()
    assert signatures(rotated(overlapSeconds=0)) == 1


def test_a_test_tells_of_nothing_and_is_sent_once(
    hooks: Program, receiver: Receiver, webhook: JSON
) -> None:
    receiver.answer(status(500))
    sent = raise_for(hooks.post(f"/api/webhooks/{webhook['id']}/test"))
    schemas.Delivery.model_validate(sent)
    one = ended(hooks, webhook)
    assert (one["id"], one["status"], len(one["attempts"])) == (sent["id"], "dead_letter", 1)
    [request] = receiver.requests
    assert json.loads(request.body)["confirmation"] is None
    assert redeliver_all(hooks, webhook).json() == {"redelivered": 0}


def test_a_delivery_can_be_looked_at_closely(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON
) -> None:
    receiver.answer(status(200, "X-Said: yes"))
    hooks.post(f"/api/webhooks/{webhook['id']}/test")
    one = ended(hooks, webhook)
    read = raise_for(hooks.get(f"/api/webhook-deliveries/{one['id']}"))
    schemas.FullDelivery.model_validate(read)
    [attempt] = read["attempts"]
    assert attempt["request"].startswith(f"POST /hook HTTP/1.1\nHost: localhost:{receiver.port}\n")
    assert f"Cosignet-Delivery-Id: {one['id']}" in attempt["request"]
    assert attempt["response"] == "HTTP/1.1 200\nContent-Length: 2\nX-Said: yes"


def test_nothing_is_sent_to_a_webhook_that_was_revoked(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    receiver.answer(otherwise=status(500))
    rejected(live, program, alex)
    settled(hooks, webhook, lambda one: one["attempts"] and done(one["attempts"][0]))
    raise_for(hooks.post(f"/api/webhooks/{webhook['id']}/revoke"))
    one = ended(hooks, webhook)
    assert (one["status"], one["nextAttemptAt"]) == ("dead_letter", None)
    rejected(live, program, alex)
    later(live, 100_000)
    assert len(deliveries(hooks, webhookId=webhook["id"])) == 1
    assert len(receiver.requests) == 1


def test_a_webhook_is_sent_only_what_it_is_registered_for(
    live: Live, hooks: Program, receiver: Receiver, program: Program, alex: Person
) -> None:
    body = {"url": receiver.url, "events": ["approved"]}
    only = raise_for(hooks.post("/api/webhooks", body))
    rejected(live, program, alex)
    asked = program.ask(alex.username)
    raise_for(alex.approve(asked["id"]))
    [request] = receiver.wait_for(1)
    assert json.loads(request.body)["confirmation"]["id"] == asked["id"]
    assert len(deliveries(hooks, webhookId=only["id"])) == 1
    raise_for(hooks.post(f"/api/webhooks/{only['id']}/revoke"))


def test_a_delivery_is_forgotten_long_after_its_end_with_its_attempts(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    receiver.answer(status(200), otherwise=hang)
    rejected(live, program, alex)
    delivered = ended(hooks, webhook)
    later(live, DELIVERIES_KEPT_MS / 1000 - 3600)
    rejected(live, program, alex)
    receiver.wait_for(2)
    later(live, DELIVERIES_KEPT_MS / 1000 + 60)
    live.run(forget.forget_ended)
    assert hooks.get(f"/api/webhook-deliveries/{delivered['id']}").status_code == 404
    # What has no end yet stays, however old it is.
    [pending] = deliveries(hooks, webhookId=webhook["id"])
    assert (pending["status"], pending["attempts"] != []) == ("pending", True)
    with opened(live.data_dir / "cosignet.db") as rows:
        assert rows.execute(OF_NOTHING).fetchall() == []


OF_NOTHING = "SELECT number FROM attempts WHERE delivery_id NOT IN (SELECT id FROM deliveries)"
