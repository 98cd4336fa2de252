"""Anything in any order, over HTTP, against a model that fits on a page; on both engines.

`make test` takes some steps of it, `make machine` many.
"""

import secrets
from dataclasses import dataclass, field

import httpx2
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.live import Live
from tests.people import JSON, PAYLOAD, Person, Program, hand_over_clients, raise_for
from tests.server.rows import check, opened

from cosignet.core.access import Scope
from cosignet.server.runtime import Runtime
from cosignet.server.services import access

NOW = 1_800_000_000_000
TTLS = (1, 30, 180)
TOKENS = ("first-run", "second-run")
QUICK = tuple(phase for phase in Phase if phase not in (Phase.shrink, Phase.explain))
"""Making a failure smaller takes minutes, and a short run is short already."""
SHORT = settings(max_examples=12, stateful_step_count=40, phases=QUICK)
ALWAYS = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}


@dataclass
class Key:
    """A key of a program, as the model knows it."""

    id: str
    program: Program
    old_secrets: list[str] = field(default_factory=list)
    revoked: bool = False


@dataclass
class Named:
    """An approver with their passkeys, alive and ended."""

    name: str
    alive: list[Person]
    ended: list[Person] = field(default_factory=list)


@dataclass
class Asked:
    """A confirmation, as the model knows it."""

    id: str
    key: Key
    approver: Named
    expires_at: int
    status: str = "pending"
    cancelled: bool = False
    signed: bool = False
    token: str | None = None
    outcome: str | None = None
    posted: list[JSON] = field(default_factory=list)
    """Assertions that were signed for it, to be posted again."""
    final: JSON | None = None
    """What was first told of the decision."""


class Machine(RuleBasedStateMachine):
    """Programs that ask, people who decide, and a clock."""

    asked = Bundle("asked")
    keys = Bundle("keys")
    people = Bundle("people")

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        self.everything: list[Asked] = []
        self.admin = live.program(Scope.ADMIN, name="watcher")
        # Rules are left out at random, run by run: what most others need is there from the start.
        self.first_keys = [self._key(), self._key()]
        made = [self.live.newcomer() for _ in range(2)]
        self.first_people = [Named(one.username, [one]) for one in made]
        for key in self.first_keys:
            for who in self.first_people:
                for ttl in (TTLS[-1], TTLS[-1], TTLS[1]):
                    self._ask(key, who, ttl, twice=False)

    def teardown(self) -> None:
        for client in hand_over_clients():
            client.close()

    # --- Who there is -----------------------------------------------------------------------------

    @initialize(target=keys)
    def keys_there(self) -> object:
        return multiple(*self.first_keys)

    @initialize(target=people)
    def people_there(self) -> object:
        return multiple(*self.first_people)

    @initialize(target=asked)
    def asked_there(self) -> object:
        return multiple(*self.everything)

    def _key(self) -> Key:
        minted = raise_for(self.admin.post("/api/keys", {"name": "program"}))
        return Key(minted["id"], Program(self.live.url, minted["key"]))

    @rule(key=keys)
    def rotate(self, key: Key) -> None:
        answer = self.admin.post(f"/api/keys/{key.id}/rotate", {})
        if key.revoked:
            expect(answer, 409, "key_revoked")
            return
        key.old_secrets.append(key.program.key)
        key.program = Program(self.live.url, raise_for(answer)["key"])

    @rule(key=keys)
    def revoke_key(self, key: Key) -> None:
        raise_for(self.admin.post(f"/api/keys/{key.id}/revoke"))
        key.revoked = True

    @rule(target=keys)
    def another_key(self) -> Key:
        return self._key()

    @rule(key=keys)
    def use_an_old_secret(self, key: Key) -> None:
        for secret in key.old_secrets:
            answer = self.admin.http.get("/api/confirmations", headers={"X-Api-Key": secret})
            expect(answer, 401, "unauthenticated")

    @rule(who=people)
    def add_a_passkey(self, who: Named) -> None:
        who.alive[0].sign_in()
        who.alive.append(who.alive[0].add_passkey())

    @rule(who=people)
    def revoke_a_passkey(self, who: Named) -> None:
        one = who.alive[0]
        one.sign_in()
        answer = one.revoke_passkey(self._row(one))
        if len(who.alive) == 1:
            expect(answer, 409, "last_passkey")
            return
        raise_for(answer)
        who.ended.append(who.alive.pop(0))

    def _row(self, person: Person) -> str:
        async def work(rt: Runtime) -> str:
            organisation = await access.default_organisation(rt)
            found = await access.list_passkeys(rt, organisation.id, person.username)
            wanted = person.passkey.credential_id
            return next(one.row_id for one in found if one.webauthn.id == wanted)

        return self.live.run(work)

    # --- What they do -----------------------------------------------------------------------------

    @rule(
        target=asked,
        key=keys,
        who=people,
        ttls=st.lists(st.sampled_from(TTLS), min_size=1, max_size=4),
        twice=st.booleans(),
    )
    def ask(self, key: Key, who: Named, ttls: list[int], twice: bool) -> object:
        return multiple(*(one for ttl in ttls if (one := self._ask(key, who, ttl, twice))))

    def _ask(self, key: Key, who: Named, ttl: int, twice: bool) -> Asked | None:
        body = {"username": who.name, "action": "Deploy", "payload": PAYLOAD, "ttlSeconds": ttl}
        headers = {"Idempotency-Key": secrets.token_hex(8)} if twice else {}
        answers = [
            key.program.post("/api/confirmations", body, headers=headers) for _ in range(1 + twice)
        ]
        if key.revoked:
            for answer in answers:
                expect(answer, 401, "unauthenticated")
            return None
        first, again = raise_for(answers[0]), raise_for(answers[-1])
        assert first == again
        made = Asked(first["id"], key, who, self.live.clock() + ttl * 1000)
        self.everything.append(made)
        return made

    @rule(who=people, purpose=st.sampled_from(("approve", "approve", "reject")))
    def decide_all_that_is_pending(self, who: Named, purpose: str) -> None:
        for one in self.everything:
            if one.status == "pending" and one.approver is who:
                self.decide(one, who, purpose)

    @rule(seconds=st.sampled_from((1, 29, 30, 150)))
    def let_time_pass(self, seconds: int) -> None:
        self.live.clock.advance(seconds)
        for one in self.everything:
            if one.status == "pending" and one.expires_at <= self.live.clock():
                one.status = "expired"

    @rule(one=asked, key=keys)
    def read(self, one: Asked, key: Key) -> None:
        wait = 0 if one.status == "pending" else 25
        answer = key.program.get(f"/api/confirmations/{one.id}", wait=wait)
        if key.revoked:
            expect(answer, 401, "unauthenticated")
        else:
            assert raise_for(answer)["status"] == one.status

    @rule(one=asked, key=keys)
    def cancel(self, one: Asked, key: Key) -> None:
        answer = key.program.post(f"/api/confirmations/{one.id}/cancel")
        if not self._is_creators(answer, one, key):
            return
        if one.status != "pending":
            expect(answer, 409, "already_decided")
            return
        assert raise_for(answer)["status"] == "expired"
        one.status, one.cancelled = "expired", True

    @rule(one=asked, other=people, purpose=st.sampled_from(("approve", "reject")))
    def decide(self, one: Asked, other: Named, purpose: str) -> None:
        person = other.alive[-1]
        if one.status != "pending":
            answer = person.http.post(f"/confirm/{one.id}/options", json={"purpose": purpose})
            expect(answer, 409, "already_decided")
            return
        credential = person.sign(one.id, purpose)
        answer = person.http.post(f"/confirm/{one.id}/{purpose}", json={"credential": credential})
        if other is not one.approver:
            expect(answer, 403, "credential_not_yours")
            return
        one.posted.append(credential)
        one.status = "approved" if purpose == "approve" else "rejected"
        one.signed = True
        assert raise_for(answer)["status"] == one.status

    @rule(one=asked)
    @precondition(lambda self: any(one.posted for one in self.everything))
    def post_again_what_was_posted(self, one: Asked) -> None:
        """To any confirmation: one that is decided, or another that is pending."""
        for credential in [made for each in self.everything for made in each.posted]:
            for purpose in ("approve", "reject"):
                answer = self.admin.http.post(
                    f"/confirm/{one.id}/{purpose}", json={"credential": credential}
                )
                if one.status == "pending":
                    assert answer.status_code == 403, answer.text
                else:
                    expect(answer, 409, "already_decided")

    @rule(one=asked, purpose=st.sampled_from(("approve", "reject")))
    def decide_with_a_passkey_that_has_ended(self, one: Asked, purpose: str) -> None:
        for person in one.approver.ended:
            if one.status != "pending":
                return
            body = {"credential": person.sign(one.id, purpose)}
            answer = person.http.post(f"/confirm/{one.id}/{purpose}", json=body)
            expect(answer, 403, "credential_revoked")

    @rule(one=asked)
    def tap_no(self, one: Asked) -> None:
        person = one.approver.alive[0]
        answer = person.reject(one.id)
        if one.status != "pending":
            expect(answer, 409, "already_decided")
            return
        raise_for(answer)
        one.status = "rejected"

    @rule(one=asked, key=keys, token=st.sampled_from(TOKENS))
    def consume(self, one: Asked, key: Key, token: str) -> None:
        answer = key.program.post(f"/api/confirmations/{one.id}/consume", {"token": token})
        if not self._is_creators(answer, one, key):
            return
        if one.status != "approved":
            expect(answer, 409, "not_approved")
        elif one.token not in (None, token):
            expect(answer, 409, "already_consumed")
        else:
            raise_for(answer)
            one.token = token

    @rule(token=st.sampled_from(TOKENS))
    def consume_all_that_can_be(self, token: str) -> None:
        for one in self.everything:
            if one.status == "approved":
                self.consume(one, one.key, token)

    @rule(result=st.sampled_from(("executed", "failed")))
    def report_all_that_can_be(self, result: str) -> None:
        for one in self.everything:
            if one.token is not None:
                self.report(one, one.key, result)

    @rule(one=asked, key=keys, result=st.sampled_from(("executed", "failed")))
    def report(self, one: Asked, key: Key, result: str) -> None:
        answer = key.program.post(f"/api/confirmations/{one.id}/outcome", {"result": result})
        if not self._is_creators(answer, one, key):
            return
        if one.token is None:
            expect(answer, 409, "not_consumed")
        elif one.outcome not in (None, result):
            expect(answer, 409, "outcome_recorded")
        else:
            raise_for(answer)
            one.outcome = result

    def _is_creators(self, answer: httpx2.Response, one: Asked, key: Key) -> bool:
        """Whether it was asked with the key that may; else it was refused, and rightly so."""
        if key.revoked:
            expect(answer, 401, "unauthenticated")
        elif key is not one.key:
            expect(answer, 403, "not_the_creator")
        return not key.revoked and key is one.key

    # --- What holds whatever was done -------------------------------------------------------------

    @invariant()
    def everybody_is_told_what_the_model_says(self) -> None:
        for one in self.everything:
            told = self.admin.read(one.id)
            assert told["status"] == one.status
            assert (told["cancelledAt"] is not None) == one.cancelled
            assert (told["consumedAt"] is not None) == (one.token is not None)
            assert (told["outcome"] or {}).get("result") == one.outcome
            assert (told["evidenceId"] is not None) == one.signed
            assert (told["rawAssertion"] is not None) == (one.status == "approved")
            if one.status == "rejected":
                assert told["rejection"]["signed"] == one.signed
            self._stays(one, told)

    def _stays(self, one: Asked, told: JSON) -> None:
        """What was once told of a decision is told for ever."""
        if one.status == "pending":
            return
        kept = {k: v for k, v in told.items() if k not in ("consumedAt", "outcome")}
        one.final = one.final or kept
        assert kept == one.final


def expect(answer: httpx2.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text


def test_whatever_is_done_in_whatever_order_the_model_holds(live: Live) -> None:
    live.clock.stopped_at = NOW
    live.clock.offset_ms = 0
    chosen = SHORT if settings.get_current_profile_name() == "default" else settings()
    run_state_machine_as_test(lambda: Machine(live), settings=settings(chosen, **ALWAYS))
    with opened(live.data_dir / "cosignet.db") as rows:
        check(rows)
