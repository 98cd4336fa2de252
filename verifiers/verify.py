#!/usr/bin/env python3
"""Check a Cosignet evidence bundle, offline. This file is all there is: read it, then trust it.

    python3 verify.py BUNDLE --vkey LOG_KEY --origin https://approve.example --credential-key HASH

Whom to trust is yours to say: a key that travels beside what it signed proves nothing. Get the
log's key, the origin and the SHA-256 of the approver's public key from people, at another time.
Exit status: 0 proven, 1 something is wrong, 3 something needed is not proven.
Needs Python 3.9 and the package `cryptography`, and no network.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

CONTEXT = """v purpose confirmation org action approver approverId requester requesterKeyId rpId
    origin createdAt expiresAt quorum policy risk reveal salt""".split()
OPENING = "v kind salt evidence payloadHash decidedAt signatures".split()
PURPOSE = {"approval": "approve", "rejection": "reject"}
COSE: Any = {-7: (ec.EllipticCurvePublicKey, ec.ECDSA(SHA256())), -8: (ed25519.Ed25519PublicKey,)}
COSE[-257] = (rsa.RSAPublicKey, padding.PKCS1v15(), SHA256())
URL = b"-_"


class NotProven(Exception): ...  # something is missing that you, or others, could give


def require(condition: bool, otherwise: str, kind: type[Exception] = ValueError) -> None:
    if not condition:
        raise kind(otherwise)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def at(value: Any, path: str, kind: type = str) -> Any:
    """Return what stands at a path, of exactly this kind."""
    for name in path.split("."):
        value = value.get(name) if type(value) is dict else None
    require(type(value) is kind, f"{path} is missing or of the wrong kind")
    return value


def decode(text: str, alphabet: bytes = b"+/") -> bytes:
    """Read base64, or base64url without padding, in its one spelling."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), alphabet)
    again = base64.b64encode(data, alphabet).decode().rstrip("=" if alphabet == URL else "")
    require(text == again, "base64 in a wrong spelling")
    return data


def write(value: Any) -> str:
    """Write JSON as ECMAScript's JSON.stringify(JSON.parse(text)) does."""
    if type(value) is dict:
        first = [k for k in value if re.fullmatch("0|[1-9][0-9]{0,9}", k) and int(k) < 2**32 - 1]
        keys = sorted(first, key=int) + [key for key in value if key not in first]
        return "{" + ",".join(f"{write(k)}:{write(value[k])}" for k in keys) + "}"
    if type(value) is list:
        return "[" + ",".join(write(item) for item in value) + "]"
    if type(value) is not float and type(value) is not int:
        return json.dumps(value, ensure_ascii=False)
    require(abs(value) < 2**53, "a number is too large")
    if value == int(value):
        return str(int(value))
    return f"{Decimal(repr(value)):f}" if abs(value) >= 1e-6 else repr(value).replace("e-0", "e-")


def canonical(text: str) -> Any:
    require(write(json.loads(text)) == text, "not in its one canonical form")
    return json.loads(text)


def verify(b: Any, trust: Any) -> list[tuple[str, str, str]]:
    """Take every step; return its name, OK or FAIL or NOT PROVEN, and a sentence."""
    results: list[tuple[str, str, str]] = []

    @contextmanager
    def step(name: str, proves: str) -> Any:
        try:
            yield
            results.append((name, "OK", proves))
        except NotProven as missing:
            results.append((name, "NOT PROVEN", str(missing)))
        except Exception as error:  # whatever cannot be read is wrong, too
            results.append((name, "FAIL", str(error) or "the signature is wrong"))

    def signatures() -> Any:
        require(trust.kind in PURPOSE, f"No {trust.kind} has a signature.", NotProven)
        require(at(b, "signatures", list) != [], "there is no signature")
        for one in b["signatures"]:
            names = ("clientDataJSON", "authenticatorData", "signature")
            parts = [decode(at(one, f"rawAssertion.response.{name}"), URL) for name in names]
            said, spki = json.loads(parts[0].decode()), at(one, "credential.publicKeySpki")
            s = SimpleNamespace(one=one, parts=parts, said=said, spki=decode(spki, URL))
            s.client, s.data, s.signature = parts
            s.challenge, s.key_hash = decode(at(said, "challenge"), URL), sha256(s.spki).hex()
            yield s

    def head() -> tuple[str, int, bytes]:
        lines = r"([^\s+]+)\n(0|[1-9]\d{0,15})\n(.{44})\n\n(— [^\s+]+ [A-Za-z0-9+/=]+\n)+"
        found = re.fullmatch(lines, at(b, "checkpoint"), re.ASCII) or require(False, "malformed")
        return found[1], int(found[2]), decode(found[3])

    def check_commitment(placed: Any) -> Any:
        """Check that an entry commits to its opening, and return what the opening says."""
        leaf, opening = decode(at(placed, "entry.leaf")), at(placed, "opening")
        require(decode(at(placed, "entry.leafHash")) == sha256(b"\0", leaf), "of another hash")
        entry = canonical(leaf.decode())
        require(list(entry)[:4] == ["v", "t", "c", "o"] and entry["v"] == 1, "of another version")
        require(decode(entry["c"], URL) == sha256(opening.encode()), "to another opening")
        return canonical(opening)

    def signs(vkey: str, note: str) -> bool:
        """Whether a key has signed a note (c2sp.org/signed-note); raises if a line of it is wrong."""
        (name, id_, key), (text, _, lines) = vkey.split("+", 2), note.rpartition("\n\n")
        known = sha256(name.encode(), b"\n", decode(key))[:4]
        require(known.hex() == id_ and decode(key)[0] == 1, "a vkey is malformed")
        public = ed25519.Ed25519PublicKey.from_public_bytes(decode(key)[1:])
        found = [decode(line.split(" ")[2]) for line in lines.split("\n") if f"— {name} " in line]
        found = [data[4:] for data in found if data[:4] == known]
        for signature in found:
            public.verify(signature, f"{text}\n".encode())
        return found != []

    def check_inclusion(placed: Any) -> None:
        """Follow a proof to the root of the signed head (RFC 9162, section 2.1.3.2)."""
        index, last = at(placed, "entry.index", int), at(placed, "inclusion.treeSize", int) - 1
        require(0 <= index <= last == head()[1] - 1, "not a place in that tree")
        node = sha256(b"\0", decode(at(placed, "entry.leaf")))
        for other in map(decode, at(placed, "inclusion.hashes", list)):
            require(last > 0 and len(other) == 32, "the proof is too long")
            left = index % 2 == 1 or index == last
            node = sha256(b"\1", other, node) if left else sha256(b"\1", node, other)
            while left and index % 2 == 0 and index > 0:
                index, last = index >> 1, last >> 1
            index, last = index >> 1, last >> 1
        require(last == 0 and node == head()[2], "the proof leads to another root")

    payload = trust.payload or b.get("payload")
    with step("payload", "The payload is in its one canonical form."):
        require(payload is not None, "Not disclosed; give the one you know: --payload.", NotProven)
        require(type(canonical(payload)) is dict, "it is no object")
    with step("hash", "Its SHA-256 is the payload hash."):
        require(payload is not None, "There is no payload to hash.", NotProven)
        require(sha256(payload.encode()).hex() == at(b, "payloadHash"), "it is another one")
    with step("context", "Who asked whom for what, and until when, was signed."):
        signed, texts = list(signatures()), b.get("contexts")
        require(texts is not None, "Not disclosed: who asked whom for what.", NotProven)
        require(len(texts) == len(signed), "not one for each signature")
        policy = b.get("policy") and sha256(at(b, "policy").encode()).hex()
        for text, s in zip(texts, signed):
            said, hash_ = canonical(text), sha256(b"cosignet/context/v1\n", text.encode())
            require(list(said) == CONTEXT and said["v"] == 1, "of another version")
            found = [said[name] for name in ("purpose", "rpId", "origin", "policy")]
            wanted = [PURPOSE[trust.kind], s.one["rpId"], s.one["origin"], policy]
            require(found == wanted, "for another purpose, site or policy")
            signed_it = hash_[:16] == s.challenge[:16] and hash_.hex() in at(b, "opening")
            require(signed_it, "another one was signed")
    with step("challenge", "The 48 bytes that were signed end with this payload hash."):
        for s in signatures():
            hash_ = bytes.fromhex(at(b, "payloadHash"))
            wanted = hash_ if trust.kind == "approval" else sha256(b"cosignet/reject/v1\n", hash_)
            require(len(s.challenge) == 48 and s.challenge[16:] == wanted, "another one was signed")
    with step("client data", "A browser on your origin asked for it."):
        for s in signatures():
            inner = s.said.get("crossOrigin", False) is not False or "topOrigin" in s.said
            require(s.said.get("type") == "webauthn.get" and not inner, "of another kind")
            origins = {at(s.said, "origin"), at(s.one, "origin"), trust.origin or s.one["origin"]}
            require(len(origins) == 1, "on another origin")
        require(bool(trust.origin), "WHERE: NOT PINNED. Name the site: --origin.", NotProven)
    with step("flags", "A person was there and verified, with a passkey of that site."):
        for s in signatures():
            rp_id, flags = at(s.one, "rpId"), s.data[32]
            known = rp_id == (trust.origin or f"//{rp_id}").split("/")[2].split(":")[0]
            require(known and s.data[:32] == sha256(rp_id.encode()), "a passkey of another site")
            require(flags & 0x05 == 0x05, "no person was there, or none was verified")
    with step("signature", "The passkey's key signed exactly this."):
        for s in signatures():
            key: Any = load_der_public_key(s.spki)
            kind, *how = COSE[at(s.one, "credential.algorithm", int)]
            curve = getattr(key, "curve", ec.SECP256R1()).name
            require(isinstance(key, kind) and curve == "secp256r1", "a key of another kind")
            key.verify(s.signature, s.data + sha256(s.client), *how)
    with step("credential", "You have named that key."):
        for s in signatures():
            id_, raw = at(s.one, "credential.id"), at(s.one, "rawAssertion", dict)
            require(id_ == raw.get("id") == raw.get("rawId"), "the passkey has more than one id")
            for name, kind in (("enrolment", "credential"), ("revocation", "credential_revoked")):
                if (placed := s.one.get(name)) is not None:
                    said = check_commitment(placed)
                    check_inclusion(placed)
                    late = said["at"] > json.loads(at(b, "opening"))["decidedAt"]
                    found = [said["kind"], said["credentialId"], said["credentialKeyHash"], late]
                    wanted = [kind, id_, s.key_hash, name == "revocation"]
                    require(found == wanted, f"the {name} is of another key or time")
            require(s.key_hash in (trust.keys or [s.key_hash]), f"you did not name {s.key_hash}")
        require(bool(trust.keys), "WHO: NOT PROVEN. Name a key: --credential-key.", NotProven)
    with step("opening", "It names this decision, payload hash, context, key and signature."):
        said, evidence = canonical(at(b, "opening")), at(b, "evidenceId")
        require(at(said, "kind") == at(b, "kind") == trust.kind, f"this is no {trust.kind}")
        same = (
            said["v"] == at(b, "version", int) == 1 and said.get("evidence", evidence) == evidence
        )
        require(same, "of another decision or version")
        if trust.kind in PURPOSE:
            same = list(said) == OPENING and said["payloadHash"] == at(b, "payloadHash")
            require(same, "of another payload")
            require(len(said["signatures"]) == len(b["signatures"]), "of more or fewer signatures")
            for named, s in zip(said["signatures"], signatures()):
                wanted = [sha256(*map(sha256, s.parts)).hex(), s.key_hash, s.challenge[:16].hex()]
                found = [named["assertionHash"], named["credentialKeyHash"], named["contextHash"]]
                require([*found[:2], found[2][:32]] == wanted, "of another signature or context")
    with step("leaf", "The log's entry commits to the opening."):
        check_commitment(b)
    with step("inclusion", "The entry is in the tree of the signed head."):
        check_inclusion(b)
    with step("checkpoint", "The log key that you named signed that head."):
        note, keys, index = b["checkpoint"], at(b, "log.vkeys", list), at(b, "entry.index", int)
        names = {head()[0], at(b, "log.origin"), *(key.split("+")[0] for key in keys)}
        require(len(names) == 1 and at(b, "log.vkey") == keys[-1], "of another log")
        proof = [f"c2sp.org/tlog-proof@v1\nindex {index}", *b["inclusion"]["hashes"], "", note]
        require(at(b, "tlogProof") == "\n".join(proof), "tlogProof says something else")
        signers = {key for key in {*keys, *(trust.vkeys or [])} if signs(key, note)}
        require(bool(signers & {*(trust.vkeys or keys)}), "no key that you trust has signed it")
        require(bool(trust.vkeys), "LOG KEY: NOT PINNED. Name it with --vkey.", NotProven)
    for name in ("witnesses", "anchor"):
        with step(name, ""):
            raise NotProven("Not looked at by this version.")
    return results


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--vkey", dest="vkeys", action="append", help="the log's key")
    parser.add_argument("--origin", help="where approvers approve, https://…")
    parser.add_argument("--credential-key", dest="keys", action="append", help="SHA-256, in hex")
    parser.add_argument("--payload", type=Path, help="the payload that you know")
    parser.add_argument("--kind", default="approval", help="what it has to be (%(default)s)")
    trust = parser.parse_args()
    trust.payload = trust.payload and trust.payload.read_bytes().decode()
    results = verify(json.loads(trust.bundle.read_bytes()), trust)
    for number, row in enumerate(results, 1):
        print("{:2} {:12} {:10} {}".format(number, *row))
    verdicts = [verdict for _, verdict, _ in results]
    needed = verdicts[3 if trust.kind in PURPOSE else 8 : 12]
    return 1 if "FAIL" in verdicts else 3 if "NOT PROVEN" in needed else 0


if __name__ == "__main__":
    sys.exit(main())
