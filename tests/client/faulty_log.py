"""What the faulty server's log says of an approval that is rightly signed: the truth, or else.

The log is `tests/forging.py`'s, whose key is held here: a lie fits wherever it can be made to fit.
"""

import base64
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.authenticator import base64url, unbase64url
from tests.bundles import base64_flipped
from tests.client.faulty import JSON, Case, Fault, Tell, with_
from tests.forging import Log, base64_text, entry_of, sha256, text_of

NAME = "cosignet.example/public/log"
PLACE, SIZE = 4, 7
OTHERS = [text_of({"v": 1, "kind": "other", "number": number}) for number in range(SIZE)]


@lru_cache
def log_key(name: str = "log") -> Ed25519PrivateKey:
    """Return a log's key, always the same one."""
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()))


def log_with(openings: list[str], *, key: str = "log", name: str = NAME) -> Log:
    return Log(name, openings, key=log_key(key))


VKEY = log_with(OTHERS).vkey
WITNESS = log_with(OTHERS, key="witness", name="witness.example")


def opening(case: Case, **changes: Any) -> JSON:
    """Return the opening of what was told last, or of another decision."""
    told = case.told
    response = told["rawAssertion"]["response"]
    names = ("clientDataJSON", "authenticatorData", "signature")
    signed = {
        "contextHash": sha256(b"cosignet/context/v1\n", told["context"].encode()).hex(),
        "credentialKeyHash": sha256(unbase64url(told["credential"]["publicKeySpki"])).hex(),
        "assertionHash": sha256(*(sha256(unbase64url(response[name])) for name in names)).hex(),
    }
    return {
        "v": 1,
        "kind": "approval",
        "salt": base64url(bytes(range(32))),
        "evidence": case.evidence_id,
        "payloadHash": told["payloadHash"],
        "decidedAt": told["decidedAt"],
        "signatures": [signed | changes.pop("signed", {})],
    } | changes


def logged(case: Case, *, said: JSON | None = None, key: str = "log", name: str = NAME) -> JSON:
    """Return the bundle of a decision, or of another one, that is in a log."""
    openings = [*OTHERS]
    openings[PLACE] = text_of(said or opening(case))
    log = log_with(openings, key=key, name=name)
    start = {"version": 1, "evidenceId": case.evidence_id, "kind": "approval", "state": "included"}
    return log.bundle(start, PLACE)


def of(**changes: Any) -> Tell:
    """An entry, rightly logged, of a decision that is another one in one thing."""
    return lambda case: logged(case, said=opening(case, **changes))


def then(change: Callable[[JSON], JSON]) -> Tell:
    """The truth, and then something in it is changed."""
    return lambda case: (told := logged(case)) | change(told)


def proof_edited(change: Callable[[list[str]], list[str]]) -> Tell:
    """The truth, and then the lines of its proof are changed: title, index, hashes, blank, note."""
    return then(lambda told: {"tlogProof": "\n".join(change(told["tlogProof"].split("\n")))})


def flipped(line: int) -> Tell:
    """The truth, and then one bit in one line of base64 is another."""

    def flip(lines: list[str]) -> list[str]:
        head, _, last = lines[line].rpartition(" ")
        other = base64_flipped(last, 100, is_url=False)
        return [*lines[:line], f"{head} {other}".lstrip(), *lines[line + 1 :]]

    return proof_edited(flip)


def another_entry(case: Case) -> JSON:
    """Our opening and entry, with the proof of the entry before."""
    told, openings = logged(case), [*OTHERS]
    openings[PLACE] = told["opening"]
    before = log_with(openings).bundle({}, PLACE - 1)
    return told | {"tlogProof": before["tlogProof"]}


def another_entry_whole(case: Case) -> JSON:
    """Our opening, with an entry of another and that one's proof."""
    openings = [*OTHERS]
    openings[PLACE] = text_of(opening(case))
    whole = log_with(openings).bundle(logged(case), PLACE - 1)
    return whole | {"opening": text_of(opening(case))}


def old_head(case: Case) -> JSON:
    """The head before the entry came, rightly signed, with a proof for the larger tree."""
    told, before = logged(case), log_with(OTHERS[:PLACE])
    return told | {"tlogProof": told["tlogProof"].replace(told["checkpoint"], before.note)}


def another_head(case: Case) -> JSON:
    """A head of the same size without the entry, rightly signed."""
    told = logged(case)
    return told | {
        "tlogProof": told["tlogProof"].replace(told["checkpoint"], log_with(OTHERS).note)
    }


def key_of_that_name(case: Case) -> JSON:
    """A head that another key signed, in a line that names ours."""
    told = logged(case, key="mallory")
    head, _, line = told["tlogProof"].rstrip("\n").rpartition(" ")
    ours, signature = bytes.fromhex(VKEY.split("+")[1]), base64.b64decode(line)[4:]
    return told | {"tlogProof": f"{head} {base64_text(ours + signature)}\n"}


def told_as_ours(case: Case) -> JSON:
    """Another log's head, signed by the pinned key under its own name."""
    told, ours = logged(case, key="mallory", name="other.example/log"), log_with(OTHERS)
    note = told["checkpoint"]
    return told | {"tlogProof": told["tlogProof"].replace(note, note + ours.cosigned(note))}


def two_signatures(case: Case) -> JSON:
    one = opening(case)
    return logged(case, said=one | {"signatures": one["signatures"] * 2})


def swapped_members(case: Case) -> JSON:
    return logged(case, said=dict(reversed(opening(case).items())))


def spaced_opening(case: Case) -> JSON:
    """The same values with white space; the entry commits to that text."""
    openings = [*OTHERS]
    openings[PLACE] = json.dumps(opening(case))
    return log_with(openings).bundle(logged(case), PLACE)


def entry_that_says(**members: Any) -> Tell:
    """An entry with other members, rightly placed."""

    def tell(case: Case) -> JSON:
        own = text_of(opening(case))
        openings = [*OTHERS]
        openings[PLACE] = own
        entries = [entry_of(one) for one in openings]
        entries[PLACE] = text_of(json.loads(entries[PLACE]) | members).encode()
        return Log(NAME, openings, entries, log_key()).bundle(logged(case), PLACE)

    return tell


def status(number: int, *, times: int = 10_000, want: Any) -> Fault:
    said = {":status": number, "code": "not_logged", "state": "pending"}
    return Fault(want, step="log", log=logged, answer=lambda _: dict(said), times=times)


def evidence(log: Tell) -> Fault:
    return Fault("evidence", log=log)


LOG_FAULTS: dict[str, Fault] = {
    "in the log": Fault("ran", log=logged),
    "in the log, with other lines in the proof": Fault(
        "ran", log=proof_edited(lambda lines: [lines[0], "extra AAAA", *lines[1:]])
    ),
    "in the log, whose head others signed, too": Fault(
        "ran",
        log=then(
            lambda told: {"tlogProof": told["tlogProof"] + WITNESS.cosigned(told["checkpoint"])}
        ),
    ),
    "in the log, and that after a while": status(202, times=2, want="ran"),
    "the log is dropped once": Fault("ran", step="log", log=logged, transport="drop", times=1),
    "the log is 503 once": Fault("ran", step="log", log=logged, transport="503", times=1),
    **{
        f"the log {words}": Fault("unavailable", step="log", log=logged, transport=transport)
        for words, transport in {
            "is dropped": "drop",
            "is 500": "500",
            "is cut in half": "half",
            "drips": "drip",
            "is no JSON": "words",
            "leads elsewhere": "away",
        }.items()
    },
    "the log never signs": status(202, want="unavailable"),
    "the log has no such entry": status(404, want="evidence"),
    "the log refuses": status(403, want="refused"),
    "no time of the decision": Fault("evidence", with_(decidedAt=None), log=logged),
    "no evidence id": Fault("evidence", with_(evidenceId=None), log=logged),
    # Whose head it is.
    "another log's key": evidence(lambda case: logged(case, key="mallory")),
    "another log's key with the id of the right one": evidence(key_of_that_name),
    "another log's name, by the right key": evidence(lambda case: logged(case, name="x/log")),
    "another log's head, signed by ours, too": evidence(told_as_ours),
    "an old head": evidence(old_head),
    "another head of that size": evidence(another_head),
    "a head signed under another name": evidence(
        proof_edited(lambda lines: [*lines[:-2], lines[-2].replace(NAME, "x"), ""])
    ),
    "a head that nobody signed": evidence(proof_edited(lambda lines: [*lines[:-2], ""])),
    # Whether the entry is under it.
    "the proof of another entry": evidence(another_entry),
    "the proof and the entry of another": evidence(another_entry_whole),
    "a flipped bit in the proof": evidence(flipped(3)),
    "a flipped bit in the root": evidence(flipped(-4)),
    "a flipped bit in the head's signature": evidence(flipped(-2)),
    "a proof that is too long": evidence(
        proof_edited(lambda lines: [*lines[:3], lines[2], *lines[3:]])
    ),
    "a proof that is too short": evidence(proof_edited(lambda lines: [*lines[:2], *lines[3:]])),
    "a proof of another place": evidence(
        proof_edited(lambda lines: [lines[0], f"index {PLACE + 1}", *lines[2:]])
    ),
    "a proof of no place": evidence(
        proof_edited(lambda lines: [lines[0], f"index {SIZE}", *lines[2:]])
    ),
    "a proof with another title": evidence(proof_edited(lambda lines: ["proof", *lines[1:]])),
    "no proof": evidence(then(lambda _: {"tlogProof": None})),
    # Whether the entry is of this decision.
    "no opening": evidence(then(lambda _: {"opening": None})),
    "an opening that is no JSON": evidence(then(lambda _: {"opening": "x"})),
    "no entry": evidence(then(lambda _: {"entry": None})),
    "an entry in no base64": evidence(then(lambda told: {"entry": told["entry"] | {"leaf": "*"}})),
    "an entry of another opening": evidence(entry_that_says(c=base64url(bytes(32)))),
    "an entry that commits to nothing": evidence(entry_that_says(c=None)),
    "a rejection's opening": evidence(of(kind="rejection")),
    "an opening of another version": evidence(of(v=2)),
    "an opening of other evidence": evidence(of(evidence="another")),
    "an opening of another payload": evidence(of(payloadHash="0" * 64)),
    "an opening of another time": evidence(of(decidedAt="2026-11-20T00:00:00.000Z")),
    "an opening of another context": evidence(of(signed={"contextHash": "0" * 64})),
    "an opening of another key": evidence(of(signed={"credentialKeyHash": "0" * 64})),
    "an opening of another assertion": evidence(of(signed={"assertionHash": "0" * 64})),
    "an opening that says more": evidence(of(more=True)),
    "an opening of nobody": evidence(of(signatures=[])),
    "an opening of two": evidence(two_signatures),
    "an opening with a short salt": evidence(of(salt="AAAA")),
    "an opening in another order": evidence(swapped_members),
    "an opening with white space": evidence(spaced_opening),
}
