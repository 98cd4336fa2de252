"""Whoever signs in, or changes an account, at the same time: one wins, and nothing is doubled.

Over HTTP, from two processes of their own, like `test_races.py`.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.authenticator import Authenticator
from tests.live import Live
from tests.people import Person, raise_for
from tests.server.barrage import Barrage, Shot
from tests.server.rows import check, opened, value


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A server whose rows are checked after the race."""
    with Live(tmp_path / "data") as running:
        yield running
    with opened(running.data_dir / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def barrage(live: Live) -> Iterator[Barrage]:
    with Barrage(live.port) as ready:
        yield ready


@pytest.fixture(params=[False, True], ids=["synced passkey", "counting passkey"])
def passkey(request: pytest.FixtureRequest) -> Authenticator:
    return Authenticator(counting=request.param)


def posting(person: Person, path: str, body: object) -> Shot:
    """Return a post as the person's browser sends it."""
    cookies = "; ".join(f"{name}={text}" for name, text in person.http.cookies.items())
    headers = {"Origin": person.url, "Sec-Fetch-Site": "same-origin", "Cookie": cookies}
    return Shot("POST", path, headers, body)


def single(live: Live, sql: str, *values: object) -> Any:
    """Read one value from the rows."""
    with opened(live.data_dir / "cosignet.db") as rows:
        return value(rows, sql, *values)


def write(live: Live, sql: str, *values: object) -> None:
    with opened(live.data_dir / "cosignet.db") as rows:
        assert rows.execute(sql, values).rowcount == 1
        rows.commit()


def member(live: Live, name: str, role: str, passkey: Authenticator | None = None) -> Person:
    """Return somebody of that role, signed in."""
    person = Person(live.url, passkey or Authenticator())
    person.register(live.invite(), name)
    write(live, "UPDATE approvers SET role = ? WHERE username = ?", role, name)
    person.sign_in()
    return person


def waiting(live: Live, name: str) -> str:
    """Return the id of somebody who waits for activation."""
    live.person(name)
    write(live, "UPDATE approvers SET activated_at = NULL WHERE username = ?", name)
    return single(live, "SELECT id FROM approvers WHERE username = ?", name)


def test_fifty_posts_of_one_sign_in_open_one_session(
    live: Live, barrage: Barrage, passkey: Authenticator
) -> None:
    alex = Person(live.url, passkey)
    alex.register(live.invite(), "alex")
    for round_ in range(1, 4):
        options = raise_for(alex.http.post("/login/options", json={}))
        body = {"credential": alex.passkey.sign(options, origin=live.url)}
        hits = barrage.fire([posting(alex, "/login", body)] * 50)
        assert Counter(hit.status for hit in hits) == {200: 1, 409: 49}
        assert {hit.body["code"] for hit in hits if hit.status == 409} == {"ceremony_gone"}
        assert single(live, "SELECT count(*) FROM sessions") == round_
    assert single(live, "SELECT flagged_at FROM credentials") is None


def test_of_all_who_activate_somebody_at_once_one_does(live: Live, barrage: Barrage) -> None:
    members = [member(live, f"admin{number}", "admin") for number in range(6)]
    for round_ in range(4):
        target = waiting(live, f"olga{round_}")
        path = f"/account/approvers/{target}/activate"
        shots = [
            posting(one, path, {"credential": one.confirm("activate", target)}) for one in members
        ]
        # Each twice: a double click.
        codes = Counter(hit.body.get("code", "done") for hit in barrage.fire(shots * 2))
        assert codes == {"done": 1, "nothing_to_change": 5, "ceremony_gone": 6}


def test_two_passkeys_that_revoke_each_other_leave_one(
    live: Live, barrage: Barrage, passkey: Authenticator
) -> None:
    for number in range(4):
        first = Person(live.url, Authenticator(counting=passkey.counting))
        first.register(live.invite(), f"alex{number}")
        first.sign_in()
        second = first.add_passkey()
        second.sign_in()
        shots: list[Shot] = []
        for one, other in ((first, second), (second, first)):
            sql = "SELECT id FROM credentials WHERE credential_id = ?"
            target = single(live, sql, other.passkey.credential_id)
            body = {"credential": one.confirm("revoke_passkey", target)}
            shots.append(posting(one, f"/account/passkeys/{target}/revoke", body))
        hits = barrage.fire(shots)
        assert Counter(hit.status for hit in hits)[200] == 1, [hit.body for hit in hits]
        sql = (
            "SELECT count(*) FROM credentials k JOIN approvers a ON a.id = k.approver_id"
            " WHERE a.username = ? AND k.revoked_at IS NULL"
        )
        assert single(live, sql, f"alex{number}") == 1


def test_one_answer_adds_one_passkey(live: Live, barrage: Barrage) -> None:
    alex = member(live, "alex", "approver")
    other = Authenticator().register(raise_for(alex.begin_passkey()), origin=live.url)
    hits = barrage.fire([posting(alex, "/account/passkeys", {"credential": other})] * 40)
    assert Counter(hit.status for hit in hits) == {200: 1, 409: 39}
    assert single(live, "SELECT count(*) FROM credentials") == 2


def test_practising_and_the_account_page_mint_one_first_key_that_lives(
    live: Live, barrage: Barrage
) -> None:
    owner = member(live, "ada", "owner")
    elsewhere = [Person(live.url, owner.passkey, "ada") for _ in range(5)]
    who = {"credentialId": owner.credential_id}
    options = raise_for(owner.http.post("/register/practice/options", json=who))
    signed = owner.passkey.sign(options, origin=live.url)
    shots = [posting(owner, "/register/practice", who | {"credential": signed})] * 5
    for one in elsewhere:
        one.sign_in()
        shots.append(posting(one, "/account/key", {"credential": one.confirm("first_key")}))
    hits = barrage.fire(shots)
    keys = [hit.body["apiKey"]["key"] for hit in hits if hit.status == 200 and hit.body["apiKey"]]
    assert len(keys) == len(set(keys)) >= 1
    headers = [{"X-Api-Key": key} for key in keys]
    lives = [
        live_ for live_ in headers if owner.http.get("/api/confirmations", headers=live_).is_success
    ]
    assert len(lives) == 1
    assert single(live, "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == 1
