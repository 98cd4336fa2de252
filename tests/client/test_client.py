"""The Python client against a real server: what it asks, shows, cancels, pins and runs."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.authenticator import EDDSA, ES256, RS256, Authenticator, base64url
from tests.client.clients import QUICK
from tests.live import Live
from tests.people import Person

from cosignet.client import (
    AsyncCosignet,
    Cancelled,
    Cosignet,
    EvidenceRefused,
    Expired,
    PinFile,
    PinnedKeys,
    Rejected,
    RequestRefused,
    SetupIncomplete,
    Unavailable,
    requires_approval,
)
from cosignet.client.api import QUOTED_MAX, Unheard
from cosignet.core.characters import is_hidden
from cosignet.core.errors import PayloadRefused


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("client") / "data") as server:
        yield server


def client(live: Live, person: Person, **options: Any) -> Cosignet:
    trust = PinnedKeys({person.username: [base64url(person.passkey.spki)]})
    return Cosignet(
        **{
            "api_key": live.program().key,
            "base_url": live.url,
            "trust": trust,
            "timing": QUICK,
        }
        | options
    )


class Later:
    """Does something with what was asked, in a thread of its own, while the client waits."""

    begun: ClassVar[list[threading.Thread]] = []

    def __init__(self, act: Any) -> None:
        self.act = act

    def __call__(self, asked: Any) -> None:
        thread = threading.Thread(target=self.act, args=(asked.id,))
        thread.start()
        self.begun.append(thread)


@pytest.fixture(autouse=True)
def _who_decides_has_heard_the_answer() -> Iterator[None]:
    yield
    while Later.begun:
        Later.begun.pop().join()


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_an_approval_by_any_kind_of_passkey_is_verified_and_used_once(
    live: Live, algorithm: int
) -> None:
    person = Person(live.url, Authenticator(algorithm=algorithm))
    person.register(live.invite(), f"kind{-algorithm}")
    asking = client(live, person)
    payload = {"b": 1.0, "10": 1e2, "a": ["é", None, True, -0.0]}
    decision = asking.request_approval(
        username=person.username.upper(),
        action="Refund",
        payload=payload,
        on_created=Later(person.approve),
    )
    assert decision["status"] == "approved"
    ran: list[Any] = []
    asking.run(decision, ran.append)
    assert json.dumps(ran) == '[{"10": 100, "b": 1, "a": ["\\u00e9", null, true, 0]}]'
    with pytest.raises(EvidenceRefused, match="used before"):
        asking.run(decision, ran.append)
    assert len(ran) == 1
    read = live.program().read(decision.id)
    assert read["consumedAt"] is not None
    assert read["outcome"]["result"] == "executed"


def test_an_action_that_fails_is_reported_as_failed_and_its_error_raised(live: Live) -> None:
    person = live.newcomer()
    asking = client(live, person)
    decision = asking.request_approval(
        username=person.username, action="x", payload={}, on_created=Later(person.approve)
    )
    with pytest.raises(ZeroDivisionError):
        asking.run(decision, lambda _: 1 / 0)
    outcome = live.program().read(decision.id)["outcome"]
    assert (outcome["result"], outcome["note"]) == ("failed", "ZeroDivisionError")


@pytest.mark.parametrize("signed", [True, False])
def test_a_rejection_is_an_outcome(live: Live, signed: bool) -> None:
    person = live.newcomer()
    reject = person.reject_signed if signed else person.reject
    decision = client(live, person).request_approval(
        username=person.username, action="x", payload={}, on_created=Later(reject)
    )
    assert decision["status"] == "rejected"
    with pytest.raises(Rejected) as raised:
        decision.require_approved()
    assert raised.value.decision is decision


def test_silence_expires(live: Live) -> None:
    person = live.newcomer()
    decision = client(live, person).request_approval(
        username=person.username, action="x", payload={}, ttl_seconds=1
    )
    assert decision["status"] == "expired"
    with pytest.raises(Expired):
        client(live, person).run(decision, print)


def test_an_interrupt_takes_the_request_back(live: Live) -> None:
    person, seen = live.newcomer(), []

    def interrupt(asked: Any) -> None:
        seen.append(asked.id)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client(live, person).request_approval(
            username=person.username, action="x", payload={}, on_created=interrupt
        )
    assert live.program().read(seen[0])["cancelledAt"] is not None


def test_a_cancelled_task_takes_the_request_back(live: Live) -> None:
    person, seen = live.newcomer(), asyncio.Queue[str]()

    async def cancelled() -> str:
        asking = AsyncCosignet(client(live, person))
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(
            asking.request_approval(
                username=person.username,
                action="x",
                payload={},
                on_created=lambda asked: loop.call_soon_threadsafe(seen.put_nowait, asked.id),
            )
        )
        id_ = await seen.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return id_

    assert live.program().read(asyncio.run(cancelled()))["cancelledAt"] is not None


def test_what_somebody_else_takes_back_is_cancelled(live: Live) -> None:
    person = live.newcomer()
    asking = client(live, person)
    program = live.program()
    asking = client(live, person, api_key=program.key)
    decision = asking.request_approval(
        username=person.username,
        action="x",
        payload={},
        on_created=Later(lambda id_: program.post(f"/api/confirmations/{id_}/cancel", {})),
    )
    with pytest.raises(Cancelled):
        decision.require_approved()


def test_the_decorated_function_runs_with_what_was_signed(live: Live) -> None:
    person, ran = live.newcomer(), []

    @requires_approval(
        action=lambda arguments: f"Refund {arguments['customer']}",
        username=person.username,
        client=client(live, person),
        unsigned=["database"],
        on_created=Later(person.approve),
    )
    def refund(database: object, customer: str, *lines: int, amount: float = 5.0, **rest: str):
        ran.append((database, customer, lines, amount, rest))
        return "done"

    marker, lines = object(), [1, 2]
    assert refund(marker, "ada", *lines, note="x") == "done"
    assert ran == [(marker, "ada", (1, 2), 5, {"note": "x"})]
    assert refund.__name__ == "refund"
    item = live.program().get("/api/confirmations", username=person.username).json()["items"][0]
    assert item["action"] == "Refund ada"
    payload = live.program().read(item["id"])["payload"]
    assert payload["arguments"] == {
        "customer": "ada",
        "lines": [1, 2],
        "amount": 5,
        "rest": {"note": "x"},
    }
    with pytest.raises(PayloadRefused, match="object is not a JSON value"):
        refund(marker, object())  # type: ignore[arg-type]
    assert len(ran) == 1


def test_a_decorated_coroutine_is_gated_alike(live: Live) -> None:
    person, ran = live.newcomer(), []

    @requires_approval(
        action="Refund",
        username=person.username,
        client=client(live, person),
        on_created=Later(person.approve),
    )
    async def refund(amount: int) -> int:
        ran.append(amount)
        return amount + 1

    assert asyncio.run(refund(4)) == 5
    assert ran == [4]


def test_arguments_that_change_while_waiting_run_as_they_were_signed(live: Live) -> None:
    person, ran, lines = live.newcomer(), [], [{"amount": 1}]

    def change(asked: Any) -> None:
        lines[0]["amount"] = 1_000_000
        Later(person.approve)(asked)

    @requires_approval(
        action="x", username=person.username, client=client(live, person), on_created=change
    )
    def pay(lines: list[dict[str, int]]) -> None:
        ran.append(lines)

    pay(lines)
    assert ran == [[{"amount": 1}]]


# --- Whose passkey ------------------------------------------------------------------------------


def approved(live: Live, person: Person, **options: Any) -> Any:
    return client(live, person, **options).request_approval(
        username=person.username, action="x", payload={}, on_created=Later(person.approve)
    )


def test_the_first_use_is_told_loudly_and_any_other_key_is_refused(
    live: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    person = live.newcomer()
    pins = tmp_path / "new" / "pins.json"
    with caplog.at_level(logging.WARNING, logger="cosignet"):
        approved(live, person, trust=PinFile(pins))
    assert [record.message for record in caplog.records if "FIRST USE" in record.message]
    caplog.clear()
    approved(live, person, trust=PinFile(pins, first_use=False))
    assert not caplog.records
    other = live.newcomer()
    other.username = person.username
    kept = json.loads(pins.read_text())
    kept["pins"][0]["key"] = base64url(other.passkey.spki)
    pins.write_text(json.dumps(kept))
    with pytest.raises(EvidenceRefused) as refused:
        approved(live, person, trust=PinFile(pins))
    assert refused.value.code == "credential_not_pinned"
    assert base64url(person.passkey.spki) in str(refused.value)


def test_what_else_stands_in_a_file_of_pins_is_kept(live: Live, tmp_path: Path) -> None:
    pins = tmp_path / "pins.json"
    pins.write_text(json.dumps({"version": 1, "logs": ["a key of a log"], "pins": []}))
    approved(live, live.newcomer(), trust=PinFile(pins))
    kept = json.loads(pins.read_text())
    assert (len(kept["pins"]), kept["logs"]) == (1, ["a key of a log"])


def test_what_a_server_says_moves_no_cursor() -> None:
    for error in (Unavailable("\033[2K"), EvidenceRefused("x", "\r"), Unheard("\x9b\u202e")):
        assert not any(is_hidden(ord(one)) for one in str(error))
    assert len(str(Unheard("9" * 1_000_000))) == QUOTED_MAX


def test_without_a_first_use_an_unknown_passkey_is_refused(live: Live, tmp_path: Path) -> None:
    pins = tmp_path / "pins.json"
    with pytest.raises(EvidenceRefused, match="not among"):
        approved(live, live.newcomer(), trust=PinFile(pins, first_use=False))
    assert not pins.exists()


def test_pins_of_another_site_or_person_count_for_nobody(live: Live, tmp_path: Path) -> None:
    person, pins = live.newcomer(), tmp_path / "pins.json"
    approved(live, person, trust=PinFile(pins))
    kept = json.loads(pins.read_text())["pins"][0]
    for change in ({"origin": "https://other.example"}, {"approver": "somebody"}):
        pins.write_text(json.dumps({"version": 1, "pins": [kept | change]}))
        with pytest.raises(EvidenceRefused, match="not among"):
            approved(live, person, trust=PinFile(pins, first_use=False))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pins": ', "\xff"])
def test_a_broken_pin_file_is_no_empty_one(live: Live, tmp_path: Path, text: str) -> None:
    pins = tmp_path / "pins.json"
    pins.write_bytes(text.encode("latin-1"))
    with pytest.raises(SetupIncomplete):
        approved(live, live.newcomer(), trust=PinFile(pins))


def test_in_a_ci_job_nothing_is_believed_for_the_first_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COSIGNET_PINS", str(tmp_path / "pins.json"))
    for ci, first_use in (("true", False), ("false", True), ("", True)):
        monkeypatch.setenv("CI", ci)
        trust = Cosignet(api_key="k", base_url="https://cosignet.example").trust
        assert isinstance(trust, PinFile)
        assert (trust.first_use, trust.path) == (first_use, tmp_path / "pins.json")


# --- Refusals -----------------------------------------------------------------------------------


def test_a_refusal_names_field_and_code(live: Live) -> None:
    asking = client(live, live.newcomer())
    with pytest.raises(RequestRefused) as refused:
        asking.request_approval(username="nobody.here", action="x", payload={})
    assert (refused.value.code, refused.value.field) == ("approver_unknown", "username")
    wrong = client(live, live.newcomer(), api_key="cosk_wrong")
    with pytest.raises(RequestRefused, match="unauthenticated"):
        wrong.request_approval(username="x", action="x", payload={})


@pytest.mark.parametrize("value", [float("nan"), {1: 2}, (1,), {"a": object()}, 2**53, "\ud800"])
def test_a_payload_that_is_not_json_never_leaves(live: Live, value: Any) -> None:
    with pytest.raises(PayloadRefused):
        client(live, live.newcomer()).ask(username="x", action="x", payload={"v": value})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "http://cosignet.example"}, "https"),
        ({"base_url": "ftp://localhost"}, "https"),
        ({"base_url": "https://"}, "https"),
        ({"base_url": "http://localhost.example"}, "https"),
        ({"base_url": "https://a:b@cosignet.example"}, "https"),
        ({"base_url": "https://cosignet.example/?a"}, "https"),
        ({"base_url": "https://cosignet.example/#a"}, "https"),
        ({"api_key": ""}, "COSIGNET_API_KEY"),
        ({"api_key": "a\nb"}, "COSIGNET_API_KEY"),
    ],
)
def test_what_cannot_work_is_said_at_once(
    options: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COSIGNET_API_KEY", raising=False)
    with pytest.raises(SetupIncomplete, match=words):
        Cosignet(**{"api_key": "k", "base_url": "https://cosignet.example"} | options)


def test_somebody_is_alerted_once_after_some_failures_in_a_row(live: Live) -> None:
    alerted: list[Unavailable] = []
    nowhere = client(
        live, live.newcomer(), base_url="http://localhost:9", on_unavailable=alerted.append
    )
    with pytest.raises(Unavailable) as raised:
        nowhere.request_approval(username="x", action="x", payload={}, ttl_seconds=1)
    assert [alert.failures for alert in alerted] == [QUICK.alert_after]
    assert raised.value.failures > QUICK.alert_after


def test_the_key_and_the_token_are_in_no_repr(live: Live) -> None:
    person = live.newcomer()
    asking = client(live, person)
    decision = approved(live, person)
    approval = decision.require_approved()
    assert asking.door.api_key not in repr(asking.door)
    assert approval.run_token not in repr(decision) + repr(approval)
