"""The line to a real server is cut around the moment an approval is used up: at most one run."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.client.clients import CLIENTS, Asking, Did
from tests.client.faulty import APPROVER, passkey
from tests.client.line import Cut, Line, Rule
from tests.live import Live, free_port
from tests.people import Person, Program

TTL = 30
ONE_OF_EACH = ["Python", "Python, asyncio", "TypeScript", "cosignet guard"]
ONE_OF_EACH += ["cosignet-guard.sh, python3", "gate.sh, jq"]


@dataclass
class Away:
    """A server that is reached by a line alone, an approver there, and a program's key."""

    live: Live
    line: Line
    key: str

    @property
    def program(self) -> Program:
        return Program(self.live.listens_at, self.key, self.live.url)

    @property
    def person(self) -> Person:
        return Person(self.live.url, passkey(APPROVER), APPROVER, base_url=self.live.listens_at)

    def gate(self, client: str, folder: Path, rule: Rule) -> Did:
        """Have a client gate one action; what it asks is approved at once."""
        self.line.seen.clear()
        self.line.rule = rule
        asked = self.asked()
        done = threading.Event()
        approving = threading.Thread(target=self._approve, args=(self.person, asked, done))
        approving.start()
        try:
            return CLIENTS[client](Asking(self.live.url, TTL, folder, self.key))
        finally:
            done.set()
            approving.join()
            self.made = self.asked() - asked

    def asked(self) -> set[str]:
        items = self.program.get("/api/confirmations").json()["items"]
        return {item["id"] for item in items}

    def _approve(self, person: Person, before: set[str], done: threading.Event) -> None:
        while not (new := self.asked() - before) and not done.wait(0.05):
            pass
        assert all(person.approve(id_).is_success for id_ in new)

    def tokens(self) -> set[bytes]:
        """Return what consuming was tried with."""
        return {one.body for one in self.line.seen if one.path.endswith("/consume")}


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Away]:
    with Line(free_port()) as line:
        settings = {"COSIGNET_PUBLIC_URL": f"http://localhost:{line.port}"}
        with Live(tmp_path_factory.mktemp("cut") / "data", settings) as live:
            line.to_port = live.port
            made = Away(live, line, live.program().key)
            made.person.register(live.invite(), APPROVER)
            yield made


def at_consuming(*cuts: Cut, then: Cut) -> Rule:
    """Cut consuming in these ways, one after the other, and then always in the last."""
    left = list(cuts)

    def rule(path: str) -> Cut:
        if not path.endswith("/consume"):
            return ""
        return left.pop(0) if left else then

    return rule


@pytest.mark.parametrize("client", ONE_OF_EACH)
def test_cut_off_between_approval_and_consuming_nothing_runs(
    away: Away, client: str, tmp_path: Path
) -> None:
    did = away.gate(client, tmp_path, at_consuming(then="before"))
    assert (did.runs, did.verdict) == (0, "unavailable"), did.said
    [id_] = away.made
    read = away.program.read(id_)
    assert (read["status"], read["consumedAt"]) == ("approved", None)
    assert len(away.tokens()) == 1


@pytest.mark.parametrize("client", ONE_OF_EACH)
def test_the_lost_answer_to_consuming_is_recovered_by_the_same_token(
    away: Away, client: str, tmp_path: Path
) -> None:
    did = away.gate(client, tmp_path, at_consuming("before", "after", "before", then=""))
    assert (did.runs, did.verdict) == (1, "ran"), did.said
    [id_] = away.made
    read = away.program.read(id_)
    assert read["consumedAt"] is not None
    assert read["outcome"]["result"] == "executed"
    assert len(away.tokens()) == 1


@pytest.mark.parametrize("client", ONE_OF_EACH)
def test_cut_off_between_consuming_and_running_nothing_runs_then_or_later(
    away: Away, client: str, tmp_path: Path
) -> None:
    did = away.gate(client, tmp_path, at_consuming(then="after"))
    assert (did.runs, did.verdict) == (0, "unavailable"), did.said
    [id_] = away.made
    assert away.program.read(id_)["consumedAt"] is not None
    again = away.program.post(f"/api/confirmations/{id_}/consume", {"token": "a" * 32})
    assert (again.status_code, again.json()["code"]) == (409, "already_consumed")
