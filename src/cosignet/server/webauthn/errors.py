"""What was well formed and still refused: one class per check, each with its own code.

All but the key's shape are `CeremonyRefused`. Bytes that no browser or passkey would send have
their classes in `malformed`; both families are re-exported by the package.
"""

from cosignet.core.errors import CeremonyMalformed, CeremonyRefused

# Who signed.


class CredentialUnknown(CeremonyRefused, code="credential_unknown"):
    """This passkey is not registered here. Choose the passkey you registered."""


class CredentialRevoked(CeremonyRefused, code="credential_revoked"):
    """This passkey was revoked. Use another one of yours, or ask an admin to invite you again."""


class CredentialNotYours(CeremonyRefused, code="credential_not_yours"):
    """This passkey belongs to somebody other than the person who was asked. Let them decide."""


class CredentialIdForeign(CeremonyRefused, code="credential_id_foreign"):
    """The answer names another passkey than the one looked up. Start again on the page."""


class UserHandleMissing(CeremonyRefused, code="user_handle_missing"):
    """The passkey did not say whose it is. Choose it from the browser's list and try again."""


class UserHandleForeign(CeremonyRefused, code="user_handle_foreign"):
    """The passkey says it belongs to somebody else. Choose the passkey you registered."""


# What was signed, and where.


class CeremonyTypeWrong(CeremonyRefused, code="ceremony_type_wrong"):
    """The passkey answered another kind of prompt. Start again on the page."""


class ChallengeNotOurs(CeremonyRefused, code="challenge_not_ours"):
    """The passkey signed something else than what was asked. Open the page again."""


class OriginWrong(CeremonyRefused, code="origin_wrong"):
    """This was signed on another site. Open the link you were sent, and tell an admin."""


class CrossOriginTrue(CeremonyRefused, code="cross_origin"):
    """This was signed inside another site's frame. Open the page in a tab of its own."""


class TopOriginPresent(CeremonyRefused, code="top_origin"):
    """This was signed below another site's page. Open the page in a tab of its own."""


class TokenBindingPresent(CeremonyRefused, code="token_binding"):
    """The browser bound this to a connection that cannot be checked. Try another browser."""


# What the passkey says about it.


class RpIdHashWrong(CeremonyRefused, code="rp_id_hash_wrong"):
    """The passkey signed for another site. Open the link you were sent and try again."""


class UserNotPresent(CeremonyRefused, code="user_not_present"):
    """The passkey did not notice you there. Touch it when it asks, and try again."""


class UserNotVerified(CeremonyRefused, code="user_not_verified"):
    """The passkey did not check that it is you. Use one with fingerprint, face or PIN."""


class BackupStateWithoutEligibility(CeremonyRefused, code="backup_state_without_eligibility"):
    """The passkey says it is backed up and cannot be. Try another passkey."""


class BackupEligibilityChanged(CeremonyRefused, code="backup_eligibility_changed"):
    """The passkey differs from the one you registered in how it is kept. Ask an admin to look."""


class AlgorithmChanged(CeremonyRefused, code="algorithm_changed"):
    """The stored key is of another kind than was recorded. Ask an admin to look at the server."""


class SignatureWrong(CeremonyRefused, code="signature_wrong"):
    """The signature does not match. Nothing was signed; start again on the page."""


class SignCountBack(CeremonyRefused, code="sign_count_back"):
    """The passkey's counter went back, as a copy's would. Tell an admin before you go on."""


# What is registered.


class AttestationNotNone(CeremonyRefused, code="attestation_not_none"):
    """The passkey sent an attestation that was not asked for. Try another browser or passkey."""


class AttestedIdWrong(CeremonyRefused, code="attested_id_wrong"):
    """The new passkey's signed id is not the one announced. Register again from the start."""


class KeyAlgorithm(CeremonyRefused, code="key_algorithm"):
    """The new passkey's key is of a kind that was not offered. Try another passkey."""


class KeyTooSmall(CeremonyRefused, code="key_too_small"):
    """The new passkey's RSA key has fewer than 2048 bits. Try another passkey."""


class KeyTooLarge(CeremonyRefused, code="key_too_large"):
    """The new passkey's RSA key has more than 4096 bits. Try another passkey."""


class KeyExponent(CeremonyRefused, code="key_exponent"):
    """The new passkey's RSA key has an unusual exponent. Try another passkey."""


class KeyWeak(CeremonyRefused, code="key_weak"):
    """The new passkey's key is one that anybody could sign for. Try another passkey."""


class KeyNotOnCurve(CeremonyRefused, code="key_not_on_curve"):
    """The new passkey's key is not a point of its curve. Try another passkey."""


# Shapes of keys and signatures.


class KeyNotMap(CeremonyMalformed, code="key_not_map"):
    """The new passkey's key is not a map. Try another passkey."""


class KeyType(CeremonyMalformed, code="key_type"):
    """The new passkey's key type does not fit its algorithm. Try another passkey."""


class KeyParameters(CeremonyMalformed, code="key_parameters"):
    """The new passkey's key has parameters too many or too few. Try another passkey."""


class KeyCurve(CeremonyMalformed, code="key_curve"):
    """The new passkey's key is on a curve that does not fit its algorithm. Try another passkey."""


class KeyCoordinate(CeremonyMalformed, code="key_coordinate"):
    """A coordinate of the new passkey's key is not 32 bytes. Try another passkey."""


class KeyEncoding(CeremonyMalformed, code="key_encoding"):
    """The new passkey's key does not encode a point of its curve. Try another passkey."""


class KeyNumber(CeremonyMalformed, code="key_number"):
    """A number of the new passkey's key is not in its shortest form. Try another passkey."""


class SignatureMalformed(CeremonyMalformed, code="signature_malformed"):
    """The signature does not have the form its key demands. Start again on the page."""
