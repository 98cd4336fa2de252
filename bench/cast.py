"""Who takes part: one program with its API key, one approver with a passkey, and what they send."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlsplit

from tests.people import PAYLOAD, Person, close_clients

from bench.load import get, post, send
from bench.servers import Running
from cosignet.core.access import INVITE_USES_MAX
from cosignet.core.limits import PENDING_PER_APPROVER_AND_KEY_MAX

APPROVER = "alex"
TTL_SECONDS = 3_600
"""Longer than the whole run, so that nothing expires under measurement."""
LINK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Cast:
    """A program and approvers at one server; requests they make are ready to be sent.

    They are asked in turns, all but the owner, who has room left for what a floor adds.
    """

    server: Running
    people: list[Person]
    key: str
    asked: dict[str, Person] = field(default_factory=dict[str, Person])
    """Who was asked, by the confirmation's id."""
    _turns: Iterator[Person] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_turns", cycle(self.people[1:]))

    @property
    def person(self) -> Person:
        """The owner; everybody has the same private key, so that a floor needs no more than one."""
        return self.people[0]

    @property
    def _host(self) -> dict[str, str]:
        """What browsers and HTTP libraries say: with the port, if it is not the usual one."""
        return {"host": urlsplit(self.person.url).netloc}

    def as_program(self, key: str = "") -> dict[str, str]:
        """Return the headers of a program, with the cast's own key or another one."""
        return {**self._host, "x-api-key": key or self.key}

    def example(self) -> bytes:
        """Return a request that asks the owner."""
        return self._creation(self.person, TTL_SECONDS)

    def creations(self, count: int, ttl_seconds: int = TTL_SECONDS) -> list[bytes]:
        """Return requests that each create a confirmation."""
        return [self._creation(who, ttl_seconds) for who in islice(self._turns, count)]

    def reads(self, ids: Sequence[str], count: int) -> list[bytes]:
        """Return requests that read these confirmations' statuses, in turns."""
        each = [get(f"/api/confirmations/{id_}", self.as_program()) for id_ in ids]
        return list(islice(cycle(each), count))

    def create(self, count: int, ttl_seconds: int = TTL_SECONDS) -> list[str]:
        """Create confirmations and return their ids."""
        people = list(islice(self._turns, count))
        requests = [self._creation(who, ttl_seconds) for who in people]
        bodies = send(self.server.port, requests, status=201).bodies
        ids: list[str] = [json.loads(body)["id"] for body in bodies]
        self.asked.update(zip(ids, people, strict=True))
        return ids

    def approvals(self, ids: Sequence[str]) -> list[bytes]:
        """Sign these confirmations and return requests that each approve one."""
        asking = [self._as_page(id_, "options", {"purpose": "approve"}) for id_ in ids]
        signed: list[bytes] = []
        for id_, options in zip(ids, send(self.server.port, asking).bodies, strict=True):
            credential = self.asked[id_].passkey.sign(json.loads(options), origin=self.person.url)
            signed.append(self._as_page(id_, "approve", {"credential": credential}))
        return signed

    def _creation(self, who: Person, ttl_seconds: int) -> bytes:
        body = {
            "username": who.username,
            "action": "Deploy to production",
            "payload": PAYLOAD,
            "ttlSeconds": ttl_seconds,
        }
        return post("/api/confirmations", _json(body), self.as_program())

    def _as_page(self, id_: str, step: str, body: dict[str, Any]) -> bytes:
        headers = {"origin": self.person.url, "sec-fetch-site": "same-origin", **self._host}
        return post(f"/confirm/{id_}/{step}", _json(body), headers)


def registered(server: Running, *, pending: int = 1) -> Cast:
    """Let the owner of a fresh server register, and take the first API key.

    With colleagues, so many that so much may be pending at once.
    """
    person = Person(server.public_url, base_url=f"http://localhost:{server.port}")
    person.register(_owner_link(server), APPROVER)
    key = person.practise()["apiKey"]["key"]
    close_clients()
    count = -(-pending // PENDING_PER_APPROVER_AND_KEY_MAX)
    return Cast(server, [person, *_colleagues(server, person, count)], key)


def _colleagues(server: Running, owner: Person, count: int) -> Iterator[Person]:
    invite = server.command("invite", "create", "--max-uses", str(INVITE_USES_MAX))
    for number in range(count):
        person = Person(owner.url, base_url=owner.base_url)
        person.passkey.private_key = owner.passkey.private_key
        person.register(invite, f"{APPROVER}{number}")
        close_clients()
        yield person


def _owner_link(server: Running) -> str:
    # Said right after the port is open: the first answer can be quicker.
    deadline = time.monotonic() + LINK_SECONDS
    while time.monotonic() < deadline:
        link = re.search(r"https?://\S+/register\?invite=\S+(?=\n)", server.said.read_text())
        if link is not None:
            return link[0]
        time.sleep(0.01)
    raise RuntimeError(server.said.read_text())


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
