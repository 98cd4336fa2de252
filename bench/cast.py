"""Who takes part: one program with its API key, one approver with a passkey, and what they send."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from tests.people import PAYLOAD, Person, close_clients, host_of

from bench.load import get, post, send
from bench.servers import Running

APPROVER = "alex"
TTL_SECONDS = 3_600
"""Longer than the whole run, so that nothing expires under measurement."""
LINK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Cast:
    """A program and an approver at one server; requests they make are ready to be sent."""

    server: Running
    person: Person
    key: str

    def as_program(self, key: str = "") -> dict[str, str]:
        """Return the headers of a program, with the cast's own key or another one."""
        return {**host_of(self.person.url), "x-api-key": key or self.key}

    def creations(self, count: int, ttl_seconds: int = TTL_SECONDS) -> list[bytes]:
        """Return requests that each create a confirmation."""
        body = {
            "username": APPROVER,
            "action": "Deploy to production",
            "payload": PAYLOAD,
            "ttlSeconds": ttl_seconds,
        }
        return [post("/api/confirmations", _json(body), self.as_program())] * count

    def reads(self, ids: Sequence[str], count: int) -> list[bytes]:
        """Return requests that read these confirmations' statuses, in turns."""
        each = [get(f"/api/confirmations/{id_}", self.as_program()) for id_ in ids]
        return list(islice(cycle(each), count))

    def create(self, count: int, ttl_seconds: int = TTL_SECONDS) -> list[str]:
        """Create confirmations and return their ids."""
        requests = self.creations(count, ttl_seconds)
        bodies = send(self.server.port, requests, status=201).bodies
        return [json.loads(body)["id"] for body in bodies]

    def approvals(self, ids: Sequence[str]) -> list[bytes]:
        """Sign these confirmations and return requests that each approve one."""
        asking = [self._as_page(id_, "options", {"purpose": "approve"}) for id_ in ids]
        signed: list[bytes] = []
        for id_, options in zip(ids, send(self.server.port, asking).bodies, strict=True):
            credential = self.person.passkey.sign(json.loads(options), origin=self.person.url)
            signed.append(self._as_page(id_, "approve", {"credential": credential}))
        return signed

    def _as_page(self, id_: str, step: str, body: dict[str, Any]) -> bytes:
        headers = {"origin": self.person.url, "sec-fetch-site": "same-origin"}
        headers |= host_of(self.person.url)
        return post(f"/confirm/{id_}/{step}", _json(body), headers)


def registered(server: Running) -> Cast:
    """Let the owner of a fresh server register, and take the first API key."""
    person = Person(server.public_url, base_url=f"http://localhost:{server.port}")
    person.register(_owner_link(server), APPROVER)
    key = person.practise()["apiKey"]["key"]
    close_clients()
    return Cast(server, person, key)


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
