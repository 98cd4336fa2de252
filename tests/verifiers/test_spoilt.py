"""Every way to spoil a bundle fails at the step that the table names, by both verifiers alike."""

import base64
import json
from typing import Any

import pytest
from tests.authenticator import unbase64url
from tests.bundles import (
    ABSENT,
    BASES,
    base64_flipped,
    by_node,
    by_python,
    edited,
    failed,
    flip,
    known,
    paths,
    read,
    verdicts_of,
)
from tests.forging import Log, path_to
from tests.people import JSON

from cosignet.core.bundle import STEPS

REAL: dict[str, JSON] = {
    path.stem: json.loads(path.read_text()) for path in sorted(BASES.glob("*.json"))
}
BASE = REAL["approval-es256"]

# --- Another value, or none ---------------------------------------------------------------------

TABLE: list[tuple[str, str]] = [
    ("payload", "payload|hash"),
    ("payloadHash", "opening"),
    ("contexts", "context"),
    ("policy", "context"),
    ("evidenceId", "opening"),
    ("kind", "opening"),
    ("version", "opening"),
    ("state", "inclusion"),
    ("log", "checkpoint"),
    ("entry.index", "inclusion"),
    ("entry", "leaf"),
    ("opening", "leaf"),
    ("inclusion", "inclusion"),
    ("checkpoint", "checkpoint"),
    ("tlogProof", "checkpoint"),
    ("consistency", "checkpoint"),
    ("witnesses", ""),
    ("anchors", ""),
    ("signatures.0.rpId", "flags"),
    ("signatures.0.origin", "client data"),
    ("signatures.0.credential.id", "credential"),
    ("signatures.0.credential", "signature"),
    ("signatures.0.enrolment", "credential"),
    ("signatures.0.revocation", "credential"),
    ("signatures.0.rawAssertion.id", "credential"),
    ("signatures.0.rawAssertion.rawId", "credential"),
    ("signatures.0.rawAssertion.type", ""),
    ("signatures.0.rawAssertion.authenticatorAttachment", ""),
    ("signatures.0.rawAssertion.clientExtensionResults", ""),
    ("signatures.0.rawAssertion.response.userHandle", ""),
    ("signatures.0.rawAssertion.response", "signature"),
    ("signatures.0.rawAssertion", "signature"),
    ("signatures.0", "signature"),
    ("signatures", "signature|opening"),
]
"""Path → the step that fails, the first that fits; `|` where it depends, empty: not looked at."""
MAY_BE_LEFT_OUT = {("payload",), ("contexts",), ("policy",), ("signatures", 0, "enrolment")}
MAY_BE_LEFT_OUT |= {("signatures", 0, "revocation")}
OTHERS: list[Any] = [None, 1, "x", [], {}, True, [1], ["x"], 1.5, "", -1, {"v": 1}]


def step_of(path: tuple[Any, ...]) -> str:
    dotted = ".".join(map(str, path))
    return next(s for where, s in TABLE if dotted == where or dotted.startswith(f"{where}."))


def spoilt(base: JSON, path: tuple[Any, ...]) -> list[Any]:
    """What else can stand at a path; its absence is one of it."""
    old = read(base, path)
    others = [
        item
        for item in [ABSENT, *OTHERS]
        if type(item) is not type(old) or item != old
        if not (item in (None, ABSENT) and (path in MAY_BE_LEFT_OUT or old is None))
    ]
    if isinstance(old, str) and old:
        others += [old + " ", old[:-1], [old]]
    if isinstance(old, list) and old:
        others += [[*old, [old[0]]], old[:-1]]
    if isinstance(old, int):
        others += [old + 1, old + 2**53]
    return others


def judge(base: JSON, todo: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Put something else at each path: what the table says is not OK then, by both verifiers."""
    [sound] = verdicts_of([known(base)])
    assert not failed(sound)
    found = verdicts_of(
        [known(edited(base, path, item), base) | {"desc": [path, item]} for path, item in todo]
    )
    wrong: list[Any] = []
    for (path, item), one in zip(todo, found, strict=True):
        worse = {s.name for s, was, now in zip(STEPS, sound, one, strict=True) if was != now}
        steps = {*step_of(path).split("|")} - {""}
        if bool(worse) != bool(steps) or (steps and worse.isdisjoint(steps)):
            wrong.append((path, item, worse, steps))
    assert not wrong, "\n".join(map(str, wrong[:20]))


@pytest.mark.parametrize("name", ["approval-es256", "rejection-es256", "consumption", "outcome"])
def test_what_is_changed_missing_or_of_another_type_fails_where_the_table_says(name: str) -> None:
    base = REAL[name]
    todo = [(path, item) for path in paths(base) for item in spoilt(base, path)]
    assert len(todo) > (800 if base["signatures"] else 250)
    judge(base, todo)


# --- Bits -----------------------------------------------------------------------------------------

URL_BYTES = {"clientDataJSON", "authenticatorData", "signature", "userHandle", "publicKeySpki"}
URL_BYTES |= {"id", "rawId"}
LOG_BYTES = {"leaf", "leafHash"}


def is_bytes(path: tuple[Any, ...]) -> bool:
    return path[-1] in URL_BYTES | LOG_BYTES or "hashes" in path


def flipped(text: str, path: tuple[Any, ...], bit: int) -> str:
    """Another bit of the bytes that stand there, or of the text itself."""
    if is_bytes(path):
        return base64_flipped(text, bit, is_url=path[-1] in URL_BYTES)
    return flip(text.encode(), bit).decode(errors="replace")


def size_of(text: str, path: tuple[Any, ...]) -> int:
    if is_bytes(path):
        return len(unbase64url(text) if path[-1] in URL_BYTES else base64.b64decode(text))
    return len(text.encode())


def flips(base: JSON, path: tuple[Any, ...], every: int) -> list[tuple[tuple[Any, ...], str]]:
    text: str = read(base, path)
    bits = range(0, 8 * size_of(text, path), every)
    return [(path, flipped(text, path, bit)) for bit in bits]


@pytest.mark.parametrize("name", REAL)
def test_a_bit_of_any_field_fails_where_the_table_says(name: str) -> None:
    base = REAL[name]
    texts = [path for path in paths(base) if isinstance(read(base, path), str)]
    # Any bit of a byte, of every tenth byte or so; each place sooner or later, in some bundle.
    judge(base, [one for path in texts for one in flips(base, path, 77 + len(name))])


@pytest.mark.parametrize("path", [("entry", "leaf"), ("checkpoint",)])
def test_each_bit_of_an_entry_and_of_a_signed_head_counts(path: tuple[Any, ...]) -> None:
    judge(BASE, flips(BASE, path, 1))


def test_a_bit_of_a_tile_leads_to_another_root() -> None:
    kept = (BASE["signatures"][0]["enrolment"]["entry"]["leaf"], BASE["entry"]["leaf"])
    others = [b"3", b"4", b"5"]
    log = Log(BASE["log"]["origin"], [], [*map(base64.b64decode, kept), *others])
    log.openings = [BASE["signatures"][0]["enrolment"]["opening"], BASE["opening"], *"345"]
    sound = log.bundle(edited(BASE, ("signatures", 0, "enrolment"), log.placed(0)), 1)
    tile = b"".join(log.hashes)
    cases: list[JSON] = []
    for bit in range(0, 8 * len(tile), 7):
        read_ = flip(tile, bit)
        hashes = [read_[at : at + 32] for at in range(0, len(read_), 32)]
        path = [base64.b64encode(one).decode() for one in path_to(1, hashes)]
        if hashes[1] == log.hashes[1]:
            cases.append(known(edited(sound, ("inclusion", "hashes"), path), sound))
    assert len(cases) > 140
    assert [failed(one) for one in verdicts_of([known(sound)])] == [set()]
    for one in verdicts_of(cases):
        assert failed(one) == {"inclusion", "checkpoint"}  # tlogProof still has the sound ones


# --- Payloads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "step"),
    [
        ('{"a":1 }', "payload"),
        ('{"a":1.0}', "payload"),
        ('{"b":1,"1":2}', "payload"),
        ('{"a":9007199254740992}', "payload"),
        ('{"a":1e400}', "payload"),
        ('{"a":1e-7,"a":1}', "payload"),
        ('{"a":"\\ud800"}', "payload"),
        ('{"a":"\ud800"}', "payload"),
        ('{"a":"\\u0041"}', "payload"),
        ('{"a":0.00001}', "hash"),
        ('{"a":1e-7}', "hash"),
        ('{"2":0,"10":{"__proto__":1},"a":[true,null,-1.5,"\u2028\\u001f"]}', "hash"),
        ('{"4294967294":1,"4294967295":1,"0":1}', "payload"),
        ('{"0":1,"4294967294":1,"4294967296":1,"4294967295":1}', "hash"),
        ("[]", "payload"),
        ('{"a":' + "[" * 63 + "]" * 63 + "}", "hash"),
        ('{"a":' + "[" * 64 + "]" * 64 + "}", "payload"),
        ('{"a":' + "[" * 9000 + "]" * 9000 + "}", "payload"),
        ("\ufeff{}", "payload"),
        ('{"a":NaN}', "payload"),
    ],
)
def test_a_payload_has_one_form(payload: str, step: str) -> None:
    [found] = verdicts_of([known(edited(BASE, ("payload",), payload), BASE)])
    assert failed(found) & {"payload", "hash"} == (
        {"payload", "hash"} if step == "payload" else {step}
    )


@pytest.mark.parametrize("bundle", [None, [], 1, "x", {}, {"signatures": [None]}, [[[]]]])
def test_what_is_no_bundle_fails(bundle: Any) -> None:
    [found] = verdicts_of([known(bundle, BASE)])
    assert {step.name for step in STEPS[3:12]} <= failed(found)


def test_differences_between_the_verifiers_would_be_noticed() -> None:
    good, bad = known(BASE), known(edited(BASE, ("kind",), "x"), BASE)
    assert by_python([good]) != by_node([bad])
