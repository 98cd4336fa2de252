"""Bundles as a real server writes them, ways to spoil them, and both verifiers on many at once.

`python -m tests.bundles` writes `vectors/bundle/base` anew, which no test does: keys are new then.
"""

import base64
import copy
import hashlib
import importlib.util
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.authenticator import EDDSA, ES256, RS256, Authenticator, base64url, unbase64url
from tests.conftest import NODE
from tests.live import Live
from tests.people import JSON, Person, raise_for

from cosignet.core.bundle import STEPS
from cosignet.server.runtime import Runtime
from cosignet.server.services import sequence
from cosignet.server.services.publish import publish

ROOT = Path(__file__).parent.parent
BASES = ROOT / "vectors/bundle/base"
ALGORITHMS = {"es256": ES256, "eddsa": EDDSA, "rs256": RS256}
NODE_SECONDS = 300
ABSENT = "\0absent"
"""Stands for a member to be taken away."""
Verdicts = list[str]


def load_verifier() -> Any:
    """Return `verifiers/verify.py` as a module."""
    spec = importlib.util.spec_from_file_location("verify", ROOT / "verifiers/verify.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFY = load_verifier()


def by_python(cases: list[JSON]) -> list[Verdicts]:
    """Return each case's verdicts, by the verifier in Python."""
    return [
        [row[1] for row in VERIFY.verify(case["bundle"], SimpleNamespace(**case["trust"]))]
        for case in cases
    ]


def by_node(cases: list[JSON], *arguments: str) -> list[Verdicts]:
    """Return each case's verdicts, by the verifier in JavaScript."""
    ran = subprocess.run(
        [NODE, ROOT / "tests/js/verify_many.mjs", *arguments],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=NODE_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def verdicts_of(cases: list[JSON]) -> list[Verdicts]:
    """Return each case's verdicts, which have to be the same by both verifiers."""
    python, node = by_python(cases), by_node(cases)
    for case, one, other in zip(cases, python, node, strict=True):
        assert one == other, case.get("desc", case)
    return python


NOBODY: JSON = {"payload": None, "origin": None, "vkeys": [], "keys": []}
"""Trust in nothing."""


def trust_in(bundle: JSON, **changes: Any) -> JSON:
    """Return what somebody trusts who knows all that there is to know of a bundle."""
    known = NOBODY | {"kind": bundle["kind"], "vkeys": [bundle["log"]["vkey"]]}
    for signature in bundle["signatures"]:
        spki = unbase64url(signature["credential"]["publicKeySpki"])
        known |= {"origin": signature["origin"], "keys": [hashlib.sha256(spki).hexdigest()]}
    return known | changes


def known(bundle: Any, base: JSON | None = None, **changes: Any) -> JSON:
    """Return a case: a bundle before somebody who knows what the sound one was."""
    return {"bundle": bundle, "trust": trust_in(base or bundle, **changes)}


def expected(*, fail: set[str] = frozenset(), unproven: set[str] = frozenset()) -> Verdicts:
    """Return verdicts by the names of steps; the last two are never proven."""
    unproven = unproven | {"witnesses", "anchor"}
    return [
        "FAIL" if step.name in fail else "NOT PROVEN" if step.name in unproven else "OK"
        for step in STEPS
    ]


def failed(verdicts: Verdicts) -> set[str]:
    """Return the names of the steps that failed."""
    return {step.name for step, one in zip(STEPS, verdicts, strict=True) if one == "FAIL"}


# --- Paths: a list of names and positions ---------------------------------------------------------


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in members:
        yield (*here, name)
        if isinstance(item, dict | list):
            yield from paths(item, (*here, name))


def read(value: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path."""
    for name in path:
        value = value[name]
    return value


def edited(value: Any, path: tuple[Any, ...], item: Any) -> Any:
    """Return a copy with something else at a path, or nothing if it is ABSENT."""
    whole = copy.deepcopy(value)
    parent = read(whole, path[:-1])
    if item == ABSENT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = item
    return whole


# --- Real ones ------------------------------------------------------------------------------------


def publish_all(live: Live) -> None:
    """Publish every leaf that waits."""

    async def work(rt: Runtime) -> None:
        async with sequence.elected(rt) as sequencer:
            assert sequencer is not None
            while await sequencer.take() + await publish(rt, sequencer.epoch):
                pass

    live.run(work)


def decided(live: Live, person: Person, kind: str) -> JSON:
    """Return the bundle of a new decision, with its payload and context disclosed."""
    program = live.program()
    id_ = program.ask(person.username)["id"]
    data = person.data(id_)
    raise_for(person.approve(id_) if kind == "approval" else person.reject_signed(id_))
    publish_all(live)
    evidence_id = program.read(id_)["evidenceId"]
    bundle = raise_for(program.http.get(f"/public/log/entries/{evidence_id}/verification"))
    context = data["context" if kind == "approval" else "rejectContext"]
    return bundle | {"payload": data["payloadText"], "contexts": [context], "policy": None}


def used(live: Live, person: Person) -> dict[str, JSON]:
    """Return the bundles of an approval's consumption and outcome, by their kinds."""
    program = live.program()
    id_ = program.ask(person.username)["id"]
    raise_for(person.approve(id_))
    path = f"/api/confirmations/{id_}"
    raise_for(program.post(f"{path}/consume", {"token": "this very run"}))
    raise_for(program.post(f"{path}/outcome", {"result": "executed"}))
    publish_all(live)
    url = f"/public/log/entries/{program.read(id_)['evidenceId']}/verification"
    return {
        kind: raise_for(program.http.get(url, params={"kind": kind}))
        for kind in ("consumption", "outcome")
    }


def real(live: Live) -> dict[str, JSON]:
    """Return one bundle for each algorithm and kind of decision, and for each other kind."""
    found: dict[str, JSON] = {}
    for name, algorithm in ALGORITHMS.items():
        person = Person(live.url, Authenticator(algorithm=algorithm), base_url=live.listens_at)
        person.register(live.invite(), f"alex-{name}")
        person.practise()
        for kind in ("approval", "rejection"):
            found[f"{kind}-{name}"] = decided(live, person, kind)
    return found | used(live, live.person())


def public(bundle: JSON) -> JSON:
    """Return a bundle as everybody gets it."""
    return {k: v for k, v in bundle.items() if k not in ("payload", "contexts", "policy")}


def flip(data: bytes, bit: int) -> bytes:
    """Return bytes with one bit changed."""
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def base64_flipped(text: str, bit: int, *, is_url: bool) -> str:
    """Return base64 of one other bit."""
    if is_url:
        return base64url(flip(unbase64url(text), bit))
    return base64.b64encode(flip(base64.b64decode(text), bit)).decode()


if __name__ == "__main__":
    BASES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Live(Path(folder) / "data") as running:
        for base_name, base in real(running).items():
            (BASES / f"{base_name}.json").write_text(json.dumps(base, indent=1) + "\n")
