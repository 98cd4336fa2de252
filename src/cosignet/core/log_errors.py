"""What can be wrong with evidence (a proof, a signed head, a key), and with the log.

Like those in `core/errors.py`: the docstring is the message and the cure.
"""

from cosignet.core.errors import InvalidInput, NotFound, Unavailable


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


class LogRefuses(Unavailable, code="log_refuses"):
    """The log does not go on here. Decisions are kept; the operator reads why in its logs."""


class LogFull(Unavailable, code="log_full"):
    """Too many entries wait for the log. Take nothing for approved; the operator sees to it."""


class DiskLow(Unavailable, code="disk_low"):
    """The disk is almost full. Take nothing for approved; the operator makes room."""


class NotLogged(NotFound, code="not_logged"):
    """The log has no entry under that name. Check the id; what nobody signed leaves no entry."""


class BeyondTheLog(NotFound, code="beyond_the_log"):
    """The log is not that large yet. Ask for a size up to that of its newest head."""


class LogStalled(Unavailable, code="log_stalled"):
    """Entries wait for the log, and nobody publishes them. The operator reads why in the logs."""
