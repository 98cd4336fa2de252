"""Claims: each attempt is one sender's, and what the others say counts no more."""

import asyncio
from collections.abc import Iterator

import pytest
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.receiver import Receiver, status

from cosignet.core.access import Scope
from cosignet.core.delivery import Claim
from cosignet.core.limits import Limits
from cosignet.server.runtime import Runtime
from cosignet.server.services import deliver
from cosignet.server.services.deliver import Due
from cosignet.server.worker import Sender

SETTINGS = {"COSIGNET_ALLOW_PRIVATE_WEBHOOKS": "yes"}
LEASE_SECONDS = 30


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that sends nothing by itself."""
    with Live(tmp_path_factory.mktemp("claims") / "data", SETTINGS) as running:
        yield running


@pytest.fixture
def hooks(live: Live) -> Program:
    return live.program(Scope.WEBHOOKS, name="hooks")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def webhook(live: Live, hooks: Program, receiver: Receiver) -> Iterator[JSON]:
    registered = raise_for(hooks.post("/api/webhooks", {"url": receiver.url}))
    yield registered
    live.clock.offset_ms = 0
    raise_for(hooks.post(f"/api/webhooks/{registered['id']}/revoke"))


def owe(live: Live, program: Program, alex: Person, count: int = 1) -> None:
    for _ in range(count):
        asked = program.ask(alex.username, ttlSeconds=3600)["id"]
        raise_for(program.post(f"/api/confirmations/{asked}/cancel"))


def claim(live: Live, limit: int = 1) -> list[Claim]:
    async def work(rt: Runtime) -> list[Claim]:
        return await deliver.claim(rt, dict.fromkeys(await deliver.due(rt), limit))

    return live.run(work)


def attempt(live: Live, claimed: Claim) -> None:
    async def work(rt: Runtime) -> None:
        await deliver.attempt(rt, claimed)

    live.run(work)


def only(hooks: Program, webhook: JSON) -> JSON:
    [found] = raise_for(hooks.get("/api/webhook-deliveries", webhookId=webhook["id"]))["items"]
    return found


def test_senders_that_come_together_claim_each_delivery_once(
    live: Live, webhook: JSON, program: Program, alex: Person
) -> None:
    owe(live, program, alex, 12)

    async def race(rt: Runtime) -> list[Claim]:
        due = await deliver.due(rt)
        rounds = (deliver.claim(rt, dict.fromkeys(due, 3)) for _ in range(6))
        return [one for claims in await asyncio.gather(*rounds) for one in claims]

    claims = live.run(race)
    assert len(claims) == 12
    assert len({one.delivery.id for one in claims}) == 12
    assert claim(live, 12) == []


@pytest.mark.parametrize("late", [200, 500, 410])
def test_who_lost_a_claim_decides_nothing_any_more(
    late: int, live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program,
    alex: Person,
) -> None:  # fmt: skip
    owe(live, program, alex)
    [first] = claim(live)
    live.clock.advance(LEASE_SECONDS + 1)
    [second] = claim(live)
    assert (first.delivery.id, first.number, second.number) == (second.delivery.id, 1, 2)
    receiver.answer(status(late))
    before = only(hooks, webhook)
    attempt(live, first)
    found = only(hooks, webhook)
    assert found | {"attempts": None} == before | {"attempts": None}
    assert found["status"] == "pending"
    assert [one["status"] for one in found["attempts"]] == [late, None]
    if late != 410:
        attempt(live, second)
        assert only(hooks, webhook)["status"] == "delivered"


def test_an_interrupted_attempt_is_no_failure_and_says_what_it_is(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    owe(live, program, alex)
    for _ in range(9):
        claim(live)
        live.clock.advance(LEASE_SECONDS + 1)
    receiver.answer(status(500))
    [claimed] = claim(live)
    attempt(live, claimed)
    found = only(hooks, webhook)
    assert found["status"] == "pending"
    assert {one["error"] for one in found["attempts"][:-1]} == {"the sender ended before it knew"}
    assert claimed.delivery.failures == 0


def test_what_was_claimed_is_not_sent_to_a_webhook_that_has_just_ended(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    owe(live, program, alex)
    [claimed] = claim(live)
    raise_for(hooks.post(f"/api/webhooks/{webhook['id']}/revoke"))
    assert only(hooks, webhook)["status"] == "pending"
    attempt(live, claimed)
    found = only(hooks, webhook)
    assert (found["status"], receiver.connections) == ("dead_letter", 0)
    assert found["attempts"][0]["error"] == "the webhook was revoked or disabled"


def test_what_is_under_way_when_a_webhook_ends_counts_as_it_went(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    owe(live, program, alex)
    [claimed] = claim(live)

    async def both(rt: Runtime) -> None:
        sending = asyncio.create_task(deliver.attempt(rt, claimed))
        await asyncio.to_thread(receiver.wait_for, 1)
        await asyncio.to_thread(hooks.post, f"/api/webhooks/{webhook['id']}/revoke")
        go_on.set()
        await sending

    go_on = asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), live.loop))
        await status(200)(writer)

    receiver.answer(slowly)
    live.run(both)
    assert only(hooks, webhook)["status"] == "delivered"


def test_another_organisation_hears_nothing(
    live: Live, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    other = live.stranger(Scope.WEBHOOKS)
    raise_for(other.post("/api/webhooks", {"url": receiver.url}))
    owe(live, program, alex)
    assert len(claim(live, 9)) == 1


def test_without_permission_for_it_any_more_nothing_leads_inside(
    live: Live, hooks: Program, receiver: Receiver, webhook: JSON, program: Program, alex: Person
) -> None:
    owe(live, program, alex)
    [claimed] = claim(live)
    outside = live.runtime.outside
    try:
        outside.allow_private = False
        attempt(live, claimed)
    finally:
        outside.allow_private = True
    [made] = only(hooks, webhook)["attempts"]
    assert made["error"].startswith("its URL is not accepted")
    assert receiver.connections == 0


def test_a_lease_is_longer_than_any_attempt(live: Live, webhook: JSON) -> None:
    assert live.runtime.limits.lease_seconds == Limits().lease_seconds == LEASE_SECONDS


def shares(live: Live, due: list[Due], busy: int = 0) -> list[int]:
    sender = Sender(live.runtime)
    sender._tasks.update(range(busy))  # type: ignore[arg-type]
    return list(sender._share_out(due).values())


def test_places_are_shared_out_so_that_one_more_finds_room(live: Live) -> None:
    fine = [Due(str(number), True, False) for number in range(40)]
    failing = [Due(str(number), True, True) for number in range(3)]
    assert shares(live, fine[:2]) == [16, 16]
    assert shares(live, failing) == [1, 1, 1]
    crowded = shares(live, fine)
    assert sum(crowded) <= 128
    assert min(crowded[:12]) >= 1
    assert shares(live, fine[:3], busy=126) == [1, 1, 0]
    assert shares(live, fine[:1], busy=128) == [0]
