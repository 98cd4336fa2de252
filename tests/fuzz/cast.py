"""Who and what a fuzzed server holds: a key, somebody signed in, things of every kind and state."""

from dataclasses import dataclass
from typing import Any

from tests.bundles import publish_all
from tests.live import Live
from tests.people import Person, Program, raise_for

from cosignet.core.access import Scope

EACH = 3
"""How many there are of each thing that a request may use up."""
HOOK = "https://hooks.example/path"
"""Nothing is sent there: the server does no work in the background."""
NOTHING = "3f2b8c1e-6a4d-4e0b-9c57-1d2e3f4a5b6c"
"""An id of nothing."""


@dataclass(frozen=True, slots=True)
class Cast:
    """What requests may name, and prove themselves by."""

    key: str
    """The secret of an API key that may do everything."""
    session: str
    """The cookie of an owner who is signed in."""
    words: dict[str, list[str] | list[int]]
    """By the place of a parameter, as `path.id` or `body.username`: what means something there."""
    ids: dict[str, list[str]]
    """By the beginning of a path: what its placeholder may stand for."""


def arrange(live: Live) -> Cast:
    """Let people register, sign in, ask, decide and consume."""
    owner = Person(live.url, base_url=live.listens_at)
    owner.register(live.owner_link(), "olga")
    owner.practise()
    owner.sign_in()
    alex = live.person("alex")
    admin = live.program(Scope.ADMIN, name="admin")
    asked = [id_ for one in (admin, live.program()) for id_ in _confirmations(alex, one)]
    invites = [
        raise_for(admin.post("/api/invites", {"maxUses": 1000}))["code"] for _ in range(EACH)
    ]
    keys = [raise_for(admin.post("/api/keys", {"name": f"key {n}"}))["id"] for n in range(EACH)]
    webhooks = [raise_for(admin.post("/api/webhooks", {"url": HOOK}))["id"] for _ in range(EACH)]
    tests = [raise_for(admin.post(f"/api/webhooks/{one}/test"))["id"] for one in webhooks]
    publish_all(live)
    size = raise_for(admin.get("/public/log/tree-head"))["treeSize"]
    evidence = [admin.read(id_)["evidenceId"] for id_ in asked]
    logged = [id_ for id_ in evidence if id_ is not None]
    return Cast(
        key=admin.key,
        session=owner.http.cookies["cosignet_sid"],
        words={
            "query.cursor": [_cursor(admin)],
            "body.username": ["alex", "olga", "ALEX", "nobody-here"],
            "body.invite": [live.invite(), *invites],
            "body.credentialId": [alex.credential_id, owner.credential_id],
            "query.index": [*range(size)],
            **{f"query.{name}": [*range(1, size + 1)] for name in ("treeSize", "first", "second")},
        },
        ids={
            "/api/confirmations/": [*asked, NOTHING],
            "/confirm/": [*asked, NOTHING],
            "/api/invites/": invites,
            "/api/keys/": keys,
            "/api/webhooks/": webhooks,
            "/api/webhook-deliveries/": tests,
            "/public/log/entries/": [*logged, NOTHING],
            "/public/log/tile/": [f"0/000.p/{size}", f"entries/000.p/{size}", "0/000", "1/000.p/1"],
            "/account/": [NOTHING],
        },
    )


def _confirmations(alex: Person, program: Program) -> list[str]:
    """Return ids of confirmations in every state."""
    kinds: list[dict[str, Any]] = [{}, {"risk": "high"}, {"private": True}, {"ttlSeconds": 1}]
    pending = [program.ask("alex", **kind)["id"] for kind in kinds]
    approved, used, rejected, cancelled = (program.ask("alex")["id"] for _ in range(4))
    raise_for(alex.approve(approved))
    raise_for(alex.approve(used))
    raise_for(alex.reject_signed(rejected))
    raise_for(program.post(f"/api/confirmations/{cancelled}/cancel"))
    raise_for(program.post(f"/api/confirmations/{used}/consume", {"token": "x" * 8}))
    return [*pending, approved, used, rejected, cancelled]


def _cursor(program: Program) -> str:
    return program.get("/api/confirmations", limit=1).json()["nextCursor"]
