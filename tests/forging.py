"""A log whose key a test holds: it makes what a server in bad hands could make.

The tree is hashed as RFC 6962, section 2.1, writes it down, by nothing of ours.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.authenticator import ES256, Authenticator, base64url, unbase64url
from tests.bundles import edited
from tests.people import JSON


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def text_of(value: JSON) -> str:
    """Return canonical JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def entry_of(opening: str) -> bytes:
    """Return an entry that commits to an opening."""
    commitment = base64url(sha256(opening.encode()))
    return text_of({"v": 1, "t": 0, "c": commitment, "o": "AAAAAAAAAAAAAAAAAAAAAA"}).encode()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the hash of a tree (RFC 6962, section 2.1)."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1", root_of(hashes[:split]), root_of(hashes[split:]))


def path_to(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """Return the audit path of a leaf (RFC 6962, section 2.1.1)."""
    if len(hashes) == 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = hashes[:split], hashes[split:]
    if index < split:
        return [*path_to(index, left), root_of(right)]
    return [*path_to(index - split, right), root_of(left)]


@dataclass
class Log:
    """A log of some entries, with their openings."""

    name: str
    openings: list[str]
    entries: list[bytes] = field(default_factory=list[bytes])
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        if not self.entries:
            self.entries = [entry_of(opening) for opening in self.openings]

    @property
    def vkey(self) -> str:
        """Its verifier key (c2sp.org/signed-note)."""
        return f"{self.name}+{self._key_id.hex()}+{base64_text(self._typed_key)}"

    @property
    def hashes(self) -> list[bytes]:
        """Its leaves."""
        return [sha256(b"\0", entry) for entry in self.entries]

    @property
    def note(self) -> str:
        """Its signed head."""
        text = f"{self.name}\n{len(self.entries)}\n{base64_text(root_of(self.hashes))}\n"
        line = base64_text(self._key_id + self.key.sign(text.encode()))
        return f"{text}\n— {self.name} {line}\n"

    def cosigned(self, note: str) -> str:
        """Return the line with which its key signs another one's head."""
        text = note[: note.index("\n\n") + 1]
        return f"— {self.name} {base64_text(self._key_id + self.key.sign(text.encode()))}\n"

    def placed(self, index: int) -> JSON:
        """Return an entry, its opening, and the proof that it is in the head."""
        entry = self.entries[index]
        path = [base64_text(one) for one in path_to(index, self.hashes)]
        return {
            "entry": {
                "index": index,
                "leaf": base64_text(entry),
                "leafHash": base64_text(sha256(b"\0", entry)),
            },
            "opening": self.openings[index],
            "inclusion": {"treeSize": len(self.entries), "hashes": path},
        }

    def bundle(self, bundle: JSON, index: int) -> JSON:
        """Return a bundle as of this log, where its leaf stands at `index`."""
        placed = self.placed(index)
        hashes = placed["inclusion"]["hashes"]
        title = f"c2sp.org/tlog-proof@v1\nindex {index}"
        own = {
            "log": {"origin": self.name, "vkey": self.vkey, "vkeys": [self.vkey]},
            "checkpoint": self.note,
            "tlogProof": "\n".join([title, *hashes, "", self.note]),
        }
        return bundle | placed | own

    @property
    def _typed_key(self) -> bytes:
        return b"\1" + self.key.public_key().public_bytes_raw()

    @property
    def _key_id(self) -> bytes:
        return sha256(self.name.encode(), b"\n", self._typed_key)[:4]


def relogged(bundle: JSON, opening: JSON | None = None, *others: JSON) -> JSON:
    """Return a decision's bundle as of a log with its enrolment, itself, and other leaves.

    What the opening says may be something else; what stands in `others` follows.
    """
    [signature] = bundle["signatures"]
    enrolment = signature["enrolment"]
    own = bundle["opening"] if opening is None else text_of(opening)
    kept = enrolment["entry"]["leaf"], bundle["entry"]["leaf"]
    entries = [base64.b64decode(one) for one in kept]
    if opening is not None:
        entries[1] = entry_of(own)
    told = [text_of(one) for one in others]
    log = Log(
        bundle["log"]["origin"],
        [enrolment["opening"], own, *told],
        [*entries, *map(entry_of, told)],
    )
    moved = edited(bundle, ("signatures", 0, "enrolment"), log.placed(0))
    if others:
        moved = edited(moved, ("signatures", 0, "revocation"), log.placed(2))
    return log.bundle(moved, 1)


def made_to_fit(bundle: JSON, *, flags: int | None = None, **said: Any) -> JSON:
    """Return a decision's bundle whose log key and passkey are made up, and fit everything.

    What was signed may have other flags, and client data that says something else.
    """
    passkey = Authenticator(algorithm=ES256)
    [signature] = bundle["signatures"]
    response = signature["rawAssertion"]["response"]
    parts = {name: unbase64url(value) for name, value in response.items()}
    data = parts["authenticatorData"]
    if flags is not None:
        data = data[:32] + bytes([flags]) + data[33:]
    client = text_of(json.loads(parts["clientDataJSON"]) | said).encode()
    signed = passkey.sign_bytes(data + sha256(client))
    opening: JSON = json.loads(bundle["opening"])
    opening["signatures"][0] |= {
        "credentialKeyHash": sha256(passkey.spki).hex(),
        "assertionHash": sha256(sha256(client), sha256(data), sha256(signed)).hex(),
    }
    changes: list[tuple[tuple[Any, ...], Any]] = [
        (("enrolment",), None),
        (("credential", "algorithm"), ES256),
        (("credential", "publicKeySpki"), base64url(passkey.spki)),
        (("rawAssertion", "response", "clientDataJSON"), base64url(client)),
        (("rawAssertion", "response", "authenticatorData"), base64url(data)),
        (("rawAssertion", "response", "signature"), base64url(signed)),
    ]
    forged = bundle
    for path, item in changes:
        forged = edited(forged, ("signatures", 0, *path), item)
    return Log(bundle["log"]["origin"], [text_of(opening)]).bundle(forged, 0)
