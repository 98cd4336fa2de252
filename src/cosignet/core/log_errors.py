"""What can be wrong with evidence: a proof, a signed head, a key.

Like those in `core/errors.py`: the docstring is the message and the cure.
"""

from cosignet.core.errors import InvalidInput


class EvidenceRefused(InvalidInput, code="evidence_refused"):
    """This does not prove what it should. Take the evidence from the log again, unchanged."""


class ProofWrong(EvidenceRefused, code="proof_wrong"):
    """The hashes do not lead to the signed root. Take the proof from the log again, unchanged."""


class NoteMalformed(EvidenceRefused, code="note_malformed"):
    """This is not a signed note in its one form. Take it verbatim, with its last line's end."""


class NoteUnsigned(EvidenceRefused, code="note_unsigned"):
    """No key that you trust has signed this note. Check the verifier key that you gave."""


class KeyMalformed(EvidenceRefused, code="key_malformed"):
    """This is not a verifier key. Write it as NAME+ID+KEY, as /public/log/key tells it."""
