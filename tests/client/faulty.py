"""A server that fails and lies: the API of Cosignet, with one fault at a time.

It signs with software passkeys as approvers do, so that what it forges is as good as a forgery can
be: everything fits but the one thing that a client has to notice.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from uuid import uuid4

from tests.authenticator import (
    ATTESTED_DATA,
    BACKED_UP,
    BACKUP_ELIGIBLE,
    EDDSA,
    RESERVED_1,
    RS256,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    base64url,
)

from cosignet.core.challenge import Context, challenge
from cosignet.core.encoding import base64url_decode, rfc3339
from cosignet.core.payload import payload_from_text, payload_hash

JSON = dict[str, Any]
Verdict = Literal[
    "ran", "rejected", "expired", "cancelled", "unavailable", "evidence", "refused", "undecided"
]
APPROVER = "alex"
DRIP_SECONDS = 0.2
HANG_SECONDS = 30
ELSEWHERE = "/elsewhere"
ERASE = "\033[2K\r"
"""Has a terminal erase its line."""


@lru_cache
def passkey(name: str) -> Authenticator:
    """Return somebody's passkey, always the same one."""
    made = Authenticator(credential_id=hashlib.sha256(name.encode()).digest())
    made.user_handle = name.encode()
    return made


@dataclass
class Case:
    """One confirmation at this server, and the lies that are told about it."""

    url: str
    request: JSON
    payload_text: str
    id: str = field(default_factory=lambda: str(uuid4()))
    created_at: int = field(default_factory=lambda: int(time.time() * 1000))
    evidence_id: str = field(default_factory=lambda: str(uuid4()))
    told: JSON = field(default_factory=dict[str, Any])
    """What the last reading said; the log has that."""
    token: str | None = None
    consumed_at: str | None = None

    def context(self, **changes: Any) -> Context:
        """Return the context of its approval."""
        made = Context(
            purpose="approve",
            confirmation=self.id,
            org="default",
            action=self.request["action"],
            approver=self.request["username"],
            approver_id="6f6f6f6f",
            requester="deployer",
            requester_key_id="7e7e7e7e",
            rp_id="localhost",
            origin=self.url,
            created_at=rfc3339(self.created_at),
            expires_at=rfc3339(self.created_at + 1000 * self.request["ttlSeconds"]),
            quorum=1,
            policy=None,
            risk=self.request.get("risk", "normal"),
            reveal=False,
            salt=base64url(bytes(32)),
        )
        return made._replace(**changes)

    def created(self) -> JSON:
        """Return the answer to asking."""
        return {
            "id": self.id,
            "url": f"{self.url}/confirm/{self.id}",
            "status": "pending",
            "risk": "normal",
            "matchCode": None,
            "payloadHash": payload_hash(self.payload_text).hex(),
            "createdAt": rfc3339(self.created_at),
            "expiresAt": rfc3339(self.created_at + 1000 * self.request["ttlSeconds"]),
            "notified": False,
        }

    def full(self, status: str = "approved", **changes: Any) -> JSON:
        """Return a reading without a signature."""
        return {
            **self.created(),
            "status": status,
            "action": self.request["action"],
            "approver": self.request["username"],
            "requester": "deployer",
            "decidedAt": None,
            "cancelledAt": None,
            "signedAt": None,
            "rejection": None,
            "evidenceId": None,
            "consumedAt": self.consumed_at,
            "outcome": None,
            "payload": json.loads(self.payload_text),
            "payloadText": self.payload_text,
            "context": self.context().text,
            "private": False,
            "reveal": False,
            "credentialId": None,
            "credential": None,
            "rawAssertion": None,
            **changes,
        }

    def approved(
        self,
        *,
        by: Authenticator | None = None,
        shown: Authenticator | None = None,
        context: Context | None = None,
        context_text: str | None = None,
        payload_text: str | None = None,
        signed: bytes | None = None,
        origin: str | None = None,
        tamper: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> JSON:
        """Return a reading with a real signature of `by`, whose key is said to be `shown`'s."""
        by = by or passkey(APPROVER)
        shown = shown or by
        text = context_text or (context or self.context()).text
        payload = payload_text or self.payload_text
        asked = signed or challenge(
            purpose="approve", context_text=text, payload_hash=payload_hash(payload)
        )
        options = {"challenge": base64url(asked), "rpId": "localhost"}
        by.rp_id = "localhost"
        assertion = by.sign(options, origin=origin or self.url, **(tamper or {}))
        return self.full(
            "approved",
            context=text,
            payload=json.loads(payload),
            payloadText=payload,
            payloadHash=payload_hash(payload).hex(),
            decidedAt=rfc3339(self.created_at + 1),
            signedAt=rfc3339(self.created_at + 1),
            credentialId=assertion["id"],
            credential={
                "id": assertion["id"],
                "algorithm": shown.algorithm,
                "publicKeySpki": base64url(shown.spki),
            },
            rawAssertion=assertion,
            **{"evidenceId": self.evidence_id} | changes,
        )


Transport = Literal[
    "", "drop", "500", "503", "404", "half", "drip", "words", "twice", "list", "away", "last"
]
Step = Literal["create", "read", "log", "consume", "outcome", "cancel"]
Tell = Callable[[Case], JSON]


@dataclass(frozen=True)
class Fault:
    """What is wrong, and what every client has to make of it."""

    want: Verdict
    tell: Tell = Case.approved
    """The answer to reading."""
    step: Step = "read"
    transport: Transport = ""
    """What is wrong with the connection at that step."""
    times: int = 10_000
    """How often; afterwards it works."""
    answer: Callable[[JSON], JSON] | None = None
    """What is wrong with a success of that step (of any but reading)."""
    takes: Callable[[Case], str] | None = None
    """Which payload it takes instead, from the start."""
    skew: float = 0
    """Seconds by which this server's clock is ahead."""
    ttl: int = 3
    log: Tell | None = None
    """What the log says of the case; None: clients are not told to ask it."""
    loosely: Verdict | None = None
    """What a client may make of it that reads JSON with a tool that is less strict."""


class Server:
    """One faulty server on localhost; remembers what it was asked."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.cases: dict[str, Case] = {}
        self.seen: list[str] = []
        """Each request as `METHOD step`."""
        self.outcomes: list[JSON] = []
        self.keys: list[str | None] = []
        """The Idempotency-Key of each attempt to create."""
        self.left = fault.times
        self.followed = False
        """Whether somebody went where a redirect led, with their key."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://localhost:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                Talk(outer, self, "log" if "/entries/" in self.path else "read").hold()

            def do_POST(self) -> None:
                last = self.path.rpartition("/")[2]
                Talk(outer, self, {"confirmations": "create"}.get(last, last)).hold()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


@dataclass
class Talk:
    """One request and its answer."""

    server: Server
    http: BaseHTTPRequestHandler
    step: str

    def hold(self) -> None:
        body = self.http.rfile.read(int(self.http.headers.get("Content-Length") or 0))
        self.server.seen.append(self.step)
        self.http.close_connection = True
        try:
            status, answer = self.carry_out(json.loads(body or b"{}"), body)
            self.send(status, answer)
        except OSError:
            return

    def carry_out(self, request: JSON, raw: bytes) -> tuple[int, JSON]:
        if self.http.path == ELSEWHERE:
            self.server.followed = True
            return 200, {}
        if self.step == "create":
            return 201, self.create(request, raw)
        parts = self.http.path.partition("?")[0].split("/")
        if self.step == "log":
            return self.logged(parts[4])
        case = self.server.cases.get(parts[3])
        if case is None:
            return 404, {"code": "not_found", "title": "Nothing is here under that name."}
        if self.step == "consume":
            return self.consume(case, request["token"])
        if self.step == "outcome":
            self.server.outcomes.append(request)
            return 200, {"id": case.id, "outcome": {**request, "at": rfc3339(case.created_at)}}
        if self.step == "cancel":
            return 200, case.full("expired", cancelledAt=rfc3339(case.created_at))
        case.told = self.server.fault.tell(case)
        return 200, case.told

    def logged(self, evidence_id: str) -> tuple[int, JSON]:
        [case] = [one for one in self.server.cases.values() if one.evidence_id == evidence_id]
        assert self.server.fault.log is not None
        return 200, self.server.fault.log(case)

    def create(self, request: JSON, raw: bytes) -> JSON:
        self.server.keys.append(self.http.headers.get("Idempotency-Key"))
        text = payload_from_text(json.dumps(request["payload"], ensure_ascii=False).encode())
        case = Case(self.server.url, request, text)
        case.created_at += int(1000 * self.server.fault.skew)
        self.server.cases[case.id] = case
        takes = self.server.fault.takes
        told = {} if takes is None else {"payloadHash": payload_hash(takes(case)).hex()}
        return case.created() | told

    def consume(self, case: Case, token: str) -> tuple[int, JSON]:
        if case.token not in (None, token):
            return 409, {"code": "already_consumed", "title": "It was used."}
        case.token, case.consumed_at = token, rfc3339(case.created_at + 2)
        return 200, {"id": case.id, "consumedAt": case.consumed_at, "consumedBy": "7e7e"}

    def send(self, status: int, answer: JSON) -> None:
        fault = self.server.fault
        if self.step != fault.step or self.server.left <= 0:
            return self.write(status, json.dumps(answer).encode())
        self.server.left -= 1
        if fault.answer is not None:
            answer = fault.answer(answer)
            return self.write(answer.pop(":status", status), json.dumps(answer).encode())
        return getattr(self, f"send_{fault.transport or 'plain'}")(status, answer)

    def send_plain(self, status: int, answer: JSON) -> None:
        self.write(status, json.dumps(answer).encode())

    def send_drop(self, _status: int, _answer: JSON) -> None:
        self.http.connection.close()

    def send_500(self, _status: int, answer: JSON) -> None:
        self.write(500, json.dumps(answer).encode())

    def send_503(self, _status: int, answer: JSON) -> None:
        self.write(503, json.dumps(answer).encode(), {"Retry-After": "1"})

    def send_404(self, _status: int, answer: JSON) -> None:
        self.write(404, b"<html>no such page</html>")

    def send_half(self, status: int, answer: JSON) -> None:
        data = json.dumps(answer).encode()
        self.write(status, data[: len(data) // 2], {"Content-Length": str(len(data))})

    def send_words(self, status: int, _answer: JSON) -> None:
        self.write(status, b"<html>approved</html>")

    def send_twice(self, status: int, answer: JSON) -> None:
        data = json.dumps(answer).encode()
        self.write(status, data[:-1] + b',"status":"approved"}')

    def send_list(self, status: int, answer: JSON) -> None:
        self.write(status, json.dumps([answer]).encode())

    def send_away(self, _status: int, _answer: JSON) -> None:
        self.write(302, b"", {"Location": f"{self.server.url}{ELSEWHERE}"})

    def send_last(self, status: int, answer: JSON) -> None:
        """Say that the connection ends with this answer, which comes a moment after its head."""
        data = json.dumps(answer).encode()
        self.http.send_response(status)
        self.http.send_header("Content-Length", str(len(data)))
        self.http.send_header("Connection", "close")
        self.http.end_headers()
        time.sleep(DRIP_SECONDS)
        self.http.wfile.write(data)

    def send_drip(self, status: int, answer: JSON) -> None:
        data = json.dumps(answer).encode()
        self.http.send_response(status)
        self.http.send_header("Content-Length", str(len(data)))
        self.http.end_headers()
        for byte in data[: int(HANG_SECONDS / DRIP_SECONDS)]:
            self.http.wfile.write(bytes([byte]))
            time.sleep(DRIP_SECONDS)

    def write(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.http.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | dict(headers or {})).items():
            self.http.send_header(name, value)
        self.http.end_headers()
        self.http.wfile.write(data)


# --- The table ----------------------------------------------------------------------------------


def end(status: str, **changes: Any) -> Tell:
    return lambda case: case.full(status, **changes)


def in_context(**changes: Any) -> Tell:
    """Signed by the right passkey, in another context than was asked."""
    return lambda case: case.approved(context=case.context(**changes))


def with_(**changes: Any) -> Tell:
    """Signed as it should be, and then something beside it is changed."""
    return lambda case: case.approved() | changes


def tampered(**tamper: Any) -> Tell:
    """Signed by a passkey or a browser that does something else."""
    return lambda case: case.approved(tamper=tamper)


def beside(*path: str, put: Any) -> Tell:
    """Rightly signed, and then one member, somewhere within, is put in another way."""

    def tell(case: Case) -> JSON:
        answer = json.loads(json.dumps(case.approved()))
        inner = answer
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = put(inner[path[-1]]) if callable(put) else put
        return answer

    return tell


def in_longer_der(signature: str) -> str:
    """Write the same two integers with a length in two bytes."""
    data = base64url_decode(signature)
    return base64url(b"\x30\x81" + data[1:])


def renamed(id_: str) -> Tell:
    """The passkey has another name, wherever it stands."""

    def tell(case: Case) -> JSON:
        answer = json.loads(
            json.dumps(case.approved(tamper={"members": {"id": id_, "rawId": id_}}))
        )
        return answer | {"credentialId": id_, "credential": answer["credential"] | {"id": id_}}

    return tell


def other_payload(case: Case) -> str:
    return json.dumps({**json.loads(case.payload_text), "amount": 1}, separators=(",", ":"))


def rejection_as_approval(case: Case) -> JSON:
    context = case.context(purpose="reject")
    hashed = payload_hash(case.payload_text)
    signed = challenge(purpose="reject", context_text=context.text, payload_hash=hashed)
    return case.approved(context=context, signed=signed)


def rejection_under_approval(case: Case) -> JSON:
    context = case.context()
    hashed = payload_hash(case.payload_text)
    signed = challenge(purpose="reject", context_text=context.text, payload_hash=hashed)
    return case.approved(context=context, signed=signed)


def older(case: Case) -> JSON:
    """An approval of the very same action, from yesterday: everything else is true."""
    case.created_at -= 86_400_000
    return case.approved()


def spaced_context(case: Case) -> JSON:
    return case.approved(context_text=case.context().text.replace('{"v":1,', '{"v":1, '))


def foreign_id(case: Case) -> JSON:
    return case.approved(id=str(uuid4()))


def of_another_confirmation(case: Case) -> JSON:
    return case.approved(context=case.context(confirmation=str(uuid4())))


def stripped(name: str) -> Tell:
    def tell(case: Case) -> JSON:
        answer = case.approved()
        del answer[name]
        return answer

    return tell


def swapped_credential(case: Case) -> JSON:
    """The approver's key and id are shown, and another key has signed."""
    mallory = Authenticator(credential_id=passkey(APPROVER).credential_id)
    mallory.user_handle = b"alex"
    return case.approved(by=mallory, shown=passkey(APPROVER))


def fitting_key(case: Case) -> JSON:
    """A key made on the spot, that fits its signature; even the id is the approver's."""
    mallory = Authenticator(credential_id=passkey(APPROVER).credential_id)
    mallory.user_handle = b"alex"
    return case.approved(by=mallory)


def payload_beside(case: Case) -> JSON:
    return case.approved() | {"payload": json.loads(other_payload(case))}


def payload_typed_otherwise(case: Case) -> JSON:
    """`true` for `1`, `""` for null: equal in Python or JavaScript's `==`."""
    text = case.payload_text.replace('"one":1', '"one":true').replace(":null", ':""')
    # Programs sign texts alone; theirs gets a list for its text.
    text = text if text != case.payload_text else text.replace('"tee"', '["tee"]')
    text = text if text != case.payload_text else other_payload(case)
    return case.approved(payload_text=text)


def changed(**members: Any) -> Callable[[JSON], JSON]:
    return lambda answer: answer | members


HOUR = 3600
FAULTS: dict[str, Fault] = {
    # Controls: without a fault the action runs; and outcomes are outcomes.
    "nothing is wrong": Fault("ran"),
    "rejected": Fault("rejected", end("rejected", rejection={"signed": False, "reason": None})),
    "expired": Fault("expired", end("expired")),
    "cancelled": Fault("cancelled", end("expired", cancelledAt="2026-11-20T00:00:00.000Z")),
    "nobody decides": Fault("undecided", end("pending"), ttl=1, loosely="expired"),
    # The connection, for a while: everything goes on.
    "creating is dropped once": Fault("ran", step="create", transport="drop", times=1),
    "creating fails once": Fault("ran", step="create", transport="500", times=1),
    "creating ends the connection": Fault("ran", step="create", transport="last"),
    "reading ends the connection": Fault("ran", transport="last"),
    "reading is dropped once": Fault("ran", transport="drop", times=1),
    "reading is half once": Fault("ran", transport="half", times=1),
    "reading is 503 once": Fault("ran", transport="503", times=1),
    "the answer to consuming is lost": Fault("ran", step="consume", transport="drop", times=1),
    "consuming is answered in half once": Fault("ran", step="consume", transport="half", times=1),
    "the outcome is lost for ever": Fault("ran", step="outcome", transport="500"),
    "a rejection after an outage": Fault("rejected", end("rejected"), transport="500", times=1),
    # The connection, for good: an outage, and nothing else.
    **{
        f"{step} {words}": Fault("unavailable", step=step, transport=transport)
        for step in ("create", "read", "consume")
        for words, transport in {
            "is dropped": "drop",
            "is 500": "500",
            "is 503": "503",
            "is cut in half": "half",
            "drips": "drip",
            "is no JSON": "words",
            "is a list": "list",
            "leads elsewhere": "away",
        }.items()
    },
    "a rejection that drips": Fault("unavailable", end("rejected"), transport="drip"),
    "a rejection with 500": Fault("unavailable", end("rejected"), transport="500"),
    "a status given twice": Fault(
        "unavailable", end("pending"), transport="twice", loosely="evidence"
    ),
    "an unknown status": Fault("unavailable", end("APPROVED")),
    "no status": Fault("unavailable", stripped("status")),
    "a status that is true": Fault("unavailable", lambda case: case.full() | {"status": True}),
    "another's rejection": Fault("unavailable", end("rejected", id=str(uuid4()))),
    "another's approval": Fault("unavailable", foreign_id),
    "creating names nothing": Fault("unavailable", step="create", answer=changed(id=None)),
    "consuming says nothing": Fault("unavailable", step="consume", answer=lambda _: {}),
    "another was consumed": Fault("unavailable", step="consume", answer=changed(id="x")),
    # Refusals of the server.
    "a wrong key": Fault(
        "refused", step="create", answer=lambda _: {":status": 401, "code": "unauthenticated"}
    ),
    "a refusal that moves the cursor": Fault(
        "refused",
        step="create",
        answer=lambda _: {":status": 403, "code": "forbidden", "title": f"{ERASE}Approved."},
    ),
    "it is gone": Fault("refused", transport="404"),
    # Forgeries.
    "approved, and nothing beside it": Fault("evidence", end("approved")),
    "no assertion": Fault("evidence", with_(rawAssertion=None)),
    "no credential": Fault("evidence", with_(credential=None)),
    "no context": Fault("evidence", stripped("context")),
    "no payload text": Fault("evidence", stripped("payloadText")),
    "creating takes another payload": Fault(
        "evidence", step="create", answer=changed(payloadHash="00" * 32)
    ),
    "a swapped payload, rightly signed": Fault(
        "evidence", lambda case: case.approved(payload_text=other_payload(case))
    ),
    "another payload from the start, told as the one asked for": Fault(
        "evidence",
        lambda case: (
            case.approved(payload_text=other_payload(case))
            | {"payload": json.loads(case.payload_text)}
        ),
        takes=other_payload,
    ),
    "a swapped payload beside the text": Fault("evidence", payload_beside),
    "true for 1": Fault("evidence", payload_typed_otherwise),
    "another payload's signature": Fault(
        "evidence", lambda case: case.approved(payload_text=other_payload(case)) | case.full()
    ),
    "another payload hash": Fault("evidence", lambda case: case.approved() | {"payloadHash": "0"}),
    "the signature of another key": Fault("evidence", swapped_credential),
    "a key made to fit": Fault("evidence", fitting_key),
    "another approver's key": Fault("evidence", lambda case: case.approved(by=passkey("bob"))),
    "another approver, rightly signed": Fault(
        "evidence",
        lambda case: case.approved(by=passkey("bob"), context=case.context(approver="bob")),
    ),
    "an older approval of the same": Fault("evidence", older),
    "another confirmation's approval": Fault("evidence", of_another_confirmation),
    "a rejection as approval": Fault("evidence", rejection_as_approval),
    "a rejection under an approval's context": Fault("evidence", rejection_under_approval),
    "a rejection's context, signed like an approval": Fault(
        "evidence", in_context(purpose="reject")
    ),
    "another title": Fault("evidence", in_context(action="Show a list")),
    "another site's context": Fault("evidence", in_context(origin="https://cosignet.example")),
    "another relying party": Fault("evidence", in_context(rp_id="example.com")),
    "less risk": Fault("evidence", in_context(risk="none")),
    "another quorum": Fault("evidence", in_context(quorum=2)),
    "made public": Fault("evidence", in_context(reveal=True)),
    "another deadline": Fault("evidence", in_context(expires_at="2036-01-01T00:00:00.000Z")),
    "a time that is none": Fault("evidence", in_context(created_at="yesterday")),
    "a context that is not canonical": Fault("evidence", spaced_context),
    "signed on another site": Fault(
        "evidence", lambda case: case.approved(origin="http://localhost.evil.example")
    ),
    "signed in a frame": Fault("evidence", tampered(client_data={"crossOrigin": True})),
    "signed below another top": Fault("evidence", tampered(client_data={"topOrigin": "https://x"})),
    "a registration": Fault("evidence", tampered(client_data={"type": "webauthn.create"})),
    "another challenge": Fault("evidence", lambda case: case.approved(signed=bytes(48))),
    "a challenge with padding": Fault(
        "evidence", tampered(client_data={"challenge": lambda text: text + "="})
    ),
    "another site's passkey": Fault("evidence", tampered(rp_id="evil.example")),
    "nobody present": Fault("evidence", tampered(flags_off=USER_PRESENT)),
    "nobody verified": Fault("evidence", tampered(flags_off=USER_VERIFIED)),
    "backed up and not eligible": Fault(
        "evidence", tampered(flags_off=BACKUP_ELIGIBLE, flags_on=BACKED_UP)
    ),
    "reserved flags": Fault("evidence", tampered(flags_on=RESERVED_1)),
    "a credential inside": Fault("evidence", tampered(flags_on=ATTESTED_DATA)),
    "trailing bytes": Fault("evidence", tampered(authenticator_data=lambda data: data + b"\0")),
    "cut authenticator data": Fault("evidence", tampered(authenticator_data=lambda d: d[:36])),
    "a flipped signature": Fault(
        "evidence", tampered(signature=lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    ),
    "a signature in longer DER": Fault(
        "evidence", beside("rawAssertion", "response", "signature", put=in_longer_der)
    ),
    "a signature with padding": Fault(
        "evidence",
        beside("rawAssertion", "response", "signature", put=lambda text: text + "="),
    ),
    "client data that is a list": Fault(
        "evidence", beside("rawAssertion", "response", "clientDataJSON", put=base64url(b"[]"))
    ),
    "client data that is null": Fault(
        "evidence", beside("rawAssertion", "response", "clientDataJSON", put=base64url(b"null"))
    ),
    "a response that is a text": Fault("evidence", beside("rawAssertion", "response", put="x")),
    "an id that moves the cursor": Fault("evidence", renamed(f"AAAA{ERASE}")),
    "no key": Fault("evidence", beside("credential", "publicKeySpki", put=None)),
    "an empty signature": Fault("evidence", tampered(signature=lambda _: b"")),
    "the id of another passkey": Fault("evidence", tampered(members={"rawId": "AAAA"})),
    "another algorithm": Fault(
        "evidence", lambda case: case.approved(shown=replace(passkey(APPROVER), algorithm=EDDSA))
    ),
    "another key's algorithm": Fault(
        "evidence", lambda case: case.approved(shown=Authenticator(algorithm=RS256))
    ),
    "used up before": Fault("evidence", with_(consumedAt="2026-11-20T00:00:00.000Z")),
    "used up by somebody else": Fault(
        "evidence",
        step="consume",
        answer=lambda _: {":status": 409, "code": "already_consumed"},
    ),
    "consuming is refused": Fault(
        "refused", step="consume", answer=lambda _: {":status": 403, "code": "forbidden"}
    ),
    # Clocks.
    "the server's clock is an hour ahead": Fault("evidence", skew=HOUR),
    "the server's clock is an hour behind": Fault("evidence", skew=-HOUR),
    "the server's clock is a minute ahead": Fault("ran", skew=60),
    "the server's clock is a minute behind": Fault("ran", skew=-60),
}
