"""One class per refusal: a stable code; the docstring is the message.

The first sentence of a docstring says what happened, the rest is the cure. Both are words for
people and reach them as the `title` and `cure` of an RFC 9457 problem document. How a family
maps to an HTTP status is known by `server/web/errors.py` alone.
"""

import inspect
from typing import ClassVar


class Refusal(Exception):
    """Cosignet refused this. Nothing was approved."""

    code: ClassVar[str] = "refused"

    def __init_subclass__(cls, *, code: str | None = None) -> None:
        super().__init_subclass__()
        if code is not None:
            cls.code = code

    def __init__(self, detail: str = "", *, field: str | None = None, **members: object) -> None:
        """Say which `field` (a path such as `payload.amount`) and what about it, if that helps.

        `members` travel as extension members of the problem document (RFC 9457, section 3.2).
        """
        super().__init__(detail or self.title())
        self.detail = detail
        self.field = field
        self.members = members

    @classmethod
    def title(cls) -> str:
        """Return what happened: the first sentence of the class's docstring."""
        return _sentences(cls)[0]

    @classmethod
    def cure(cls) -> str:
        """Return what to do about it: the rest of the docstring, may be empty."""
        return _sentences(cls)[1]


def _sentences(cls: type) -> tuple[str, str]:
    words = " ".join(inspect.cleandoc(cls.__doc__ or cls.__name__).split())
    first, _, rest = words.partition(". ")
    return (first.rstrip(".") + ".", rest)


# Families. Each maps to one HTTP status; a refusal below belongs to exactly one of them.


class InvalidInput(Refusal, code="invalid"):
    """What you sent is not valid. Correct the named field and send it again."""


class PayloadRefused(InvalidInput, code="payload_refused"):
    """The payload could be read differently by another program. Send plain, unambiguous JSON."""


class Unauthenticated(Refusal, code="unauthenticated"):
    """No valid API key came with this. Send your key in the X-Api-Key header."""


class Forbidden(Refusal, code="forbidden"):
    """You may not do this. Ask an owner of your organisation."""


class NotFound(Refusal, code="not_found"):
    """Nothing is here under that name. Check the address, or the id in it."""


class Conflict(Refusal, code="conflict"):
    """The state this needs is gone. Read it again before you go on."""


class TooLarge(Refusal, code="body_too_large"):
    """The body is too large. Send references instead of content."""


class Limited(Refusal, code="limited"):
    """That was too much at once. Wait as long as Retry-After says."""


class Unavailable(Refusal, code="unavailable"):
    """The state cannot be proven right now. Take nothing for approved; try again shortly."""


class CeremonyRefused(Refusal, code="ceremony_refused"):
    """The passkey's answer was not accepted. Nothing was signed; start again on the page."""


class CeremonyMalformed(InvalidInput, code="ceremony_malformed"):
    """The passkey's answer is not well formed. Send what the browser's toJSON() gives."""


# Bodies and fields.


class BodyNotJson(InvalidInput, code="body_not_json"):
    """The body is not JSON. Send one JSON object in UTF-8, as application/json."""


class BodyNotObject(InvalidInput, code="body_not_object"):
    """The body is not a JSON object. Wrap the fields in { }."""


class FieldMissing(InvalidInput, code="field_missing"):
    """A required field is missing. Add the named field."""


class FieldUnknown(InvalidInput, code="field_unknown"):
    """That field is not known here. Leave it out, or check its spelling."""


class FieldInvalid(InvalidInput, code="field_invalid"):
    """A field's value is not accepted. Correct the named field."""


class NotSupported(InvalidInput, code="not_supported"):
    """This server cannot do that yet, and never does less than you ask. Ask without it."""


class ApproverUnknown(InvalidInput, code="approver_unknown"):
    """No approver of that name can decide here. Check `username`, or invite the person first."""


# Payload (contract: what a reader in another language could see differently).


class PayloadNotObject(PayloadRefused, code="payload_not_object"):
    """The payload is not a JSON object. Wrap it: {"value": …}."""


class PayloadNotUtf8(PayloadRefused, code="payload_not_utf8"):
    """The bytes are not valid UTF-8. Encode the JSON as UTF-8."""


class PayloadByteOrderMark(PayloadRefused, code="payload_byte_order_mark"):
    """The JSON starts with a byte order mark. Send UTF-8 without it."""


class PayloadDuplicateKey(PayloadRefused, code="payload_duplicate_key"):
    """An object names the same key twice. Keep one of them."""


class PayloadLoneSurrogate(PayloadRefused, code="payload_lone_surrogate"):
    """A text holds half of a surrogate pair. Send whole Unicode characters."""


class PayloadNotANumber(PayloadRefused, code="payload_not_a_number"):
    """NaN and Infinity are not JSON. Send it as a string, or null."""


class PayloadNumberTooLarge(PayloadRefused, code="payload_number_too_large"):
    """A number is beyond ±(2^53 − 1), where programs round differently. Send it as a string."""


class PayloadNumberInexact(PayloadRefused, code="payload_number_inexact"):
    """A number has more digits than a program keeps. Send it as a string."""


class PayloadNumberTooLong(PayloadRefused, code="payload_number_too_long"):
    """A number's spelling is too long to be read safely. Send it as a string."""


class PayloadTooDeep(PayloadRefused, code="payload_too_deep"):
    """The payload is nested deeper than 64 levels. Flatten it."""


class PayloadTooManyValues(PayloadRefused, code="payload_too_many_values"):
    """The payload holds more than 500 values. Send a reference and its hash instead."""


class PayloadTooLarge(PayloadRefused, code="payload_too_large"):
    """The payload is larger than 64 KiB. Send a reference and its hash instead."""


# Context and bytes that are signed.


class ContextMalformed(InvalidInput, code="context_malformed"):
    """The context is not in its one canonical form. Take it verbatim from the server's answer."""


class OpeningMalformed(InvalidInput, code="opening_malformed"):
    """The log entry or its opening is not in its one canonical form. Take it verbatim."""


# Who may.


class ScopeMissing(Forbidden, code="scope_missing"):
    """Your API key lacks the scope for this. Ask the operator for a key that has it (--scope)."""


class KeyInQuery(Unauthenticated, code="key_in_query"):
    """API keys are never read from a URL. Send it in the X-Api-Key header, and replace this one."""


class CrossSite(Forbidden, code="cross_site"):
    """This came from another site's page. Open the page here and try again."""


class PageTokenMissing(Forbidden, code="page_token_missing"):
    """This did not come from the page you have open. Open the link again and try once more."""


class ApproverNotActivated(Forbidden, code="approver_not_activated"):
    """You are registered but not activated. Ask an owner of your organisation to activate you."""


class ApproverRevoked(Forbidden, code="approver_revoked"):
    """This approver was revoked and decides nothing any more. Ask somebody else."""


class NotTheCreator(Forbidden, code="not_the_creator"):
    """Another API key asked for this. Use the key that created the confirmation."""


# Invites and keys.


class InviteUnusable(Forbidden, code="invite_unusable"):
    """This invite is not known. Ask for a new one."""


class InviteUsed(InviteUnusable, code="invite_used"):
    """This invite has been used. Ask for a new one."""


class InviteExpired(InviteUnusable, code="invite_expired"):
    """This invite has expired. Ask for a new one."""


class InviteRevoked(InviteUnusable, code="invite_revoked"):
    """This invite was revoked. Ask whoever sent it for a new one."""


class InvitePinned(InviteUnusable, code="invite_pinned"):
    """This invite is for another username. Use the name you were invited under."""


class UsernameTaken(Conflict, code="username_taken"):
    """That username is taken. Choose another one, or ask for a re-invite of your own name."""


class ReinviteForbidden(Forbidden, code="reinvite_forbidden"):
    """An API key cannot invite an existing name. Use `cosignet invite create --username NAME`."""


class CredentialTaken(Conflict, code="credential_taken"):
    """This passkey is registered already. Use another passkey."""


class CeremonyGone(Conflict, code="ceremony_gone"):
    """This passkey prompt is no longer open. Start again on the page."""


# States of a confirmation.


class AlreadyDecided(Conflict, code="already_decided"):
    """The confirmation has been decided or has expired. Nothing was changed."""


class AlreadyConsumed(Conflict, code="already_consumed"):
    """This approval has been used by another run. Ask for a new one; do not run it again."""


class NotApproved(Conflict, code="not_approved"):
    """The confirmation is not approved. Do not run the action."""


class NotConsumed(Conflict, code="not_consumed"):
    """An outcome needs a consumed approval. Consume it before you run the action."""


class OutcomeRecorded(Conflict, code="outcome_recorded"):
    """The outcome has been recorded already. It cannot be changed."""


# The installation.


class SetupError(Refusal, code="setup"):
    """The server cannot start like this. Follow the cure and start it again."""
