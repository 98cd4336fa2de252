"""Forwarding decisions to a program under development, without an address the server could reach.

Confirmations are found by listing them, their decisions by long poll; each is posted as a webhook
would be, signed with a secret of this run.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from cosignet.client.api import Refused, Unreachable, get, send
from cosignet.client.environment import Access
from cosignet.core.confirmation import PAGE_SIZE_MAX, WAIT_SECONDS_MAX
from cosignet.core.encoding import rfc3339
from cosignet.core.webhook import sign

LOOK_SECONDS = 1.0
"""How soon a new confirmation is found; its decision is heard of at once."""
HELD_MAX = 50
"""Confirmations that are waited for at a time; the decisions of others are found by looking."""
_PENDING = "pending"
_KEPT_BACK = ("payload", "payloadText")


@dataclass
class Listener:
    """Posts what is decided from now on."""

    access: Access
    forward_to: str
    secret: str
    events: Collection[str]
    say: Callable[[str], None]
    _told: set[str] = field(default_factory=set[str])
    """Ids whose decision has been forwarded, or was made before."""
    _held: set[str] = field(default_factory=set[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Listen until interrupted.

        Raises:
            Refused: the server does not accept the key.
            Unreachable: it cannot be reached at the start.
        """
        self._told.update(item["id"] for item in self._look() if item["status"] != _PENDING)
        while True:
            self._begin(self._look_patiently())
            time.sleep(LOOK_SECONDS)

    def _look(self) -> list[dict[str, Any]]:
        return get(self.access, "/api/confirmations", limit=PAGE_SIZE_MAX)["items"]

    def _look_patiently(self) -> list[dict[str, Any]]:
        try:
            return self._look()
        except (Unreachable, Refused) as error:
            self.say(f"The server does not answer: {error}")
            return []

    def _begin(self, items: list[dict[str, Any]]) -> None:
        for item in items:
            with self._lock:
                id_ = item["id"]
                if id_ in self._told or id_ in self._held:
                    continue
                if item["status"] == _PENDING and len(self._held) >= HELD_MAX:
                    continue
                self._held.add(id_)
            # Ends with the program, in the middle of a wait if need be.
            threading.Thread(target=self._follow, args=[id_], daemon=True).start()

    def _follow(self, id_: str) -> None:
        """Wait for one decision, and forward it."""
        try:
            found = get(self.access, f"/api/confirmations/{id_}", wait=WAIT_SECONDS_MAX)
            if found["status"] != _PENDING:
                self._told.add(id_)
                self._forward(found)
        except (Unreachable, Refused) as error:
            self.say(f"{id_}: {error}")
        finally:
            # Who is pending still, or could not be read, is found again.
            with self._lock:
                self._held.discard(id_)

    def _forward(self, found: dict[str, Any]) -> None:
        event = found["status"]
        if event not in self.events:
            return
        at = time.time_ns() // 1_000_000
        # The same at another run: whoever drops what they have had sees that they have had it.
        delivery_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"cosignet:{found['id']}/{event}"))
        confirmation = {name: found[name] for name in found if name not in _KEPT_BACK}
        told = {
            "id": delivery_id,
            "event": event,
            "timestamp": rfc3339(at),
            "occurredAt": found["decidedAt"],
            "confirmation": confirmation | {"matchCode": None},
        }
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        headers = sign(
            delivery_id=delivery_id, event=event, at=at, body=body, secrets=[self.secret]
        )
        try:
            answer = send("POST", self.forward_to, headers=_JSON | headers, body=body)
        except Unreachable as error:
            self.say(f"{event}  {found['id']}  → {error}")
        else:
            self.say(f"{event}  {found['id']}  → {answer.status}")


_JSON = {"Content-Type": "application/json"}
