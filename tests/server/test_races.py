"""Whoever comes at the same time: one wins, and the others are told who did.

Over HTTP, from two processes of their own.
"""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.authenticator import Authenticator, base64url
from tests.live import Live
from tests.people import JSON, Person, Program, host_of, raise_for
from tests.server.barrage import Barrage, Hit, Shot
from tests.server.rows import add_webhook, check, opened, value
from tests.server.together import Disk, Wanted, background, eventually

from cosignet.server.services.invite import Terms
from cosignet.server.store import confirmations, credentials
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Reader, Transaction
from cosignet.server.store.sqlite_reader import Others, SqliteReader

DAY_MS = 86_400_000


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A server with a webhook, whose rows are checked after the race."""
    with Live(tmp_path / "data") as running:
        with opened(running.data_dir / "cosignet.db") as rows:
            add_webhook(rows)
        yield running
    with opened(running.data_dir / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def program(live: Live) -> Program:
    return live.program()


@pytest.fixture
def barrage(live: Live) -> Iterator[Barrage]:
    with Barrage(live.port) as ready:
        yield ready


def posting(person: Person, path: str, body: object) -> Shot:
    """Return a post as the person's browser sends it."""
    cookies = "; ".join(f"{name}={text}" for name, text in person.http.cookies.items())
    headers = {"Origin": person.url, "Sec-Fetch-Site": "same-origin", "Cookie": cookies}
    headers |= host_of(person.url)
    return Shot("POST", path, headers, body)


def approving(person: Person, confirmation: str, credential: JSON) -> Shot:
    return posting(person, f"/confirm/{confirmation}/approve", {"credential": credential})


def single(live: Live, sql: str, *values: object) -> Any:
    """Read one value from the rows."""
    with opened(live.data_dir / "cosignet.db") as rows:
        return value(rows, sql, *values)


class Contest:
    """One confirmation, all that race to decide it, and all that look on."""

    def __init__(self, program: Program, person: Person, *, ttl_seconds: int = 60) -> None:
        self.id: str = program.ask(person.username, ttlSeconds=ttl_seconds)["id"]
        host = host_of(program.public_url)
        path, key = f"/confirm/{self.id}", {"X-Api-Key": program.key, **host}
        rejection = {"credential": person.sign(self.id, "reject")}
        unsigned = {"token": person.page_token}
        credential = person.sign(self.id)
        self.decisions = [
            ("approved", approving(person, self.id, credential)),
            ("approved", approving(person, self.id, credential)),
            ("rejected", posting(person, f"{path}/reject", rejection)),
            ("rejected", posting(person, f"{path}/reject", unsigned)),
            ("expired", Shot("POST", f"/api/confirmations/{self.id}/cancel", key)),
        ]
        self.reads = [
            Shot("GET", f"/api/confirmations/{self.id}", key),
            Shot("GET", f"{path}/data", host),
            Shot("GET", f"/api/confirmations/{self.id}", key),
            Shot("GET", f"{path}/data", host),
        ]
        self.shots = [*(shot for _, shot in self.decisions), *self.reads]
        random.shuffle(self.shots)

    def judge(self, hits: dict[int, Hit], final: str) -> bool:
        """Assert that at most one has won and all others know it; whether somebody has."""
        decisions = [(status, hits[id(shot)]) for status, shot in self.decisions]
        winners = [status for status, hit in decisions if hit.status == 200]
        assert winners == [final] or (not winners and final == "expired")
        for _, hit in decisions:
            if hit.status != 200:
                assert (hit.status, hit.body["code"]) == (409, "already_decided")
                assert hit.body["confirmationStatus"] == final
        reads = [hits[id(shot)] for shot in self.reads]
        assert {hit.body["status"] for hit in reads} <= {"pending", final}
        final_reads = [hit for hit in reads if hit.body["status"] == final]
        known_at = min(hit.ended for hit in [*final_reads, *(hit for _, hit in decisions)])
        for hit in reads:
            assert hit.body["status"] == final or hit.began < known_at, "it went back"
        return bool(winners)


def test_of_all_who_decide_at_once_one_wins_and_no_read_goes_back(
    live: Live, program: Program, alex: Person, barrage: Barrage
) -> None:
    transactions = Wanted(live)
    alex.http.get("/confirm/" + program.ask(alex.username)["id"])  # gives the page's cookie
    seen: Counter[str] = Counter()
    for batch in range(10):
        contests = [Contest(program, alex) for _ in range(40)]
        wanted = transactions.count

        def run_out_of_time(wanted: int = wanted, batch: int = batch) -> None:
            if batch % 2:
                eventually(lambda: transactions.count > wanted + 30)
                live.clock.advance(61)

        fired = barrage.fire([shot for one in contests for shot in one.shots], run_out_of_time)
        hits = {id(hit.shot): hit for hit in fired}
        for contest in contests:
            found = program.read(contest.id)
            won = contest.judge(hits, found["status"])
            seen[found["status"] + ("" if won else ", by time")] += 1
    # The race was one: everybody has won some.
    assert set(seen) == {"approved", "rejected", "expired", "expired, by time"}, seen


@pytest.mark.parametrize("counting", [False, True], ids=["synced passkey", "counting passkey"])
def test_fifty_posts_of_one_assertion_are_one_approval(
    live: Live, program: Program, barrage: Barrage, counting: bool
) -> None:
    alex = Person(live.url, Authenticator(counting=counting))
    alex.register(live.invite(), "alex")
    for _ in range(5):
        asked = program.ask("alex")["id"]
        shot = approving(alex, asked, alex.sign(asked))
        hits = barrage.fire([shot] * 50)
        assert Counter(hit.status for hit in hits) == {200: 1, 409: 49}
        losers = [hit.body for hit in hits if hit.status == 409]
        assert {loser["confirmationStatus"] for loser in losers} == {"approved"}
    assert single(live, "SELECT count(*) FROM credentials WHERE flagged_at IS NOT NULL") == 0


@pytest.mark.engine("sqlite")  # on PostgreSQL: test_postgres_races.py
def test_a_double_post_that_loses_late_is_no_copied_passkey(
    live: Live, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The winner's commit falls between the loser's look at the status and at the counter."""
    alex = Person(live.url, Authenticator(counting=True))
    alex.register(live.invite(), "alex")
    asked = program.ask("alex")["id"]
    credential = alex.sign(asked)
    disk = Disk(live)
    by_credential_id = credentials.by_credential_id
    looking = 0

    # One that remembers nothing: on another engine every look is a new one.
    reading = live.database._read_connection
    fresh = SqliteReader(reading, Others(reading, lambda: None))

    async def look_late(_: Reader, credential_id: bytes) -> StoredCredential | None:
        nonlocal looking
        looking += 1
        if looking == 2:
            disk.release()
            eventually(lambda: single(live, "SELECT count(*) FROM signatures") == 1)
        return await by_credential_id(fresh, credential_id)

    monkeypatch.setattr(credentials, "by_credential_id", look_late)
    with background() as start:
        disk.hold()
        winner: Future[httpx2.Response] = start(alex.post_approval, asked, credential)
        disk.when_reached(1)
        loser: Future[httpx2.Response] = start(alex.post_approval, asked, credential)
        assert winner.result().status_code == 200
        assert loser.result().status_code == 409
    assert looking == 2
    assert loser.result().json()["confirmationStatus"] == "approved"
    assert single(live, "SELECT flagged_at FROM credentials") is None


@pytest.mark.parametrize("step", ["approve", "reject"])
def test_a_decision_that_lost_to_nothing_that_lasts_is_none(
    live: Live, program: Program, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The time is over when it decides, and is not any more when somebody looks why."""
    alex = live.person("alex")
    asked = program.ask("alex")["id"]
    decide = getattr(confirmations, step)
    later = "UPDATE confirmations SET expires_at = expires_at + $2 WHERE id = $1"

    async def too_late(tx: Transaction, confirmation_id: str, **rest: Any) -> int | None:
        await tx.execute(later, confirmation_id, -DAY_MS)
        at = await decide(tx, confirmation_id, **rest)
        await tx.execute(later, confirmation_id, DAY_MS)
        return at

    monkeypatch.setattr(confirmations, step, too_late)
    answer = alex.approve(asked) if step == "approve" else alex.reject(asked)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["detail"] == "something changed meanwhile; nothing was decided"
    assert program.read(asked)["status"] == "pending"
    monkeypatch.undo()
    assert alex.approve(asked).is_success


def test_an_invite_for_one_makes_one_approver_of_a_hundred(live: Live, barrage: Barrage) -> None:
    code = live.invite(Terms(max_uses=1))
    browser = Person(live.url)
    shots: list[Shot] = []
    for number in range(100):
        who: JSON = {"invite": code, "username": f"racer{number}"}
        options = raise_for(browser.http.post("/register/options", json=who))
        credential = Authenticator().register(options, origin=live.url)
        shots.append(posting(browser, "/register", who | {"credential": credential}))
    hits = barrage.fire(shots)
    codes = Counter(hit.body.get("code", "registered") for hit in hits)
    assert codes == {"registered": 1, "invite_used": 99}
    assert single(live, "SELECT count(*) FROM approvers") == 1
    assert single(live, "SELECT uses FROM invites") == 1


def test_a_name_is_taken_once_and_the_losers_invites_are_not_used(
    live: Live, barrage: Barrage
) -> None:
    browser = Person(live.url)
    shots: list[Shot] = []
    for _ in range(30):
        who: JSON = {"invite": live.invite(), "username": "alex"}
        options = raise_for(browser.http.post("/register/options", json=who))
        credential = Authenticator().register(options, origin=live.url)
        shots.append(posting(browser, "/register", who | {"credential": credential}))
    hits = barrage.fire(shots)
    codes = Counter(hit.body.get("code", "registered") for hit in hits)
    assert codes == {"registered": 1, "username_taken": 29}
    assert single(live, "SELECT sum(uses) FROM invites") == 1


def garbage(good: JSON, other: JSON, rejecting: JSON, foreign: JSON) -> list[object]:
    """Return bodies that are no approval, from noise to nearly right."""
    response = good["response"]
    flipped = [
        good | {"response": response | {name: response[name][:-2] + tail}}
        for name in ("signature", "clientDataJSON", "authenticatorData")
        for tail in ("AA", "", "__", "AAAA")
    ]
    strangers = [good | {"id": base64url(random.randbytes(32))} for _ in range(10)]
    noise = [{random.randbytes(4).hex(): random.randbytes(40).hex()} for _ in range(20)]
    nearly = [other, rejecting, foreign, good | {"type": "password"}, good | {"response": {}}]
    bodies = [*flipped, *strangers, *noise, *nearly, {}, None, [], "credential", 7]
    return [body for body in bodies if body != good]


def test_after_a_hundred_garbage_posts_the_good_one_still_approves(
    live: Live, program: Program, alex: Person, barrage: Barrage
) -> None:
    mallory = live.newcomer()
    asked, other = program.ask(alex.username)["id"], program.ask(alex.username)["id"]
    prompt = alex.http.post(f"/confirm/{asked}/options", json={"purpose": "approve"}).json()
    good = alex.sign(asked)
    rejection = alex.sign(asked, "reject")
    bodies = garbage(good, alex.sign(other), rejection, mallory.sign(asked))
    # What signs the rejection, or says nothing, would reject.
    no_rejections = [bodies.index(None), bodies.index(rejection)]
    shots = [
        posting(alex, f"/confirm/{asked}/{verb}", {"credential": body})
        for number, body in enumerate(bodies)
        for verb in ("approve", "approve", "reject")
        if verb == "approve" or number not in no_rejections
    ]
    assert len(shots) > 100
    hits = barrage.fire(shots)
    assert {hit.status for hit in hits} <= {403, 422}
    found = program.read(asked)
    assert (found["status"], found["evidenceId"]) == ("pending", None)
    again = alex.http.post(f"/confirm/{asked}/options", json={"purpose": "approve"}).json()
    assert again["challenge"] == prompt["challenge"]
    assert alex.post_approval(asked, good).status_code == 200


def test_a_counter_only_ever_goes_up_whatever_comes_first(
    live: Live, program: Program, barrage: Barrage
) -> None:
    alex = Person(live.url, Authenticator(counting=True))
    alex.register(live.invite(), "alex")
    asked = [program.ask("alex")["id"] for _ in range(40)]
    shots = [approving(alex, one, alex.sign(one)) for one in asked]
    counters = {one: number for number, one in enumerate(asked, 1)}
    pairs = list(zip(asked, shots, strict=True))
    random.shuffle(pairs)
    hits = barrage.fire([shot for _, shot in pairs])
    for (one, _), hit in zip(pairs, hits, strict=True):
        code = hit.body.get("code")
        assert (hit.status, code) in ((200, None), (403, "sign_count_back"))
        assert program.read(one)["status"] == ("approved" if hit.status == 200 else "pending")
    with opened(live.data_dir / "cosignet.db") as rows:
        signed = rows.execute("SELECT confirmation_id FROM signatures ORDER BY rowid").fetchall()
        order = [counters[row[0]] for row in signed]
        assert order == sorted(order)
        assert value(rows, "SELECT sign_count FROM credentials") == order[-1] == 40
        assert value(rows, "SELECT flagged_at FROM credentials") is not None
    left = next(one for one in asked if program.read(one)["status"] == "pending")
    assert alex.approve(left).status_code == 200


@pytest.mark.parametrize("purpose", ["approve", "reject"])
def test_a_counter_that_goes_back_decides_nothing_and_flags_the_passkey(
    live: Live, program: Program, purpose: str
) -> None:
    alex = Person(live.url, Authenticator(counting=True))
    alex.register(live.invite(), "alex")
    assert alex.approve(program.ask("alex")["id"]).is_success
    asked = program.ask("alex")["id"]
    credential = alex.sign(asked, purpose, sign_count=1)
    answer = alex.http.post(f"/confirm/{asked}/{purpose}", json={"credential": credential})
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_count_back")
    assert program.read(asked)["status"] == "pending"
    assert single(live, "SELECT flagged_at FROM credentials") is not None
    assert alex.approve(asked).is_success


@pytest.mark.engine("sqlite")  # on PostgreSQL: test_postgres_races.py
@pytest.mark.parametrize(("purpose", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_of_two_uses_of_one_count_one_is_refused_and_the_passkey_flagged(
    live: Live, program: Program, purpose: str, status: str
) -> None:
    """A copy of a passkey is used while the original is."""
    alex = Person(live.url, Authenticator(counting=True))
    alex.register(live.invite(), "alex")
    first, second = program.ask("alex")["id"], program.ask("alex")["id"]
    signed = {
        first: alex.sign(first, purpose),
        second: alex.sign(second, purpose, sign_count=1),
    }
    disk = Disk(live)
    with background() as start:
        disk.hold()
        ready: Future[httpx2.Response] = start(program.get, "/readyz")
        disk.when_reached(1)
        # Both are verified against the old count, and meet in one commit.
        calls: list[Future[httpx2.Response]] = [
            start(alex.http.post, f"/confirm/{one}/{purpose}", json={"credential": credential})
            for one, credential in signed.items()
        ]
        disk.when_wanted(3)
        disk.release()
        answers = [call.result() for call in [*calls, ready]]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 403]
    assert sorted(program.read(one)["status"] for one in signed) == sorted([status, "pending"])
    assert single(live, "SELECT flagged_at FROM credentials") is not None


def test_consuming_at_once_gives_it_to_one_run(
    live: Live, program: Program, alex: Person, barrage: Barrage
) -> None:
    for _ in range(5):
        asked = program.ask(alex.username)["id"]
        assert alex.approve(asked).is_success
        path, key = f"/api/confirmations/{asked}/consume", {"X-Api-Key": program.key}
        tokens = [f"the token of run {number}" for number in range(20)]
        shots = [Shot("POST", path, key, {"token": token}) for token in tokens * 2]
        random.shuffle(shots)
        hits = barrage.fire(shots)
        assert Counter(hit.status for hit in hits) == {200: 2, 409: 38}
        won = [hit for hit in hits if hit.status == 200]
        assert won[0].shot.body == won[1].shot.body
        assert {hit.body["consumedAt"] for hit in hits} == {won[0].body["consumedAt"]}
        path = f"/api/confirmations/{asked}/outcome"
        words = ["executed", "failed"]
        reports = [Shot("POST", path, key, {"result": word}) for word in words * 5]
        told = barrage.fire(reports)
        assert Counter(hit.status for hit in told) == {200: 5, 409: 5}
        assert len({hit.body["outcome"]["result"] for hit in told if hit.status == 200}) == 1
