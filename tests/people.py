"""Those who use a server, over HTTP only: programs that ask, people who register and decide."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from tests.authenticator import Authenticator, base64url

from cosignet.server.secret import prove

JSON = dict[str, Any]
PAYLOAD: JSON = {"service": "api", "sha": "abc123", "replicas": 3, "dry_run": False}


_open: list[httpx2.Client] = []


def client(url: str, headers: dict[str, str]) -> httpx2.Client:
    """Return an HTTP client that is closed after the test."""
    _open.append(httpx2.Client(base_url=url, headers=headers, timeout=40))
    return _open[-1]


def close_clients() -> None:
    """Close what tests have opened."""
    while _open:
        _open.pop().close()


def hand_over_clients() -> list[httpx2.Client]:
    """Return the clients opened so far; whoever takes them closes them, later than the test."""
    taken = _open.copy()
    _open.clear()
    return taken


def host_of(public_url: str) -> dict[str, str]:
    """Return the header that a proxy in front of a server passes on to it."""
    parts = urlsplit(public_url)
    return {} if parts.hostname in (None, "localhost") else {"Host": parts.netloc}


def raise_for(answer: httpx2.Response) -> JSON:
    """Return the JSON of an answer that has to be a success."""
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json()


@dataclass
class Person:
    """Somebody with a passkey, at a browser that sends Origin like any browser."""

    url: str
    passkey: Authenticator = field(default_factory=Authenticator)
    username: str = ""
    base_url: str = ""
    """Where the server listens, if that is not its public URL."""
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **host_of(self.url)}
        self.http = client(self.base_url or self.url, headers)

    def register(self, invite: str, username: str) -> JSON:
        """Accept an invite (its code or its link) with a new passkey."""
        code = invite.rpartition("invite=")[2]
        who = {"invite": code, "username": username}
        options = raise_for(self.http.post("/register/options", json=who))
        credential = self.passkey.register(options, origin=self.url)
        answer = raise_for(self.http.post("/register", json={**who, "credential": credential}))
        self.username = answer["username"]
        return answer

    def practise(self) -> JSON:
        """Try the new passkey once; the first owner gets an API key."""
        who = {"credentialId": self.credential_id}
        options = raise_for(self.http.post("/register/practice/options", json=who))
        credential = self.passkey.sign(options, origin=self.url)
        body = {**who, "credential": credential}
        return raise_for(self.http.post("/register/practice", json=body))

    def sign_in(self) -> JSON:
        """Sign in with the passkey."""
        options = raise_for(self.http.post("/login/options", json={}))
        credential = self.passkey.sign(options, origin=self.url)
        return raise_for(self.http.post("/login", json={"credential": credential}))

    def confirm(self, change: str, target: str = "", **tamper: Any) -> JSON:
        """Return a fresh assertion for one change of the account, without posting it."""
        asked = {"change": change, "target": target}
        options = raise_for(self.http.post("/account/confirm", json=asked))
        return self.passkey.sign(options, origin=self.url, **tamper)

    def change(self, change: str, target: str, path: str) -> httpx2.Response:
        """Make one change of the account, confirmed by the passkey."""
        return self.http.post(path, json={"credential": self.confirm(change, target)})

    def activate(self, approver_id: str) -> httpx2.Response:
        """Let somebody decide."""
        return self.change("activate", approver_id, f"/account/approvers/{approver_id}/activate")

    def reinvite(self, approver_id: str) -> httpx2.Response:
        """Invite a colleague again."""
        return self.change("reinvite", approver_id, f"/account/approvers/{approver_id}/invite")

    def revoke_passkey(self, row_id: str) -> httpx2.Response:
        """End one of one's own passkeys."""
        path = f"/account/passkeys/{row_id}/revoke"
        return self.change("revoke_passkey", row_id, path)

    def begin_passkey(self) -> httpx2.Response:
        """Confirm that another passkey may be made; answers what it is made with."""
        return self.change("add_passkey", "", "/account/passkeys/options")

    def add_passkey(self) -> "Person":
        """Add another passkey; return the same person at another device that has it."""
        other = Person(self.url, username=self.username, base_url=self.base_url)
        options = raise_for(self.begin_passkey())
        credential = other.passkey.register(options, origin=self.url)
        raise_for(self.http.post("/account/passkeys", json={"credential": credential}))
        return other

    @property
    def credential_id(self) -> str:
        """The passkey's id as the wire spells it."""
        return base64url(self.passkey.credential_id)

    def data(self, confirmation_id: str) -> JSON:
        """Read what the page's script reads."""
        return raise_for(self.http.get(f"/confirm/{confirmation_id}/data"))

    def sign(
        self,
        confirmation_id: str,
        purpose: str = "approve",
        *,
        match_code: str | None = None,
        **tamper: Any,
    ) -> JSON:
        """Return a signature over a confirmation, without posting it."""
        body = {"purpose": purpose, "matchCode": match_code}
        answer = self.http.post(f"/confirm/{confirmation_id}/options", json=body)
        return self.passkey.sign(raise_for(answer), origin=self.url, **tamper)

    def approve(self, confirmation_id: str, *, match_code: str | None = None) -> httpx2.Response:
        """Sign and post an approval."""
        credential = self.sign(confirmation_id, match_code=match_code)
        return self.post_approval(confirmation_id, credential, match_code=match_code)

    def post_approval(
        self, confirmation_id: str, credential: JSON, *, match_code: str | None = None
    ) -> httpx2.Response:
        """Post a signature as an approval."""
        body = {"credential": credential, "matchCode": match_code}
        return self.http.post(f"/confirm/{confirmation_id}/approve", json=body)

    def sign_unlock(self, confirmation_id: str, **tamper: Any) -> JSON:
        """Return an answer to a fresh prompt for unlocking, without posting it."""
        answer = self.http.post(f"/confirm/{confirmation_id}/unlock/options", json={})
        return self.passkey.sign(raise_for(answer), origin=self.url, **tamper)

    def post_unlock(self, confirmation_id: str, credential: JSON) -> httpx2.Response:
        """Post an answer to a prompt for unlocking."""
        path = f"/confirm/{confirmation_id}/unlock"
        return self.http.post(path, json={"credential": credential})

    def unlock(self, confirmation_id: str) -> httpx2.Response:
        """Unlock a private confirmation in this browser."""
        return self.post_unlock(confirmation_id, self.sign_unlock(confirmation_id))

    def reject_signed(self, confirmation_id: str, reason: str | None = None) -> httpx2.Response:
        """Sign and post a rejection."""
        credential = self.sign(confirmation_id, "reject")
        body = {"credential": credential, "reason": reason}
        return self.http.post(f"/confirm/{confirmation_id}/reject", json=body)

    @property
    def page_token(self) -> str:
        """What the page last opened carries, or as good as that."""
        return prove(self.http.cookies["cosignet_page"], b"random")

    def reject(self, confirmation_id: str, reason: str | None = None) -> httpx2.Response:
        """Open the page and reject with one tap."""
        assert self.http.get(f"/confirm/{confirmation_id}").is_success
        body = {"token": self.page_token, "reason": reason}
        return self.http.post(f"/confirm/{confirmation_id}/reject", json=body)


@dataclass
class Program:
    """A client of the API with its key."""

    url: str
    key: str
    public_url: str = ""
    """The server's public URL, if that is not where it listens."""
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"X-Api-Key": self.key, **host_of(self.public_url)}
        self.http = client(self.url, headers)

    def post(self, path: str, body: object = None, **options: Any) -> httpx2.Response:
        """Post JSON."""
        return self.http.post(path, json=body, **options)

    def get(self, path: str, **query: Any) -> httpx2.Response:
        """Get, with query parameters."""
        return self.http.get(path, params=query)

    def ask(self, username: str, payload: JSON | None = None, **fields: Any) -> JSON:
        """Ask for an approval."""
        body = {"username": username, "action": "Deploy to production", "payload": PAYLOAD}
        if payload is not None:
            body["payload"] = payload
        return raise_for(self.post("/api/confirmations", body | fields))

    def read(self, confirmation_id: str, **query: Any) -> JSON:
        """Read a confirmation."""
        return raise_for(self.get(f"/api/confirmations/{confirmation_id}", **query))
