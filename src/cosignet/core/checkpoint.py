"""The log's head: its name, how many leaves, their root (c2sp.org/tlog-checkpoint).

A checkpoint that was signed is a note whose text is this. The proof that travels alone
(c2sp.org/tlog-proof) is such a note behind the hashes of an inclusion proof.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cosignet.core.log_errors import NoteMalformed
from cosignet.core.merkle import HASH_BYTES

LOG_PATH = "/public/log"
"""Where the log is read, below the public URL; its name ends with it, too."""
SIZE_MAX = 2**53 - 1
"""Every program counts that far."""
_PROOF_TITLE = "c2sp.org/tlog-proof@v1"
_TEXT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: which log, how many leaves, their root hash."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An inclusion proof that travels with the note it leads to."""

    index: int
    hashes: Sequence[bytes]
    note: str


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a note as a head; extension lines say nothing here.

    Raises:
        NoteMalformed: it is none.
    """
    match = _TEXT.fullmatch(text)
    if match is None or int(match[2]) > SIZE_MAX:
        raise NoteMalformed("not the text of a tree head")
    root = base64.b64decode(match[3])
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != match[3]:
        raise NoteMalformed("the root is not 32 bytes in base64")
    return Checkpoint(match[1], int(match[2]), root)


def format_tlog_proof(proof: TlogProof) -> str:
    """Write a proof that travels alone."""
    hashes = [base64.b64encode(one).decode() for one in proof.hashes]
    return "\n".join([_PROOF_TITLE, f"index {proof.index}", *hashes, "", proof.note])


def parse_tlog_proof(text: str) -> TlogProof:
    """Read a proof that travels alone; extra data in it is passed over.

    Raises:
        NoteMalformed: it is none.
    """
    head, blank, note = text.partition("\n\n")
    title, *lines = head.split("\n")
    if lines and lines[0].startswith("extra "):
        del lines[0]
    number = re.fullmatch("index (0|[1-9][0-9]{0,15})", lines[0] if lines else "")
    if title != _PROOF_TITLE or not blank or number is None:
        raise NoteMalformed("not a proof that travels alone")
    hashes = [_hash(line) for line in lines[1:]]
    return TlogProof(int(number[1]), hashes, note)


def _hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except ValueError:
        data = b""
    if len(data) != HASH_BYTES or base64.b64encode(data).decode() != line:
        raise NoteMalformed("a hash is not 32 bytes in base64")
    return data
