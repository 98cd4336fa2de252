"""`/api/webhooks`: whose they are, how many, what is shown of them, when they begin to count."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engines import Refused
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.server.rows import opened

from cosignet.core.access import Scope
from cosignet.core.errors import Unavailable
from cosignet.core.webhook import WEBHOOKS_MAX
from cosignet.server.runtime import Runtime
from cosignet.server.services import deliver
from cosignet.server.store import confirmations, webhooks
from cosignet.server.web import schemas_webhooks as schemas

HOOK = {"url": "https://hooks.example/path"}


@pytest.fixture
def hooks(live: Live) -> Iterator[Program]:
    program = live.program(Scope.WEBHOOKS, name="hooks")
    yield program
    for one in raise_for(program.get("/api/webhooks"))["items"]:
        raise_for(program.post(f"/api/webhooks/{one['id']}/revoke"))


@pytest.fixture
def webhook(hooks: Program) -> JSON:
    return raise_for(hooks.post("/api/webhooks", HOOK))


@pytest.fixture
def delivery(hooks: Program, webhook: JSON) -> JSON:
    return raise_for(hooks.post(f"/api/webhooks/{webhook['id']}/test"))


def test_a_webhook_shows_its_secret_once(live: Live, hooks: Program) -> None:
    answer = hooks.post("/api/webhooks", HOOK)
    made = answer.json()
    assert answer.status_code == 201
    schemas.MintedWebhook.model_validate(made)
    assert made["events"] == ["approved", "rejected", "expired"]
    assert made["secret"].startswith("whsec_")
    assert len(made["secret"]) == 50
    listed = hooks.get("/api/webhooks")
    schemas.Webhooks.model_validate(listed.json())
    assert made["id"] in listed.text
    assert made["secret"] not in listed.text


def test_no_secret_of_a_webhook_is_stored_in_the_clear(
    live: Live, hooks: Program, webhook: JSON
) -> None:
    rotated = raise_for(hooks.post(f"/api/webhooks/{webhook['id']}/rotate"))
    with opened(live.data_dir / "cosignet.db") as rows:
        [row] = rows.execute(
            "SELECT secret_sealed, old_secret_sealed FROM webhooks WHERE id = ?", [webhook["id"]]
        )
    for secret in (webhook["secret"], rotated["secret"]):
        assert all(secret.encode() not in bytes(sealed) for sealed in row)
    for path in Path(live.data_dir).glob("cosignet.db*"):
        assert webhook["secret"].encode() not in path.read_bytes()


def test_a_secret_is_sealed_for_its_webhook_alone(live: Live, hooks: Program) -> None:
    one, other = (raise_for(hooks.post("/api/webhooks", HOOK)) for _ in range(2))
    sealed = "(SELECT secret_sealed FROM webhooks WHERE id = ?)"
    with opened(live.data_dir / "cosignet.db") as rows:
        rows.execute(
            f"UPDATE webhooks SET secret_sealed = {sealed} WHERE id = ?", [one["id"], other["id"]]
        )
        rows.commit()

    async def secrets(rt: Runtime) -> None:
        reader = rt.database.reader
        owner = "SELECT organisation_id FROM webhooks WHERE id = $1"
        [[organisation]] = await reader.fetch(owner, other["id"])
        found = await webhooks.get_with_secrets(reader, organisation, other["id"])
        assert found is not None
        with pytest.raises(Unavailable):
            deliver._secrets(rt, other["id"], found[1])

    live.run(secrets)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "url"),
        ({"url": 1}, "url"),
        ({"url": "http://hooks.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://localhost:1/\u0000"}, "url"),
        ({"url": f"https://hooks.example/{'a' * 2000}"}, "url"),
        ({**HOOK, "events": []}, "events"),
        ({**HOOK, "events": ["pending"]}, "events"),
        ({**HOOK, "events": ["test"]}, "events"),
        ({**HOOK, "events": "approved"}, "events"),
        ({**HOOK, "events": ["approved"] * 4}, "events"),
        ({**HOOK, "secret": "mine"}, "secret"),
    ],
)
def test_what_is_not_accepted_names_its_field(hooks: Program, fields: JSON, field: str) -> None:
    answer = hooks.post("/api/webhooks", fields)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("rotate", {"overlapSeconds": -1}, "overlapSeconds"),
        ("rotate", {"overlapSeconds": 86_401}, "overlapSeconds"),
        ("redeliver", {}, "since"),
        ("redeliver", {"since": "yesterday"}, "since"),
        ("redeliver", {"since": "2026-11-20T20:45:25"}, "since"),
        ("test", {"event": "approved"}, "event"),
    ],
)
def test_what_is_done_to_a_webhook_is_checked(
    hooks: Program, webhook: JSON, path: str, body: JSON, field: str
) -> None:
    answer = hooks.post(f"/api/webhooks/{webhook['id']}/{path}", body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_deliveries_are_filtered_and_paged(hooks: Program, webhook: JSON) -> None:
    made = [raise_for(hooks.post(f"/api/webhooks/{webhook['id']}/test"))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"webhookId": webhook["id"], "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = raise_for(hooks.get("/api/webhook-deliveries", **query))
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(made)
    for query, count in [
        ({"status": "pending"}, 5),
        ({"status": "delivered"}, 0),
        ({"confirmationId": "none"}, 0),
    ]:
        page = raise_for(hooks.get("/api/webhook-deliveries", webhookId=webhook["id"], **query))
        assert len(page["items"]) == count
    for query, field in [
        ({"status": "approved"}, "status"),
        ({"limit": 0}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"event": "approved"}, "event"),
    ]:
        refused = hooks.get("/api/webhook-deliveries", **query)
        assert (refused.status_code, refused.json()["field"]) == (422, field)


@pytest.mark.parametrize("whose", ["stranger", "nobody"])
def test_anothers_webhooks_look_as_if_they_did_not_exist(
    live: Live, hooks: Program, webhook: JSON, delivery: JSON, whose: str
) -> None:
    other = live.stranger(Scope.WEBHOOKS) if whose == "stranger" else hooks
    if whose == "nobody":
        webhook, delivery = ({"id": "3f0c9a52-8d4e-4c57-b1a6-90e2d7f46a19"} for _ in range(2))
    since = {"since": "2000-01-01T00:00:00Z"}
    answers = [
        *(other.post(f"/api/webhooks/{webhook['id']}/{verb}") for verb in ("revoke", "enable")),
        *(other.post(f"/api/webhooks/{webhook['id']}/{verb}") for verb in ("rotate", "test")),
        other.post(f"/api/webhooks/{webhook['id']}/redeliver", since),
        other.get(f"/api/webhook-deliveries/{delivery['id']}"),
        other.post(f"/api/webhook-deliveries/{delivery['id']}/redeliver"),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (404, "not_found")
    }
    if whose == "stranger":
        assert other.get("/api/webhooks").json() == {"items": []}
        assert other.get("/api/webhook-deliveries").json()["items"] == []


def test_only_the_scope_webhooks_reaches_them(program: Program, webhook: JSON) -> None:
    for answer in (
        program.get("/api/webhooks"),
        program.post("/api/webhooks", HOOK),
        program.get("/api/webhook-deliveries"),
        program.post(f"/api/webhooks/{webhook['id']}/rotate"),
    ):
        assert (answer.status_code, answer.json()["scope"]) == (403, "webhooks")


def test_an_organisation_has_only_so_many(live: Live) -> None:
    other = live.stranger(Scope.WEBHOOKS)
    made = [raise_for(other.post("/api/webhooks", HOOK)) for _ in range(WEBHOOKS_MAX)]
    refused = other.post("/api/webhooks", HOOK)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
    raise_for(other.post(f"/api/webhooks/{made[0]['id']}/revoke"))
    raise_for(other.post("/api/webhooks", HOOK))


def test_many_at_once_are_not_more_than_that(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    count = webhooks.count

    async def count_slowly(*arguments: Any) -> int:
        found = await count(*arguments)
        if live.engine == "postgres":
            await asyncio.sleep(0.1)
        return found

    monkeypatch.setattr(webhooks, "count", count_slowly)
    other = live.stranger(Scope.WEBHOOKS)
    for _ in range(WEBHOOKS_MAX - 1):
        raise_for(other.post("/api/webhooks", HOOK))
    statuses: list[int] = []

    def register() -> None:
        statuses.append(Program(live.url, other.key).post("/api/webhooks", HOOK).status_code)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] + [409] * 7


def test_a_revoked_webhook_stays_so(hooks: Program, webhook: JSON, delivery: JSON) -> None:
    path = f"/api/webhooks/{webhook['id']}"
    first = raise_for(hooks.post(f"{path}/revoke"))
    assert first["revokedAt"] is not None
    assert raise_for(hooks.post(f"{path}/revoke")) == first
    for answer in (
        hooks.post(f"{path}/enable"),
        hooks.post(f"{path}/rotate"),
        hooks.post(f"{path}/rotate", {"overlapSeconds": 0}),
        hooks.post(f"{path}/test"),
        hooks.post(f"/api/webhook-deliveries/{delivery['id']}/redeliver"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "webhook_ended")
    [found] = raise_for(hooks.get("/api/webhook-deliveries", webhookId=webhook["id"]))["items"]
    assert found["status"] == "dead_letter"


@pytest.mark.parametrize("verb", ["", "/rotate", "/test"])
def test_repeating_with_an_idempotency_key_makes_one(hooks: Program, verb: str) -> None:
    webhook = raise_for(hooks.post("/api/webhooks", HOOK))
    path = f"/api/webhooks/{webhook['id']}{verb}" if verb else "/api/webhooks"
    body = {} if verb else HOOK
    headers = {"Idempotency-Key": f"once{verb}{webhook['id']}"}
    first, again = (hooks.post(path, body, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code
    assert again.headers["Idempotent-Replayed"] == "true"
    told = first.json()
    secret = told.pop("secret", None)
    if secret is None:
        assert again.json() == told
    else:
        assert again.json() == told | {"omitted": ["secret"]}
        schemas.ReplayedWebhook.model_validate(again.json())


@pytest.mark.engine("postgres")
def test_what_is_being_decided_while_a_webhook_is_registered_ends_first(
    live: Live, hooks: Program, program: Program, alex: Person
) -> None:
    """Else it would fall between both: not told, and not yet to be seen either."""
    asked = program.ask(alex.username)["id"]
    begun, go_on = threading.Event(), threading.Event()

    async def decide(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            await confirmations.reject(tx, asked, signed=False, reason=None, evidence_id=None)
            # Whatever webhooks there are, it has looked for them by now.
            begun.set()
            await asyncio.to_thread(go_on.wait)

    seen: list[str] = []

    def register() -> None:
        raise_for(Program(live.url, hooks.key).post("/api/webhooks", HOOK))
        seen.append(program.read(asked)["status"])

    deciding = asyncio.run_coroutine_threadsafe(decide(live.runtime), live.loop)
    assert begun.wait(20)
    registering = threading.Thread(target=register)
    registering.start()
    registering.join(0.5)
    go_on.set()
    deciding.result(20)
    registering.join()
    assert seen == ["rejected"]


def test_a_delivery_tells_of_a_confirmation_or_is_a_test(live: Live, delivery: JSON) -> None:
    with opened(live.data_dir / "cosignet.db") as rows, pytest.raises(Refused):
        rows.execute("UPDATE deliveries SET event = 'approved' WHERE id = ?", [delivery["id"]])
