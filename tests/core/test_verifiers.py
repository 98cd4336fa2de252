"""Both verifiers on real bundles: what they say of good ones, and of every way to spoil one."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.authenticator import ES256, Authenticator, base64url, unbase64url
from tests.bundles import (
    ABSENT,
    BASES,
    NOBODY,
    ROOT,
    VERIFY,
    base64_flipped,
    by_node,
    by_python,
    edited,
    expected,
    failed,
    paths,
    public,
    read,
    trust_in,
    verdicts_of,
)
from tests.conftest import NODE
from tests.people import JSON

from cosignet.core.bundle import STEPS, Evidence, Placed, write_bundle
from cosignet.core.checkpoint import Checkpoint
from cosignet.core.leaf import assertion_hash, entry
from cosignet.core.merkle import leaf_hash
from cosignet.core.note import NoteSignature, VerifierKey, format_note

REAL: dict[str, JSON] = {
    path.stem: json.loads(path.read_text()) for path in sorted(BASES.glob("*.json"))
}
CASES = {p.stem: json.loads(p.read_text()) for p in sorted(BASES.parent.glob("*.json"))}
BASE = REAL["approval-es256"]
WHO, WHERE, LOG = {"credential"}, {"client data"}, {"checkpoint"}
UNDISCLOSED = {"payload", "hash", "context"}


def case(bundle: Any, **trust: Any) -> JSON:
    return {"bundle": bundle, "trust": trust}


def known(bundle: Any, base: JSON = BASE, **changes: Any) -> JSON:
    """A spoilt bundle before somebody who knows what the good one was."""
    return {"bundle": bundle, "trust": trust_in(base, **changes)}


# --- Good ones ------------------------------------------------------------------------------------


def test_the_real_ones_were_found() -> None:
    assert len(REAL) == 6
    assert len(CASES) >= 30


@pytest.mark.parametrize("name", REAL)
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


def test_steps_are_called_and_say_what_the_table_says() -> None:
    rows = VERIFY.verify(BASE, VERIFY.argparse.Namespace(**trust_in(BASE)))
    assert [row[0] for row in rows] == [step.name for step in STEPS]
    assert [row[2] for row in rows[:12]] == [step.says for step in STEPS[:12]]


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
    as_approval = known(rejected, rejected, kind="approval")
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


def made_to_fit(bundle: JSON) -> JSON:
    """Return a bundle whose log key and passkey are made up, and fit everything in it."""
    passkey, log = Authenticator(algorithm=ES256), Ed25519PrivateKey.generate()
    [signature] = bundle["signatures"]
    parts = {k: unbase64url(v) for k, v in signature["rawAssertion"]["response"].items()}
    client = parts["clientDataJSON"]
    signed = passkey.sign_bytes(parts["authenticatorData"] + hashlib.sha256(client).digest())
    key_hash = hashlib.sha256(passkey.spki).hexdigest()
    hashed = assertion_hash(
        client_data_json=client,
        authenticator_data=parts["authenticatorData"],
        signature=signed,
    ).hex()
    opening = json.loads(bundle["opening"])
    opening["signatures"][0] |= {"credentialKeyHash": key_hash, "assertionHash": hashed}
    forged = edited(bundle, ("signatures", 0, "enrolment"), None)
    path = ("signatures", 0, "credential", "publicKeySpki")
    forged = edited(forged, path, base64url(passkey.spki))
    path = ("signatures", 0, "rawAssertion", "response", "signature")
    forged = edited(forged, path, base64url(signed))
    text = json.dumps(opening, separators=(",", ":"))
    name = bundle["log"]["origin"]
    return forged | logged(text, log, name=name, kind=bundle["kind"], id_=bundle["evidenceId"])


def logged(opening: str, log: Ed25519PrivateKey, *, name: str, kind: str, id_: str) -> JSON:
    """Return what a log of one leaf adds to a bundle."""
    key = VerifierKey(name, log.public_key().public_bytes_raw())
    leaf = entry(opening=opening, at=0, monitor_key=bytes(32))
    head = Checkpoint(key.name, 1, leaf_hash(leaf))
    note = format_note(
        head.text, [NoteSignature(key.name, key.key_id, log.sign(head.text.encode()))]
    )
    evidence = Evidence(id_, kind, None, Placed(0, leaf, opening, []), [], head, note, [key.text])
    written = write_bundle(evidence)
    return {k: v for k, v in written.items() if k not in ("signatures", "payloadHash")}


def test_keys_made_to_fit_prove_nothing_and_fail_against_a_pin() -> None:
    forged = made_to_fit(BASE)
    trust = trust_in(BASE)
    found = verdicts_of(
        [
            {"bundle": forged, "trust": NOBODY | {"kind": "approval"}},
            {"bundle": forged, "trust": trust | {"vkeys": []}},
            {"bundle": forged, "trust": trust | {"keys": []}},
            {"bundle": forged, "trust": trust},
        ]
    )
    assert found == [
        expected(unproven=WHO | WHERE | LOG),
        expected(fail=WHO, unproven=LOG),
        expected(fail=LOG, unproven=WHO),
        expected(fail=WHO | LOG),
    ]


SUBJECT: JSON = {"org": "default", "approver": "alex", "credentialId": "AAAA"}


@pytest.mark.parametrize("kind", ["credential", "credential_revoked", "log_key", "consumption"])
def test_a_leaf_that_nobody_signs_needs_the_logs_steps_alone(kind: str) -> None:
    opening = json.dumps(
        {"v": 1, "kind": kind, "salt": "AA", "evidence": "e"} | SUBJECT, separators=(",", ":")
    )
    log = Ed25519PrivateKey.generate()
    bundle = {"payloadHash": None, "signatures": []} | logged(
        opening, log, name="localhost/public/log", kind=kind, id_="e"
    )
    trust = NOBODY | {"kind": kind, "vkeys": [bundle["log"]["vkey"]]}
    steps = {step.name for step in STEPS[:8]}
    found = verdicts_of(
        [
            {"bundle": bundle, "trust": trust},
            {"bundle": bundle | {"evidenceId": "f"}, "trust": trust},
            {"bundle": bundle, "trust": trust | {"kind": "approval"}},
        ]
    )
    assert found[:2] == [
        expected(unproven=steps),
        expected(unproven=steps, fail={"opening"}),
    ]
    assert {"signature", "opening"} <= failed(found[2])
    rows = [(name, verdict, "") for name, verdict in zip(steps, found[0], strict=False)]
    assert VERIFY.report([*rows, *(("x", one, "") for one in found[0][8:])], kind) == 0


def test_a_passkey_that_was_revoked_before_does_not_count() -> None:
    [signature] = BASE["signatures"]
    decided_at = json.loads(BASE["opening"])["decidedAt"]
    log = Ed25519PrivateKey.generate()
    opening = json.loads(signature["enrolment"]["opening"])
    found: list[JSON] = []
    for kind, at in (("credential_revoked", "2000"), ("credential_revoked", "3000")):
        text = json.dumps(opening | {"kind": kind, "at": at}, separators=(",", ":"))
        own = logged(text, log, name="localhost/public/log", kind=kind, id_="e")
        placed = {k: own[k] for k in ("entry", "opening", "inclusion")}
        # Its place is in another tree: what is wrong with the time has to be told apart by hand.
        found.append(known(edited(BASE, ("signatures", 0, "revocation"), placed)))
    assert "2000" < decided_at < "3000"
    for one in verdicts_of(found):
        assert failed(one) == {"credential"}


# --- Spoilt ones ----------------------------------------------------------------------------------

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
    ("witnesses", "witnesses"),
    ("anchors", "anchor"),
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
    ("signatures", "signature"),
]
"""Path → the step that fails, the first that fits; `|` where it depends, empty: not signed."""
MAY_BE_LEFT_OUT = {("payload",), ("contexts",), ("policy",), ("signatures", 0, "enrolment")}
MAY_BE_LEFT_OUT |= {("signatures", 0, "revocation")}
OTHERS: list[Any] = [None, 1, "x", [], {}, True, [1], ["x"], 1.5, "", -1, {"v": 1}]


def step_of(path: tuple[Any, ...]) -> str:
    dotted = ".".join(map(str, path))
    return next(s for where, s in TABLE if dotted == where or dotted.startswith(f"{where}."))


def spoilt(path: tuple[Any, ...]) -> list[Any]:
    """What else can stand at a path; its absence is one of it."""
    old = read(BASE, path)
    others = [
        item
        for item in [ABSENT, *OTHERS]
        if type(item) is not type(old) or item != old
        if not (item in (None, ABSENT) and (path in MAY_BE_LEFT_OUT or old is None))
    ]
    if isinstance(old, str) and old:
        middle = len(old) // 2
        swapped = chr(ord(old[middle]) ^ 1)
        others += [old[:middle] + swapped + old[middle + 1 :], old + " ", old[:-1], [old]]
    if isinstance(old, list) and old:
        others += [[*old, [old[0]]], old[:-1]]
    if path in {("witnesses",), ("anchors",)}:
        # This version looks at none, and says so.
        others = [item for item in others if not isinstance(item, list)]
    if isinstance(old, int):
        others += [old + 1, old + 2**53]
    return others


def test_everything_that_is_changed_missing_or_of_another_type_fails_where_the_table_says() -> None:
    todo = [(path, item) for path in paths(BASE) for item in spoilt(path)]
    assert len(todo) > 800
    found = verdicts_of(
        [known(edited(BASE, path, item)) | {"desc": [path, item]} for path, item in todo]
    )
    wrong = [
        (path, item, failed(one), step_of(path))
        for (path, item), one in zip(todo, found, strict=True)
        if (failed(one) == set()) != (step_of(path) == "")
        or (step_of(path) and failed(one).isdisjoint(step_of(path).split("|")))
    ]
    assert not wrong, "\n".join(map(str, wrong[:20]))


BITS: list[tuple[tuple[Any, ...], str]] = [
    (("signatures", 0, "rawAssertion", "response", "clientDataJSON"), "signature"),
    (("signatures", 0, "rawAssertion", "response", "authenticatorData"), "signature"),
    (("signatures", 0, "rawAssertion", "response", "signature"), "signature"),
    (("signatures", 0, "credential", "publicKeySpki"), "signature"),
    (("signatures", 0, "credential", "id"), "credential"),
    (("signatures", 0, "enrolment", "entry", "leaf"), "credential"),
    (("entry", "leaf"), "leaf"),
    (("entry", "leafHash"), "leaf"),
    (("inclusion", "hashes", 0), "inclusion"),
]


@pytest.mark.parametrize("name", REAL)
def test_a_bit_of_any_bytes_fails_at_the_right_step(name: str) -> None:
    base = REAL[name]
    todo: list[tuple[tuple[Any, ...], str, int]] = []
    for path, step in BITS:
        text = read(base, path)
        size = len(unbase64url(text)) if path[0] == "signatures" else len(base64.b64decode(text))
        todo += [(path, step, 8 * byte + byte * 5 % 8) for byte in range(0, size, 3)]
    cases: list[JSON] = []
    for path, _, bit in todo:
        is_url = path[0] == "signatures" and "entry" not in path
        text = base64_flipped(read(base, path), bit, is_url=is_url)
        cases.append(known(edited(base, path, text), base) | {"desc": [path, bit]})
    for (path, step, bit), one in zip(todo, verdicts_of(cases), strict=True):
        assert step in failed(one), (path, bit, failed(one))


@pytest.mark.parametrize(
    ("path", "step"),
    [(("opening",), "leaf"), (("checkpoint",), "checkpoint"), (("tlogProof",), "checkpoint")],
)
def test_every_character_of_a_text_counts(path: tuple[Any, ...], step: str) -> None:
    text: str = read(BASE, path)
    cases = [
        known(edited(BASE, path, text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]))
        for at in range(0, len(text), 2)
    ]
    for at, one in enumerate(verdicts_of(cases)):
        assert step in failed(one), at


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
    [found] = verdicts_of([known(edited(BASE, ("payload",), payload))])
    assert failed(found) & {"payload", "hash"} == (
        {"payload", "hash"} if step == "payload" else {step}
    )


@pytest.mark.parametrize("bundle", [None, [], 1, "x", {}, {"signatures": [None]}, [[[]]]])
def test_what_is_no_bundle_fails(bundle: Any) -> None:
    [found] = verdicts_of([known(bundle)])
    assert {step.name for step in STEPS[3:12]} <= failed(found)


# --- As programs ----------------------------------------------------------------------------------

PROGRAMS = {
    "python": [sys.executable, str(ROOT / "verifiers/verify.py")],
    "node": [str(NODE), str(ROOT / "verifiers/verify.mjs")],
}


def options(trust: JSON) -> list[str]:
    pins = [("--vkey", one) for one in trust["vkeys"]]
    pins += [("--credential-key", one) for one in trust["keys"]]
    pins += [("--origin", trust["origin"])] if trust["origin"] else []
    return [word for pair in [*pins, ("--kind", trust["kind"])] for word in pair]


def run(program: str, bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAMS[program], str(bundle), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_exit_status_is_0_only_if_all_that_is_needed_is_proven(
    program: str, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(public(BASE)))
    trust = trust_in(BASE)
    assert run(program, file, *options(trust)).returncode == 0
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps(json.loads(BASE["payload"]), indent=2) + "\n")
    ran = run(program, file, *options(trust), "--payload", str(payload))
    assert (ran.returncode, ran.stdout.splitlines()[1][:5]) == (0, " 2 OK")
    for pin in ("vkeys", "keys"):
        assert run(program, file, *options(trust | {pin: []})).returncode == 3
    assert run(program, file, *options(trust | {"origin": None})).returncode == 3
    ran = run(program, file, *options(trust | {"keys": ["0" * 64]}))
    assert ran.returncode == 1
    assert " 8 FAIL" in ran.stdout


def test_both_programs_print_the_same(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(BASE))
    said = {run(program, file, *options(trust_in(BASE))).stdout for program in PROGRAMS}
    assert len(said) == 1


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff\xfe{}", b"[" * 200_000, b"\xef\xbb\xbf{}", b'{"kind":"\x1b[2J"}', b"1e999"],
)
def test_what_cannot_be_read_fails_without_a_traceback(
    program: str, text: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(text)
    ran = run(program, file)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert len(ran.stdout.splitlines()) == 14


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_that_a_terminal_obeys_is_printed(program: str, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(edited(BASE, ("kind",), "\x1b[2J\u202e")))
    ran = run(program, file, "--kind", "\x1b[2J\u202e")
    assert ran.stdout.isascii()
    assert "\x1b" not in ran.stdout


# --- Short enough to be read ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["verify.py", "verify.mjs"])
def test_a_verifier_is_short_enough_to_be_read(name: str) -> None:
    lines = (ROOT / "verifiers" / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 250
    assert max(map(len, lines)) <= 100


def test_the_one_in_python_is_laid_out_as_the_formatter_does() -> None:
    command = [sys.executable, "-m", "ruff", "format", "--check", ROOT / "verifiers/verify.py"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_the_one_in_python_imports_nothing_but_cryptography() -> None:
    heads = {
        line.split()[1].partition(".")[0]
        for line in (ROOT / "verifiers/verify.py").read_text(encoding="utf-8").splitlines()
        if line.startswith(("import ", "from "))
    }
    assert heads - set(sys.stdlib_module_names) == {"cryptography"}


def test_differences_between_the_verifiers_would_be_noticed() -> None:
    good, bad = known(BASE), known(edited(BASE, ("kind",), "x"))
    assert by_python([good]) != by_node([bad])
