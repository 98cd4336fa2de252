"""Signed notes: a text, a blank line, and lines that sign the text (c2sp.org/signed-note).

Ed25519 is not in the standard library, so whoever verifies brings the function that does it.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cosignet.core.log_errors import KeyMalformed, NoteMalformed, NoteUnsigned

ED25519 = 1
"""The signature type's byte."""
PUBLIC_KEY_BYTES = 32
KEY_ID_BYTES = 4
NOTE_BYTES_MAX = 64 * 1024
SIGNATURES_MAX = 64
_DASH = "— "
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")

CheckSignature: TypeAlias = Callable[[bytes, bytes, bytes], None]
"""Takes an Ed25519 public key, a signature and the message; raises ValueError if it is wrong."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key with the name under which it signs notes."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name ‖ 0A ‖ type ‖ public key)."""
        text = self.name.encode() + bytes([0x0A, ED25519]) + self.public_key
        return hashlib.sha256(text).digest()[:KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """The key as it is handed around: name, id in hex and key in base64, joined by `+`."""
        key = base64.b64encode(bytes([ED25519]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line of signature; what it means depends on the key."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line, with its end."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures; nothing is known of them before `verify_note`."""

    text: str
    signatures: Sequence[NoteSignature]


def parse_key(text: str) -> VerifierKey:
    """Read a verifier key.

    Raises:
        KeyMalformed: it is no Ed25519 key in its one spelling.
    """
    name, _, rest = text.partition("+")
    key = _base64(rest.partition("+")[2])
    if key is None or len(key) != 1 + PUBLIC_KEY_BYTES:
        raise KeyMalformed
    found = VerifierKey(name, key[1:])
    if not _NAME.fullmatch(name) or found.text != text:
        raise KeyMalformed
    return found


def format_note(text: str, signatures: Iterable[NoteSignature]) -> str:
    """Write a note; `text` ends with a new line."""
    return text + "\n" + "".join(signature.line for signature in signatures)


def parse_note(note: str) -> Note:
    """Read a note.

    Raises:
        NoteMalformed: it is none, or too large.
    """
    if len(note.encode("utf-8", "replace")) > NOTE_BYTES_MAX or _CONTROL.search(note):
        raise NoteMalformed
    head, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise NoteMalformed
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteMalformed
    return Note(head + "\n", [_signature(line) for line in lines])


def verify_note(
    note: Note, keys: Iterable[VerifierKey], check: CheckSignature
) -> Sequence[VerifierKey]:
    """Return those of the trusted keys that have signed a note, at least one.

    Lines of other keys say nothing and are passed over.

    Raises:
        NoteUnsigned: none of them has, or one of their lines is wrong.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: list[VerifierKey] = []
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None or key in found:
            continue
        try:
            check(key.public_key, line.signature, note.text.encode())
        except ValueError:
            raise NoteUnsigned(f"the signature of {key.name} is wrong") from None
        found.append(key)
    if not found:
        raise NoteUnsigned
    return found


def _signature(line: str) -> NoteSignature:
    name, _, text = line.removeprefix(_DASH).partition(" ")
    data = _base64(text)
    if not line.startswith(_DASH) or not _NAME.fullmatch(name):
        raise NoteMalformed
    if data is None or len(data) <= KEY_ID_BYTES:
        raise NoteMalformed
    return NoteSignature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _base64(text: str) -> bytes | None:
    """Read base64 in its one spelling (RFC 4648, section 4)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None
