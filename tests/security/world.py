"""Two organisations on one server, with everybody in them, and whatever can call a route."""

import itertools
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import httpx2
from tests.bundles import publish_all
from tests.live import Live
from tests.people import JSON, PAYLOAD, Person, Program, raise_for

from cosignet.core.access import MintedKey, Role, Scope
from cosignet.server.ledger import MONITOR_KEY_PURPOSE
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, invite
from cosignet.server.services.invite import Terms
from cosignet.server.services.session import SESSION_MS
from cosignet.server.store import approvers, organisations
from cosignet.server.store.organisations import Organisation
from cosignet.server.web.route import Row

ASKED = "alex"
"""Who is asked; each organisation has one of that name."""
OVERLAP_SECONDS = 60


@dataclass(frozen=True)
class Caller:
    """What somebody holds who calls a route, and what of it is worth something."""

    name: str
    organisation: str
    headers: dict[str, str] = field(repr=False)
    scopes: frozenset[Scope] = frozenset()
    """Those of a live key."""
    role: Role | None = None
    """That of a live session."""
    elsewhere: bool = False
    """Whether another site's page sends it."""
    bearer: frozenset[Scope] = frozenset()
    """Those of a live key that is sent as a bearer token."""
    monitors: bool = False
    """Whether it has the operator's token for metrics."""


class Home:
    """One organisation: keys of each scope, a person of each role, and things to call for."""

    def __init__(self, live: Live, found: Organisation) -> None:
        self.live = live
        self.organisation = found
        self.slug = found.slug
        self._numbers = itertools.count()
        self.admin = Program(live.url, self.key(Scope.ADMIN).secret)
        self.asked = self.person(ASKED)

    def key(self, *scopes: Scope) -> MintedKey:
        """Mint a key with exactly these scopes."""
        return self.live.run(
            lambda rt: access.create_api_key(
                rt, organisation_id=self.organisation.id, name="key", scopes=frozenset(scopes)
            )
        )

    def rotate(self, minted: MintedKey, overlap_seconds: int) -> str:
        """Give a key another secret, and return that."""
        path, body = f"/api/keys/{minted.key.id}/rotate", {"overlapSeconds": overlap_seconds}
        return raise_for(self.admin.post(path, body))["key"]

    def code(self) -> str:
        """Return an operator's invite code."""

        async def work(rt: Runtime) -> str:
            return (await invite.by_operator(rt, self.organisation, Terms())).code

        return self.live.run(work)

    def person(self, name: str, role: Role = Role.APPROVER) -> Person:
        """Register somebody of a role."""
        person = Person(self.live.url)
        person.register(self.code(), name)

        async def work(rt: Runtime) -> None:
            await access.set_role(rt, self.organisation.id, name, role)

        self.live.run(work)
        return person

    def session(self, person: Person) -> str:
        """Sign somebody in, in a browser of its own; return what the cookie holds."""
        person.http.cookies.clear()
        person.sign_in()
        return person.http.cookies["cosignet_sid"]

    def newcomer(self) -> Person:
        """Register somebody of a name that nobody else has anywhere."""
        return self.person(f"{self.slug}-{next(self._numbers)}")

    def approver_id(self, name: str) -> str:
        """Return the row of somebody."""

        async def work(rt: Runtime) -> str:
            found = await approvers.by_username(rt.database.reader, self.organisation.id, name)
            assert found is not None
            return found.id

        return self.live.run(work)

    def passkey_row(self, name: str) -> str:
        """Return the row of somebody's first passkey."""
        return self.live.run(lambda rt: access.list_passkeys(rt, self.organisation.id, name))[
            0
        ].row_id

    # --- What a path can be about: each call makes another one ------------------------------------

    def pending(self) -> str:
        return self.admin.ask(ASKED)["id"]

    def private(self) -> str:
        return self.admin.ask(ASKED, private=True)["id"]

    def approved(self) -> str:
        asked = self.pending()
        raise_for(self.asked.approve(asked))
        return asked

    def logged(self) -> str:
        """Return a confirmation whose evidence a signed head of the log covers."""
        approved = self.approved()
        publish_all(self.live)
        return approved

    def tile(self) -> str:
        return "0/000.p/1"

    def consumed(self) -> str:
        approved = self.approved()
        raise_for(self.admin.post(f"/api/confirmations/{approved}/consume", CONSUME))
        return approved

    def invite(self) -> str:
        return raise_for(self.admin.post("/api/invites", {}))["code"]

    def key_id(self) -> str:
        return self.key(Scope.READ).key.id

    def endpoint(self) -> JSON:
        """Return the body of another webhook, with room for it: an organisation has few."""
        for one in raise_for(self.admin.get("/api/webhooks"))["items"]:
            if one["revokedAt"] is None:
                raise_for(self.admin.post(f"/api/webhooks/{one['id']}/revoke"))
        return {"url": "https://hooks.example/path"}

    def webhook(self) -> str:
        return raise_for(self.admin.post("/api/webhooks", self.endpoint()))["id"]

    def delivery(self) -> str:
        return raise_for(self.admin.post(f"/api/webhooks/{self.webhook()}/test"))["id"]

    def asked_id(self) -> str:
        return self.approver_id(ASKED)

    def asked_passkey(self) -> str:
        return self.passkey_row(ASKED)


CONSUME: JSON = {"token": "0123456789abcdef"}
ASK: JSON = {"username": ASKED, "action": "Deploy", "payload": PAYLOAD}
SUBJECTS: dict[str, Callable[[Home], str]] = {
    "POST /api/confirmations/{id}/consume": Home.approved,
    "POST /api/confirmations/{id}/outcome": Home.consumed,
    "/api/confirmations/{id}": Home.pending,
    "/confirm/{id}/unlock": Home.private,
    "/confirm/{id}": Home.pending,
    "/api/invites/{code}": Home.invite,
    "/api/keys/{id}": Home.key_id,
    "/api/webhooks/{id}": Home.webhook,
    "/api/webhook-deliveries/{id}": Home.delivery,
    "/account/passkeys/{id}": Home.asked_passkey,
    "/account/approvers/{id}": Home.asked_id,
    "/public/log/tile/": Home.tile,
    "/public/log/entries/": Home.logged,
}
"""What stands for the parameter of a path, by the row or by how the path begins."""
BODIES: dict[str, JSON] = {
    "POST /api/confirmations": ASK,
    "POST /api/confirmations/{id}/consume": CONSUME,
    "POST /api/confirmations/{id}/outcome": {"result": "executed"},
    "POST /api/keys": {"name": "made in passing"},
    "POST /api/webhooks/{id}/redeliver": {"since": "2026-01-01T00:00:00.000Z"},
    "POST /confirm/{id}/options": {"purpose": "approve"},
    "POST /confirm/{id}/approve": {"credential": {}},
    "POST /confirm/{id}/unlock": {"credential": {}},
    "POST /confirm/{id}/reason": {"reason": "unexpected"},
    "POST /login": {"credential": {}},
    "POST /mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    "POST /account/confirm": {"change": "add_passkey"},
    "POST /account/passkeys/options": {"credential": {}},
    "POST /account/passkeys": {"credential": {}},
    "POST /account/passkeys/{id}/revoke": {"credential": {}},
    "POST /account/approvers/{id}/activate": {"credential": {}},
    "POST /account/approvers/{id}/invite": {"credential": {}},
    "POST /account/key": {"credential": {}},
}
"""Bodies that are well formed; {} where none is named."""


def name(row: Row) -> str:
    """Name a row."""
    return f"{row.method} {row.path}"


def subject(row: Row, home: Home) -> str | None:
    """Return something new of an organisation that a row's path is about; None: about nothing."""
    if "{" not in row.path:
        return None
    found = SUBJECTS.get(name(row)) or next(
        make for begin, make in SUBJECTS.items() if row.path.startswith(begin)
    )
    return found(home)


def target(row: Row, of: str | None) -> str:
    """Return the address of a row, about a subject."""
    head, brace, tail = row.path.partition("{")
    return head + (of or "") + tail.partition("}")[2] if brace else row.path


class World:
    """Both organisations and all callers."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.home = Home(live, live.run(access.default_organisation))
        self.away = Home(live, live.run(_another))
        self.homes = {home.slug: home for home in (self.home, self.away)}
        self.home.logged()  # so that the log is not empty
        self.http = httpx2.Client(base_url=live.url, timeout=40)
        self.callers = [*self._ended(), *self._nobody(), *self._keys(), *self._sessions()]
        self.live.clock.advance(OVERLAP_SECONDS)

    def call(
        self,
        caller: Caller,
        row: Row,
        of: str | None,
        *,
        body: JSON | None = None,
        query: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """Call a route as somebody, about a subject."""
        self.http.cookies.clear()
        home = self.homes[caller.organisation]
        sent = (self.body(row, home) if body is None else body) if row.method == "POST" else None
        return self.http.request(
            row.method,
            target(row, of),
            json=sent,
            params=self.query(row, home) | (query or {}),
            headers=self._headers(caller, row),
        )

    def _headers(self, caller: Caller, row: Row) -> dict[str, str]:
        """Return what a caller sends; signing out is done from a session of its own."""
        if row.path != "/logout" or caller.role is None or caller.elsewhere:
            return caller.headers
        home = self.homes[caller.organisation]
        return self._cookie("", home.session(self.signed_in[caller.headers["Cookie"]])).headers

    def body(self, row: Row, home: Home) -> JSON:
        """Return a body that the row takes."""
        if row.path.startswith("/register/practice"):
            who: JSON = {"credentialId": home.newcomer().credential_id}
        elif row.path.startswith("/register"):
            who = {"invite": home.code(), "username": f"new-{secrets.token_hex(4)}"}
        elif name(row) == "POST /api/webhooks":
            return home.endpoint()
        else:
            return BODIES.get(name(row), {})
        return who if row.path.endswith("/options") else {**who, "credential": {}}

    def query(self, row: Row, home: Home) -> dict[str, str]:
        """Return the query that the row needs."""
        return {"invite": home.code()} if name(row) == "GET /register" else {}

    def by_name(self, name: str) -> Caller:
        """Return the caller of a name."""
        return next(caller for caller in self.callers if caller.name == name)

    def _ended(self) -> list[Caller]:
        """What was worth something until its time was over."""
        home = self.home
        replaced, revoked = home.key(Scope.ADMIN), home.key(Scope.ADMIN)
        raise_for(home.admin.post(f"/api/keys/{revoked.key.id}/revoke"))
        old = home.session(home.person("long-ago", Role.OWNER))
        # The rest of it passes when everybody is there: whoever signs in sweeps what has ended.
        self.live.clock.advance(SESSION_MS / 1000 - OVERLAP_SECONDS)
        home.rotate(replaced, OVERLAP_SECONDS)
        left = home.person("left", Role.ADMIN)
        out = home.session(left)
        raise_for(left.http.post("/logout", json={}))
        gone = home.session(home.person("gone", Role.ADMIN))
        self.live.run(lambda rt: access.revoke_approver(rt, home.organisation.id, "gone"))
        rotated = home.key(Scope.ADMIN)
        home.rotate(rotated, 0)
        return [
            self._key("a key that was revoked", revoked.secret),
            self._key("a secret that was replaced", rotated.secret),
            self._key("a replaced secret whose time is over", replaced.secret),
            self._cookie("a session that is too old", old),
            self._cookie("a session that was signed out", out),
            self._cookie("a session of somebody revoked", gone),
        ]

    def _nobody(self) -> list[Caller]:
        secret, session = self.home.key(Scope.ADMIN).secret, self.home.session(self.home.asked)
        return [
            Caller("nothing", self.home.slug, {}),
            self._key("a key of no one", "cosk_" + "A" * 43),
            self._key("what is no key", "nonsense"),
            self._cookie("a session of no one", "c_" + "A" * 43),
            self._cookie("a key as a session", secret),
            self._key("a session as a key", session),
            Caller(
                "a bearer token",
                self.home.slug,
                {"Authorization": f"Bearer {secret}"},
                bearer=frozenset({Scope.ADMIN}),
            ),
            self._monitor(),
        ]

    def _monitor(self) -> Caller:
        token = "of the operator's monitoring"
        object.__setattr__(self.live.runtime, "metrics_token", token)  # as if it had been set
        headers = {"Authorization": f"Bearer {token}"}
        return Caller("the operator's monitoring", self.home.slug, headers, monitors=True)

    def _keys(self) -> list[Caller]:
        home, away = self.home, self.away
        going_on = home.key(Scope.ADMIN)
        home.rotate(going_on, 86_400)
        everything = frozenset(Scope)
        return [
            *(self._key(f"a key for {one}", home.key(one).secret, {one}) for one in Scope),
            self._key("a key for everything", home.key(*Scope).secret, everything),
            self._key("a replaced secret that goes on", going_on.secret, {Scope.ADMIN}),
            self._key("the key that asked", home.admin.key, {Scope.ADMIN}),
            self._key("another organisation's key", away.admin.key, {Scope.ADMIN}, away),
        ]

    def _sessions(self) -> list[Caller]:
        home, away = self.home, self.away
        people = {role: home.person(f"the-{role}", role) for role in Role}
        signed_in = {role: home.session(person) for role, person in people.items()}
        their_owner = away.person("the-owner", Role.OWNER)
        owner = away.session(their_owner)
        self.signed_in = {
            f"cosignet_sid={person.http.cookies['cosignet_sid']}": person
            for person in (*people.values(), their_owner)
        }
        return [
            *(self._cookie(f"a session of an {r}", token, r) for r, token in signed_in.items()),
            self._cookie("another organisation's session", owner, Role.OWNER, away),
            Caller(
                "a session, from another site",
                home.slug,
                {
                    "Cookie": f"cosignet_sid={signed_in[Role.OWNER]}",
                    "Origin": "https://evil.example",
                },
                role=Role.OWNER,
                elsewhere=True,
            ),
        ]

    def _key(
        self, name: str, secret: str, scopes: Iterable[Scope] = (), home: Home | None = None
    ) -> Caller:
        slug = (home or self.home).slug
        return Caller(name, slug, {"X-Api-Key": secret}, scopes=frozenset(scopes))

    def _cookie(
        self, name: str, token: str, role: Role | None = None, home: Home | None = None
    ) -> Caller:
        headers = {"Cookie": f"cosignet_sid={token}", "Origin": self.live.url}
        return Caller(name, (home or self.home).slug, headers, role=role)


async def _another(rt: Runtime) -> Organisation:
    other = Organisation(
        rt.new_id(),
        f"away-{secrets.token_hex(4)}",
        "Another organisation",
        rt.seal(rt.random(32), purpose=MONITOR_KEY_PURPOSE),
        True,
    )
    async with rt.database.transaction() as tx:
        await organisations.insert(tx, other)
    return other
