"""Sending: once and for all if the endpoint takes it, later if it does not, never to a stranger."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.receiver import Receiver, status
from tests.server.rows import opened

from cosignet.core.access import Scope
from cosignet.core.limits import Limits
from cosignet.core.webhook import JITTER_PART, RETRY_DELAYS, verify
from cosignet.server.runtime import Runtime
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
