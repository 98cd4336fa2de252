"""The client: ask for an approval, wait for it, verify it, use it up, say what became of it."""

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

from cosignet.client.api import Answer, Door, Unheard
from cosignet.client.decision import Approval, Decision
from cosignet.client.environment import read_settings
from cosignet.client.errors import CosignetError, EvidenceRefused, RequestRefused, Unavailable
from cosignet.client.evidence import Expected, verify_evidence
from cosignet.client.log import parse_log_keys, read_proof, verify_logged
from cosignet.client.patience import Patience, Timing
from cosignet.client.pins import PinFile, Trust
from cosignet.core.confirmation import TTL_SECONDS_DEFAULT, Status
from cosignet.core.jsontext import JsonValue
from cosignet.core.payload import canonical_payload, payload_hash

Result = TypeVar("Result")
_log = logging.getLogger("cosignet")
_PATH = "/api/confirmations"


@dataclass(frozen=True, slots=True)
class Asked:
    """A confirmation that now waits for its approver."""

    expected: Expected = field(repr=False)
    answer: dict[str, JsonValue] = field(repr=False)
    deadline: float
    """On the monotonic clock."""

    @property
    def id(self) -> str:
        """The confirmation's id."""
        return self.expected.confirmation

    @property
    def url(self) -> str:
        """What the approver opens."""
        return str(self.answer.get("url"))

    @property
    def match_code(self) -> str | None:
        """What the approver has to pick, at high risk; show it here and nowhere near the link."""
        code = self.answer.get("matchCode")
        return code if isinstance(code, str) else None


class Cosignet:
    """A server, a key, and whose passkeys are believed. May be used by several threads."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        origin: str | None = None,
        trust: Trust | None = None,
        log_keys: Sequence[str] | None = None,
        timing: Timing | None = None,
        on_unavailable: Callable[[Unavailable], object] | None = None,
    ) -> None:
        """Take what is not given from the environment (`client/environment.py`).

        Args:
            api_key: the API key.
            base_url: where the server is.
            origin: what its approvers see in the browser, if that is not the origin of base_url.
            trust: whose passkeys are believed: PinnedKeys, PinFile. Without it the user's pin file,
                which in a CI job must have been filled before.
            log_keys: verifier keys of the log. Where any is given, an approval has to be in the log
                under a head that one of them signed, and is waited for until it is.
            timing: how long to try.
            on_unavailable: called once after some failures in a row, to alert somebody.

        Raises:
            SetupIncomplete: something is missing or unusable.
        """
        settings = read_settings()
        self.door = Door(base_url or settings.base_url, api_key or settings.api_key)
        self.origin = origin or self.door.origin
        self.rp_id = urlsplit(self.origin).hostname or ""
        self.trust = trust or PinFile(settings.pins, first_use=not settings.unattended)
        self.log_keys = parse_log_keys(settings.log_keys if log_keys is None else log_keys)
        self.timing = timing or Timing()
        self._on_unavailable = on_unavailable or _nobody
        self._used: set[str] = set()
        self._using = threading.Lock()

    def request_approval(
        self,
        *,
        username: str,
        action: str,
        payload: Mapping[str, Any],
        on_created: Callable[[Asked], object] = lambda _: None,
        stop: threading.Event | None = None,
        **options: Any,
    ) -> Decision:
        """Ask, wait, verify. If anything interrupts the waiting, the confirmation is cancelled.

        Args:
            username: who decides.
            action: the title they read first.
            payload: exactly what shall happen; taken as it is at this moment.
            on_created: called with what waits, to show its link to somebody.
            stop: set by another thread, ends the waiting like an interrupt.
            options: `ttl_seconds`, `risk`, `private`, `notify`; see docs/api.md.

        Raises:
            Unavailable: the state cannot be known.
            EvidenceRefused: it says approved, and does not prove it.
            RequestRefused: the server will not ask this.
            PayloadRefused: the payload is not JSON that everybody reads alike.
        """
        asked = self.ask(username=username, action=action, payload=payload, **options)
        try:
            on_created(asked)
            decision = self.wait(asked, stop=stop)
        except BaseException:
            self.cancel(asked)
            raise
        if decision.status is Status.PENDING:
            self.cancel(asked)
        return decision

    def ask(
        self,
        *,
        username: str,
        action: str,
        payload: Mapping[str, Any],
        ttl_seconds: int = TTL_SECONDS_DEFAULT,
        risk: str = "normal",
        private: bool = False,
        notify: str | list[str] = "none",
    ) -> Asked:
        """Ask, once, however often that has to be tried; raises as `request_approval` does."""
        text = canonical_payload(cast(JsonValue, payload))
        deadline = time.monotonic() + ttl_seconds + self.timing.grace
        fields = {
            "username": username,
            "action": action,
            "ttlSeconds": ttl_seconds,
            "risk": risk,
            "private": private,
            "notify": notify,
        }
        body = json.dumps(fields, ensure_ascii=False)[:-1] + f', "payload": {text}}}'
        asked_at = time.time()
        once = secrets.token_hex(16)

        def post(seconds: float) -> Answer:
            data = body.encode()
            answer = self.door.ask("POST", _PATH, data, seconds=seconds, idempotency_key=once)
            if answer.status < 300 and not isinstance(answer.body.get("id"), str):
                raise Unheard("the answer names no confirmation")
            return answer

        answer = self._patience().until_answered(post, deadline).body
        if answer.get("payloadHash") != payload_hash(text).hex():
            raise EvidenceRefused("payload_hash", "the server took another payload")
        expected = Expected(
            confirmation=str(answer["id"]),
            payload_text=text,
            action=action,
            approver=username.lower(),
            origin=self.origin,
            rp_id=self.rp_id,
            risk=risk,
            ttl_seconds=ttl_seconds,
            asked_at=asked_at,
        )
        return Asked(expected, answer, deadline)

    def wait(self, asked: Asked, *, stop: threading.Event | None = None) -> Decision:
        """Wait until it is decided, and verify an approval; `pending` after the deadline."""
        patience = self._patience(stop)
        while True:
            left = int(asked.deadline - time.monotonic())
            over = left <= 0 or (stop is not None and stop.is_set())
            read = self._reading(asked.id, 0 if over else min(self.timing.wait, left))
            answer = patience.until_answered(read, asked.deadline).body
            if answer["status"] != "pending":
                return self._decision(answer, asked.expected, patience)
            if over:
                return Decision(answer)

    def _reading(self, id_: str, wait: int) -> Callable[[float], Answer]:
        def get(seconds: float) -> Answer:
            path = f"{_PATH}/{quote(id_, safe='')}?wait={wait}"
            answer = self.door.ask("GET", path, seconds=seconds + wait)
            said = answer.body.get("status")
            if answer.status < 300 and (said not in list(Status) or answer.body.get("id") != id_):
                raise Unheard("the answer is not about this confirmation")
            return answer

        return get

    def _decision(
        self, answer: dict[str, JsonValue], expected: Expected, patience: Patience
    ) -> Decision:
        if answer["status"] != "approved":
            return Decision(answer)
        evidence = verify_evidence(answer, expected)
        self.trust.verify_credential(evidence)
        if answer.get("consumedAt") is not None or expected.confirmation in self._used:
            raise EvidenceRefused("already_consumed", "it was used before")
        if self.log_keys:
            deadline = time.monotonic() + self.timing.after
            bundle = read_proof(self.door, patience, answer, deadline)
            verify_logged(bundle, answer, evidence, self.log_keys)
        run_token = secrets.token_urlsafe(24)
        return Decision(answer, Approval(expected.confirmation, evidence, run_token))

    def consume(self, approval: Approval) -> None:
        """Use the approval up, before running; repeated with the same token until it is answered.

        Raises:
            EvidenceRefused: somebody has used it up already.
            Unavailable: nobody knows. Do not run.
        """
        body = json.dumps({"token": approval.run_token}).encode()

        def post(seconds: float) -> Answer:
            path = f"{_PATH}/{quote(approval.id, safe='')}/consume"
            answer = self.door.ask("POST", path, body, seconds=seconds)
            right = answer.body.get("id") == approval.id and answer.body.get("consumedAt")
            if answer.status < 300 and not right:
                raise Unheard("the answer does not say that it was consumed")
            return answer

        try:
            self._patience().until_answered(post, time.monotonic() + self.timing.after)
        except RequestRefused as refused:
            if refused.code != "already_consumed":
                raise
            raise EvidenceRefused("already_consumed", "it was used before") from None
        with self._using:
            if approval.id in self._used:
                raise EvidenceRefused("already_consumed", "it was used before in this process")
            self._used.add(approval.id)

    def run(self, decision: Decision, action: Callable[[dict[str, JsonValue]], Result]) -> Result:
        """Consume, run `action` with the signed payload, and report the outcome: at most once.

        Raises:
            NotApproved: a subclass says what became of it.
            EvidenceRefused, Unavailable: as `consume` does.
        """
        approval = decision.require_approved()
        self.consume(approval)
        try:
            result = action(approval.payload)
        except BaseException as error:
            self.report(approval, "failed", type(error).__name__)
            raise
        self.report(approval, "executed")
        return result

    def report(self, approval: Approval, result: str, note: str | None = None) -> None:
        """Say what became of the action. It has run: a failure here is logged, and no more."""
        body = json.dumps({"result": result, "note": note}).encode()

        def post(seconds: float) -> Answer:
            path = f"{_PATH}/{quote(approval.id, safe='')}/outcome"
            return self.door.ask("POST", path, body, seconds=seconds)

        try:
            self._patience().until_answered(post, time.monotonic() + self.timing.after)
        except CosignetError as error:
            _log.warning("the outcome %r of %s was not recorded: %s", result, approval.id, error)

    def cancel(self, asked: Asked) -> None:
        """Take it back, if it is still pending. One attempt: it ends by itself, too."""
        try:
            path = f"{_PATH}/{quote(asked.id, safe='')}/cancel"
            self.door.ask("POST", path, b"{}", seconds=min(3, self.timing.request))
        except Unheard as unheard:
            _log.warning("%s was not cancelled: %s", asked.id, unheard)

    def _patience(self, stop: threading.Event | None = None) -> Patience:
        sleep = time.sleep if stop is None else stop.wait
        return Patience(self.timing, self._on_unavailable, sleep=sleep)


def _nobody(_: Unavailable) -> None:
    """Alert nobody."""
