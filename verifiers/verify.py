"""Check a Cosignet evidence bundle, offline. This file is all there is: read it, then trust it.

    python3 verify.py BUNDLE --vkey LOG_KEY --origin https://approve.example --credential-key HASH

Whom to trust is yours to say: a key that travels beside what it signed proves nothing. Get the
log's key, the origin, and the SHA-256 of each approver's public key from people, at another time.
Exit status: 0 proven, 1 wrong, 2 usage, 3 not proven. Needs Python 3.10 and `cryptography`."""

import argparse
import base64
import hashlib
import re
from contextlib import contextmanager
from decimal import Decimal
from json import JSONDecoder, dumps
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

CONTEXT = """v purpose confirmation org action approver approverId requester requesterKeyId rpId
    origin createdAt expiresAt quorum policy risk reveal salt""".split()
PURPOSE = {"approval": "approve", "rejection": "reject"}
ABOUT_KEYS = {"enrolment": "credential", "revocation": "credential_revoked"}
SAYS = dict.fromkeys(PURPOSE, "evidence payloadHash decidedAt signatures")  # kind → its opening
SAYS |= {"consumption": "evidence tokenHash keyId at", "outcome": "evidence result at"}
PASSKEY = "org approver approverId credentialId credentialKeyHash enrolledBy at proof"
SAYS |= dict.fromkeys(ABOUT_KEYS.values(), PASSKEY)
LINE = "— ([^\\x00-\\x20+]+) ([A-Za-z0-9+/=]+)\n"
HEAD = f"((.+)\n(0|[1-9][0-9]{{0,15}})\n([A-Za-z0-9+/]{{43}}=)\n(?:.+\n)*)\n((?:{LINE})+)"
COSE = {-7: (ec.EllipticCurvePublicKey, ec.ECDSA(SHA256())), -8: (ed25519.Ed25519PublicKey,)}
COSE[-257] = (rsa.RSAPublicKey, padding.PKCS1v15(), SHA256())
READ = JSONDecoder(parse_float=lambda t: n if (n := float(t)) % 1 else int(n), parse_constant=int)
Short = type("Short", (Exception,), {})  # of proof; its arguments are the verdict and why
URL, NOT_PROVEN, DER = b"-_", "NOT PROVEN", (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def require(condition, otherwise: str, verdict: str = "FAIL") -> None:
    if not condition:
        raise Short(verdict, otherwise)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def at(value, path: str, kind: type = str):  # what stands there, of exactly this kind
    for name in path.split("."):
        value = value.get(name) if type(value) is dict else None
    require(type(value) is kind, f"{path} is missing, or no {kind.__name__}.")
    return value


def decode(text: str, alphabet: bytes = b"+/") -> bytes:  # base64 in its one spelling
    data = base64.b64decode(text + "=" * (-len(text) % 4), alphabet)
    again = base64.b64encode(data, alphabet).decode().rstrip("=" if alphabet == URL else "")
    require(text == again, "Something is in no or in wrong base64.")
    return data


def write(value, depth: int = 64) -> str:  # as ECMAScript's JSON.stringify does
    require(depth > 0 or type(value) not in (dict, list), "It is nested too deeply.")
    if type(value) is dict:
        indices = sorted(filter(re.compile("0|[1-9][0-9]{0,9}").fullmatch, value), key=int)
        keys = dict.fromkeys([key for key in indices if int(key) < 2**32 - 1] + list(value))
        return "{" + ",".join(f"{write(k)}:{write(value[k], depth - 1)}" for k in keys) + "}"
    if type(value) is list:
        return "[" + ",".join(write(item, depth - 1) for item in value) + "]"
    if type(value) not in (int, float):
        return dumps(value, ensure_ascii=False)
    require(abs(value) < 2**53, "It has a number that is too large.")
    return f"{Decimal(repr(value)):f}" if abs(value) >= 1e-6 else repr(value).replace("e-0", "e-")


def canonical(text: str, ours: bool = True):  # reads a canonical text; ours have a version
    value = READ.decode(text)
    require(write(value).encode() == text.encode(), "It is not in its one canonical form.")
    require(not ours or at(value, "v", int) == 1, "It is of another version.")
    return value


def verify(b, trust):  # of every step its name, OK or FAIL or NOT PROVEN, and why
    @contextmanager
    def step(name: str, proves: str):
        try:
            yield
            results.append((name, "OK", proves))
        except Exception as error:
            unreadable = ("FAIL", "It cannot be read, or its signature is wrong.")
            results.append((name, *(error.args if type(error) is Short else unreadable)))

    def head():  # the signed tree head, taken apart (c2sp.org/tlog-checkpoint)
        found = re.fullmatch(HEAD, at(b, "checkpoint"))
        return found[1], found[2], int(found[3]), decode(found[4]), found[5]

    def has_signed(vkey: str) -> bool:  # c2sp.org/signed-note; a wrong line of that key raises
        (text, origin, _, _, lines), parts = head(), "([^+]+)\\+([0-9a-f]{8})\\+(.{44})"
        name, id_, key = re.fullmatch(parts, vkey).groups()
        known = sha256(name.encode(), b"\n", decode(key))[:4]
        require(known.hex() == id_ and decode(key)[0] == 1, "A log key is malformed.")
        found = [decode(data) for by, data in re.findall(LINE, lines) if by == name == origin]
        check = ed25519.Ed25519PublicKey.from_public_bytes(decode(key)[1:]).verify
        return [check(line[4:], text.encode()) for line in found if line[:4] == known] != []

    def opening_of(placed):  # taken apart; it has the members of its kind, no other
        said = canonical(at(placed, "opening"))
        keys = ["v", "kind", "salt", *SAYS.get(at(said, "kind"), "?").split()]
        require(list(said) == keys, "The opening has other members than its kind.")
        return said

    def check_commitment(placed):  # that an entry is of its opening; returns that one
        leaf, opening = decode(at(placed, "entry.leaf")), at(placed, "opening").encode()
        require(decode(at(placed, "entry.leafHash")) == sha256(b"\0", leaf), "Another leaf hash.")
        found = decode(at(canonical(leaf.decode()), "c"), URL)
        require(found == sha256(opening), "The entry is of another opening.")
        return opening_of(placed)

    def check_inclusion(placed) -> None:  # follows a proof: RFC 9162, section 2.1.3.2
        index, last = at(placed, "entry.index", int), at(placed, "inclusion.treeSize", int) - 1
        require(0 <= index <= last == head()[2] - 1, "There is no such place in that tree.")
        node = sha256(b"\0", decode(at(placed, "entry.leaf")))
        for other in map(decode, at(placed, "inclusion.hashes", list)):
            require(last > 0 and len(other) == 32, "The proof is too long.")
            left = index % 2 == 1 or index == last
            node = sha256(b"\1", other, node) if left else sha256(b"\1", node, other)
            while left and index % 2 == 0 and index > 0:
                index, last = index >> 1, last >> 1
            index, last = index >> 1, last >> 1
        require(last == 0 and node == head()[3], "The proof leads to another root.")

    def signatures():  # each taken apart, with what the opening says of it
        require(kind in PURPOSE, f"Nobody signs a leaf of the kind {kind}.", NOT_PROVEN)
        opening, given = opening_of(b), at(b, "signatures", list) or [None]  # none is none of them
        for one, named in zip(given, at(opening, "signatures", list), strict=True):
            names = ("clientDataJSON", "authenticatorData", "signature")
            parts = [decode(at(one, f"rawAssertion.response.{name}"), URL) for name in names]
            s = argparse.Namespace(one=one, named=named, said=READ.decode(parts[0].decode()))
            s.client, s.data, s.signature = parts
            s.rp_id, s.origin, s.id = at(one, "rpId"), at(one, "origin"), at(one, "credential.id")
            s.spki, s.at = decode(at(one, "credential.publicKeySpki"), URL), opening["decidedAt"]
            s.hashes = [sha256(s.spki).hex(), sha256(*map(sha256, parts)).hex()]
            yield s

    results, b, kind, site = [], b if type(b) is dict else {}, trust.kind, trust.origin
    payload = b.get("payload") if trust.payload is None else trust.payload
    with step("payload", "The payload is in its one canonical form."):
        require(payload is not None, "WHAT: NOT DISCLOSED. Give the one you know.", NOT_PROVEN)
        require(b.get("payload") in (None, payload), "The bundle's is not the one you gave.")
        require(type(canonical(payload, ours=False)) is dict, "It is no object.")
    with step("hash", "Its SHA-256 is the payload hash."):
        require(payload is not None, "There is no payload to hash.", NOT_PROVEN)
        require(sha256(payload.encode()).hex() == at(b, "payloadHash"), "It is another one's.")
    with step("context", "Each context is in its one form, and was signed."):
        signed = list(signatures())
        require(b.get("contexts") is not None, "Who asked whom is not disclosed.", NOT_PROVEN)
        for text, s in zip(at(b, "contexts", list), signed, strict=True):
            said, hash_ = canonical(text), sha256(b"cosignet/context/v1\n", text.encode()).hex()
            found = [*said, said["purpose"], said["rpId"], said["origin"], s.named["contextHash"]]
            require(found == [*CONTEXT, PURPOSE[kind], s.rp_id, s.origin, hash_], "Another's.")
            enough = kind == "rejection" or at(said, "quorum", int) == len(signed)
            policy = b.get("policy") is not None and sha256(b["policy"].encode()).hex()
            require(enough and policy in (False, said["policy"]), "Too few, or another policy.")
    with step("challenge", "The 48 signed bytes are of this context and payload."):
        for s in signatures():
            hash_, found = bytes.fromhex(at(b, "payloadHash")), decode(at(s.said, "challenge"), URL)
            end = hash_ if kind == "approval" else sha256(b"cosignet/reject/v1\n", hash_)
            same = found.hex() == at(s.named, "contextHash")[:32] + end.hex() and len(found) == 48
            require(same and hash_.hex() == b["payloadHash"], "Something else was signed.")
    with step("client data", "A browser asked for it on the origin you expect."):
        for s in signatures():
            framed = s.said.get("crossOrigin", False) is not False or "topOrigin" in s.said
            require(at(s.said, "type") == "webauthn.get" and not framed, "It was asked otherwise.")
            require(at(s.said, "origin") == s.origin == (site or s.origin), "Another origin.")
        require(site, "WHERE: NOT PINNED. Name the origin of the site.", NOT_PROVEN)
    with step("flags", "The passkey is of that site; a person was verified."):
        for s in signatures():
            host, flags = (site or f"//{s.rp_id}").split("/")[2].split(":")[0], s.data[32]
            require(s.rp_id == host and s.data[:32] == sha256(host.encode()), "Another site's.")
            sound = flags & 0x27 == 0x05 and flags & 0x18 != 0x10 and len(s.data) >= 37
            require(sound and (len(s.data) > 37) == (flags & 0xC0 > 0), "Nobody was verified.")
    with step("signature", "The passkey's key signed exactly this."):
        for s in signatures():
            key = load_der_public_key(s.spki)
            cls, *how = COSE[at(s.one, "credential.algorithm", int)]
            require(isinstance(key, cls) and key.public_bytes(*DER) == s.spki, "Another's kind.")
            require(getattr(key, "curve", ec.SECP256R1()).name == "secp256r1", "Another curve.")
            key.verify(s.signature, s.data + sha256(s.client), *how)
    with step("credential", "That key is the one you trust."):
        for s in signatures():
            found = [at(s.one, f"rawAssertion.{name}") for name in ("id", "rawId")]
            require(found == [s.id, s.id], "The passkey has two ids.")
            for name, leaf in ABOUT_KEYS.items():
                if s.one.get(name) is not None:
                    check_inclusion(s.one[name])
                    said = check_commitment(s.one[name])
                    found = [said["kind"], said["credentialId"], said["credentialKeyHash"]]
                    timely = (at(said, "at") > s.at) == (name == "revocation")
                    require(timely and found == [leaf, s.id, s.hashes[0]], f"Another's {name}.")
            require(s.hashes[0] in (trust.keys or s.hashes), f"You did not name {s.hashes[0]}.")
        require(trust.keys, "WHO: NOT PROVEN. Name the keys of those whom you trust.", NOT_PROVEN)
    with step("opening", "The opening names this payload, context, key and signature."):
        said, id_ = opening_of(b), at(b, "evidenceId")
        require(said["kind"] == at(b, "kind") == kind, f"This is of no {kind}.")
        require(said.get("evidence", id_) == id_ and at(b, "version", int) == 1, "Another's.")
        bare = kind not in PURPOSE and [b.get("payloadHash"), b.get("signatures")] == [None, []]
        for s in () if bare else signatures():
            found = [said["payloadHash"], " ".join(s.named), *s.named.values()]
            names, hash_ = "contextHash credentialKeyHash assertionHash", at(b, "payloadHash")
            require(found == [hash_, names, s.named["contextHash"], *s.hashes], "It is of others.")
    with step("leaf", "The log's entry commits to this opening."):
        check_commitment(b)
    with step("inclusion", "The entry is in the tree of the signed head."):
        require(at(b, "state") in ("included", "witnessed", "anchored"), "It is not included yet.")
        check_inclusion(b)
    with step("checkpoint", "The log key that you trust signed that head."):
        keys, hashes = at(b, "log.vkeys", list), at(b, "inclusion.hashes", list)
        names = {head()[1], at(b, "log.origin"), *(key.split("+")[0] for key in keys)}
        require(len(names) == 1 and at(b, "log.vkey") == keys[-1], "It is of another log.")
        title = f"c2sp.org/tlog-proof@v1\nindex {at(b, 'entry.index', int)}"
        same = at(b, "tlogProof") == "\n".join([title, *hashes, "", b["checkpoint"]])
        require(same and at(b, "consistency", list) == [], "tlogProof says something else.")
        signers = {key for key in {*keys, *trust.vkeys} if has_signed(key)}
        require(signers & {*(trust.vkeys or keys)}, "No log key that you named has signed it.")
        require(trust.vkeys, "LOG KEY: NOT PINNED. Name the key of the log.", NOT_PROVEN)
    results += [(name, NOT_PROVEN, "None is checked here.") for name in ("witnesses", "anchor")]
    return results


def report(results, kind: str) -> int:  # what nobody signs needs the log's steps alone
    for number, (name, verdict, sentence) in enumerate(results, 1):
        print(f"{number:2} {verdict:10} {name + ':':12} {ascii(sentence)[1:-1]}")
    needed = [verdict for _, verdict, _ in results][3 if kind in PURPOSE else 8 : 12]
    return 1 if "FAIL" in (row[1] for row in results) else 3 if NOT_PROVEN in needed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check an evidence bundle against whom you trust.")
    parser.add_argument("bundle", type=Path)
    for option, into in (("--vkey", "vkeys"), ("--credential-key", "keys")):
        parser.add_argument(option, dest=into, action="append", default=[])
    for option, default in (("--origin", None), ("--payload", None), ("--kind", "approval")):
        parser.add_argument(option, default=default)
    asked = parser.parse_args()
    try:
        bundle = READ.decode(asked.bundle.read_bytes().decode())
        asked.payload = asked.payload and write(READ.decode(Path(asked.payload).read_text("utf-8")))
    except (OSError, RecursionError, ValueError, Short) as error:
        raise SystemExit(f"It cannot be read: {str(error)!a}") from None
    raise SystemExit(report(verify(bundle, asked), asked.kind))
