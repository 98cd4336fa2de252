"""What both verifiers say of sound bundles, of what was made to fit, and by whom one trusts."""

import json
from collections.abc import Callable

import pytest
from tests.bundles import (
    ABSENT,
    BASES,
    NOBODY,
    VERIFY,
    edited,
    expected,
    failed,
    known,
    public,
    trust_in,
    verdicts_of,
)
from tests.forging import Log, made_to_fit, relogged, text_of
from tests.people import JSON

from cosignet.core.bundle import STEPS
from cosignet.core.leaf import asset_manifest_opening, log_key_opening

REAL: dict[str, JSON] = {
    path.stem: json.loads(path.read_text()) for path in sorted(BASES.glob("*.json"))
}
DECISIONS = [name for name, bundle in REAL.items() if bundle["signatures"]]
CASES = {p.stem: json.loads(p.read_text()) for p in sorted(BASES.parent.glob("*.json"))}
BASE = REAL["approval-es256"]
OPENING: JSON = json.loads(BASE["opening"])
WHO, WHERE, LOG = {"credential"}, {"client data"}, {"checkpoint"}
UNDISCLOSED = {"payload", "hash", "context"}
UNSIGNED = {step.name for step in STEPS[:8]}
"""Steps that are about signatures or what was signed."""


def test_the_real_ones_were_found() -> None:
    assert len(DECISIONS) == 6
    assert {"consumption", "outcome"} <= REAL.keys()
    assert len(CASES) >= 38


@pytest.mark.parametrize("name", DECISIONS)
def test_a_real_decision_is_proven_to_who_knows_whom_to_trust(name: str) -> None:
    bundle = REAL[name]
    told = public(bundle)
    pinned = trust_in(bundle)
    assert verdicts_of(
        [
            {"bundle": bundle, "trust": pinned},
            {"bundle": told, "trust": pinned},
            {"bundle": told, "trust": pinned | {"payload": bundle["payload"]}},
            {"bundle": told, "trust": NOBODY | {"kind": bundle["kind"]}},
            {"bundle": bundle, "trust": pinned | {"keys": []}},
            {"bundle": bundle, "trust": pinned | {"origin": None}},
            {"bundle": bundle, "trust": pinned | {"vkeys": []}},
        ]
    ) == [
        expected(),
        expected(unproven=UNDISCLOSED),
        expected(unproven={"context"}),
        expected(unproven=UNDISCLOSED | WHO | WHERE | LOG),
        expected(unproven=WHO),
        expected(unproven=WHERE),
        expected(unproven=LOG),
    ]


@pytest.mark.parametrize("kind", ["consumption", "outcome"])
def test_what_nobody_signs_is_proven_by_the_log_alone(kind: str) -> None:
    bundle = REAL[kind]
    other = edited(bundle, ("evidenceId",), "another")
    surplus = [edited(bundle, ("payloadHash",), "00"), edited(bundle, ("signatures",), [{}])]
    as_approval = known(bundle, kind="approval")
    sound, elsewhere, *more, approval = verdicts_of(
        [known(bundle), known(other, bundle), *(known(one, bundle) for one in surplus), as_approval]
    )
    assert sound == expected(unproven=UNSIGNED)
    assert elsewhere == expected(unproven=UNSIGNED, fail={"opening"})
    assert more == [expected(unproven=UNSIGNED | {"opening"})] * 2
    assert {"signature", "opening"} <= failed(approval)


def test_steps_are_called_and_say_what_the_table_says() -> None:
    rows = VERIFY.verify(BASE, VERIFY.argparse.Namespace(**trust_in(BASE)))
    assert [row[0] for row in rows] == [step.name for step in STEPS]
    assert [row[2] for row in rows[:12]] == [step.says for step in STEPS[:12]]


@pytest.mark.parametrize("kind", ["approval", "outcome"])
def test_what_has_to_be_proven_decides_the_exit_status(kind: str) -> None:
    needed = range(3, 12) if kind == "approval" else range(8, 12)
    assert kind != "approval" or [step.needed for step in STEPS] == [n in needed for n in range(14)]
    for place, step in enumerate(STEPS):
        rows = [(one.name, "OK", "") for one in STEPS]
        rows[place] = (step.name, "NOT PROVEN", "")
        assert VERIFY.report(rows, kind) == (3 if place in needed else 0)
        rows[place] = (step.name, "FAIL", "")
        assert VERIFY.report(rows, kind) == 1


def test_vectors_are_judged_as_they_say() -> None:
    cases: list[JSON] = []
    for vector in CASES.values():
        inputs = vector["inputs"]
        base = bundle = REAL[inputs["base"]]
        for path, item in inputs["edits"]:
            bundle = edited(bundle, tuple(path), ABSENT if item == {"absent": True} else item)
        cases.append(known(bundle, base, **inputs["trust"]))
    found = dict(zip(CASES, verdicts_of(cases), strict=True))
    assert found == {name: vector["want"] for name, vector in CASES.items()}


# --- Trust ----------------------------------------------------------------------------------------


def test_a_rejection_is_never_an_approval() -> None:
    rejected = REAL["rejection-es256"]
    as_approval = known(rejected, kind="approval")
    renamed = known(edited(rejected, ("kind",), "approval"), rejected, kind="approval")
    approved = known(BASE, kind="rejection")
    for one in verdicts_of([as_approval, renamed, approved]):
        assert {"challenge", "opening"} <= failed(one)


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"keys": ["0" * 64]}, "credential"),
        ({"origin": "https://approve.example"}, "client data"),
        ({"origin": "localhost"}, "flags"),
        ({"vkeys": [REAL["approval-es256"]["log"]["vkey"][:-1] + "A"]}, "checkpoint"),
        ({"payload": "{}"}, "payload"),
        ({"kind": "consumption"}, "opening"),
        ({"kind": "toString"}, "opening"),
    ],
)
def test_trust_in_something_else_fails(changes: JSON, step: str) -> None:
    [found] = verdicts_of([known(BASE, **changes)])
    assert step in failed(found)


def test_keys_made_to_fit_prove_nothing_and_fail_against_a_pin() -> None:
    forged, trust = made_to_fit(BASE), trust_in(BASE)
    trusts = [NOBODY | {"kind": "approval"}, trust | {"vkeys": []}, trust | {"keys": []}, trust]
    assert verdicts_of([{"bundle": forged, "trust": one} for one in trusts]) == [
        expected(unproven=WHO | WHERE | LOG),
        expected(fail=WHO, unproven=LOG),
        expected(fail=LOG, unproven=WHO),
        expected(fail=WHO | LOG),
    ]


# --- What a log in bad hands could hold -----------------------------------------------------------


def moved(seconds: int) -> str:
    """When the decision was, and so many seconds later."""
    minute, _, second = OPENING["decidedAt"][:19].rpartition(":")
    assert 0 <= int(second) + seconds < 60
    return f"{minute}:{int(second) + seconds:02}{OPENING['decidedAt'][19:]}"


def test_the_same_leaves_in_another_log_are_proven_by_that_ones_key() -> None:
    bundle = relogged(BASE)
    ours, theirs = verdicts_of([known(bundle), known(bundle, BASE)])
    assert ours == expected()
    assert theirs == expected(fail=LOG)


ODD_SIGNED: list[tuple[JSON, str]] = [
    *(({"flags": flags}, "") for flags in (0x05, 0x0D, 0x1D)),
    # No UV; no UP; reserved bits; backed up and not eligible; data announced that is not there.
    *(({"flags": flags}, "flags") for flags in (0x01, 0x04, 0x07, 0x25, 0x15, 0x45, 0x85)),
    ({"crossOrigin": False}, ""),
    ({"crossOrigin": True}, "client data"),
    ({"crossOrigin": None}, "client data"),
    ({"topOrigin": "https://approve.example"}, "client data"),
    ({"type": "webauthn.create"}, "client data"),
    ({"origin": "https://approve.example"}, "client data"),
    ({"challenge": "AAAA"}, "challenge"),
]


@pytest.mark.parametrize(("signed", "fails"), ODD_SIGNED, ids=str)
def test_what_a_trusted_passkey_signed_is_looked_at(signed: JSON, fails: str) -> None:
    [found] = verdicts_of([known(made_to_fit(BASE, **signed))])
    assert found == expected(fail={fails} - {""})


def test_the_size_of_the_tree_is_the_heads() -> None:
    bundle = relogged(BASE, None, json.loads(BASE["signatures"][0]["enrolment"]["opening"]))
    bundle = edited(bundle, ("signatures", 0, "revocation"), None)
    assert bundle["inclusion"]["treeSize"] == 3
    other = edited(bundle, ("inclusion", "treeSize"), 4)  # where the same hashes lead to the root
    sound, found = verdicts_of([known(bundle), known(other, bundle)])
    assert (sound, found) == (expected(), expected(fail={"inclusion"}))


def test_a_decision_that_nobody_signed_is_none() -> None:
    bundle = edited(edited(BASE, ("signatures",), []), ("contexts",), [])
    log = Log(BASE["log"]["origin"], [text_of(OPENING | {"signatures": []})])
    unsigned = log.bundle(bundle, 0)
    [found] = verdicts_of([known(unsigned, BASE, vkeys=[log.vkey])])
    signed = {"context", "challenge", "client data", "flags", "signature", "credential", "opening"}
    assert found == expected(fail=signed)


def test_a_key_of_another_name_does_not_speak_for_the_log() -> None:
    bundle = relogged(BASE)
    other = Log("another/public/log", ["{}"])
    line = other.cosigned(bundle["checkpoint"])
    both = edited(bundle, ("checkpoint",), bundle["checkpoint"] + line)
    both = edited(both, ("tlogProof",), bundle["tlogProof"] + line)
    own, alone = verdicts_of([known(both), known(both, vkeys=[other.vkey])])
    assert own == expected()
    assert alone == expected(fail=LOG)


@pytest.mark.parametrize(
    ("at", "fails"), [(moved(-1), WHO), (moved(0), WHO), (moved(1), set()), ("2000", WHO)]
)
def test_a_passkey_that_was_revoked_before_does_not_count(at: str, fails: set[str]) -> None:
    enrolled: JSON = json.loads(BASE["signatures"][0]["enrolment"]["opening"])
    revoked = enrolled | {"kind": "credential_revoked", "at": at, "proof": None}
    bundle = relogged(BASE, None, revoked)
    [found] = verdicts_of([known(bundle)])
    assert found == expected(fail=fails)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "credential"},
        {"credentialId": "AAAA"},
        {"credentialKeyHash": "0" * 64},
        {"at": None},
        {"surplus": 1},
    ],
    ids=str,
)
def test_the_revocation_of_something_else_does_not_pass(change: JSON) -> None:
    enrolled: JSON = json.loads(BASE["signatures"][0]["enrolment"]["opening"])
    revoked = enrolled | {"kind": "credential_revoked", "at": moved(1), "proof": None}
    [found] = verdicts_of([known(relogged(BASE, None, revoked | change))])
    assert found == expected(fail=WHO)


def renamed(value: JSON, old: str, new: str) -> JSON:
    return {new if key == old else key: item for key, item in value.items()}


SIGNED: JSON = OPENING["signatures"][0]
ODD_OPENINGS: dict[str, Callable[[], JSON]] = {
    "surplus": lambda: OPENING | {"surplus": 1},
    "order": lambda: dict(reversed(OPENING.items())),
    "no time": lambda: {key: item for key, item in OPENING.items() if key != "decidedAt"},
    "no salt": lambda: {key: item for key, item in OPENING.items() if key != "salt"},
    "one name of two": lambda: renamed(OPENING, "decidedAt", "decidedAt signatures"),
    "no evidence": lambda: {key: item for key, item in OPENING.items() if key != "evidence"},
    "evidence null": lambda: OPENING | {"evidence": None},
    "other version": lambda: OPENING | {"v": 2},
    "surplus signed": lambda: OPENING | {"signatures": [SIGNED | {"surplus": 1}]},
    "order signed": lambda: OPENING | {"signatures": [dict(reversed(SIGNED.items()))]},
    "renamed signed": lambda: OPENING | {"signatures": [renamed(SIGNED, "assertionHash", "a")]},
    "spaces": lambda: OPENING | {"payloadHash": OPENING["payloadHash"] + " "},
}


@pytest.mark.parametrize("name", ODD_OPENINGS)
def test_an_opening_has_exactly_the_members_of_its_kind(name: str) -> None:
    bundle = relogged(BASE, ODD_OPENINGS[name]())
    [found, sound] = verdicts_of([known(bundle), known(relogged(BASE, OPENING))])
    assert sound == expected()
    assert "opening" in failed(found)


@pytest.mark.parametrize("name", ["approval-es256", "rejection-es256"])
@pytest.mark.parametrize(
    "spell", [str.upper, lambda text: text + " ", lambda text: f"{text[:2]} {text[2:]}"]
)
def test_hexadecimal_has_one_spelling(name: str, spell: Callable[[str], str]) -> None:
    base = REAL[name]
    hash_ = spell(base["payloadHash"])
    opening: JSON = json.loads(base["opening"]) | {"payloadHash": hash_}
    bundle = relogged(edited(base, ("payloadHash",), hash_), opening)
    [found] = verdicts_of([known(public(bundle))])
    assert "challenge" in failed(found)


NOT_OF_A_CONFIRMATION = {
    "credential": REAL["approval-es256"]["signatures"][0]["enrolment"]["opening"],
    "log_key": log_key_opening(salt=bytes(32), vkey="v", at=0),
    "asset_manifest": asset_manifest_opening(salt=bytes(32), release="1", files={}, at=0),
    "toString": '{"v":1,"kind":"toString","salt":"AA"}',
}


UNKNOWN = {"opening", "leaf"}


@pytest.mark.parametrize(
    ("kind", "fails"),
    [
        ("credential", set()),
        *((kind, UNKNOWN) for kind in ("log_key", "asset_manifest", "toString")),
    ],
)
def test_other_kinds_of_leaves_are_known_or_refused(kind: str, fails: set[str]) -> None:
    log = Log("localhost/public/log", [NOT_OF_A_CONFIRMATION[kind]])
    bundle = log.bundle(REAL["outcome"] | {"kind": kind}, 0)
    [found] = verdicts_of([known(bundle)])
    assert found == expected(unproven=UNSIGNED, fail=fails)


def test_a_consumption_is_of_the_confirmation_that_it_names() -> None:
    bundle = REAL["consumption"]
    opening: JSON = json.loads(bundle["opening"])
    del opening["evidence"]
    log = Log("localhost/public/log", [text_of(opening)])
    [found] = verdicts_of([known(log.bundle(bundle, 0))])
    assert "opening" in failed(found)
