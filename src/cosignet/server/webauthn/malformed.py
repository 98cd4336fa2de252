"""What is not well formed in a passkey's answer: one class per check, each with its own code.

All of these are `CeremonyMalformed`: the bytes could not have come from a browser and a passkey
that follow Web Authentication Level 3. What is well formed and still refused is in `errors`.
"""

from cosignet.core.errors import CeremonyMalformed

# The JSON that PublicKeyCredential.toJSON() gives.


class CredentialNotObject(CeremonyMalformed, code="credential_not_object"):
    """The passkey's answer is not a JSON object. Send what the browser's toJSON() gives."""


class ResponseNotObject(CeremonyMalformed, code="credential_response_not_object"):
    """The answer has no `response` object. Send what the browser's toJSON() gives."""


class MemberMissing(CeremonyMalformed, code="credential_member_missing"):
    """A required member of the answer is missing. Send what the browser's toJSON() gives."""


class MemberNotText(CeremonyMalformed, code="credential_member_not_text"):
    """A member of the answer is not a text. Send what the browser's toJSON() gives."""


class MemberTooLong(CeremonyMalformed, code="credential_member_too_long"):
    """A member of the answer is longer than any passkey makes it. Try another passkey."""


class TypeNotPublicKey(CeremonyMalformed, code="credential_type_wrong"):
    """The answer's type is not `public-key`. Answer with a passkey, not a password."""


class ExtensionResultsNotObject(CeremonyMalformed, code="extension_results_not_object"):
    """The answer's clientExtensionResults is not an object. Send {} if there are none."""


class TransportsMalformed(CeremonyMalformed, code="transports_malformed"):
    """The answer's transports are not a short list of texts. Leave them out if unknown."""


class IdNotRawId(CeremonyMalformed, code="id_not_raw_id"):
    """The answer's id and rawId differ. Send both exactly as the browser gave them."""


class CredentialIdLength(CeremonyMalformed, code="credential_id_length"):
    """The passkey's id is not 1 to 1023 bytes long. Try another passkey."""


class UserHandleLength(CeremonyMalformed, code="user_handle_length"):
    """The user handle is not 1 to 64 bytes long. Send it exactly as the browser gave it."""


# Base64url: every value has one spelling, or bytes could be changed without changing meaning.


class Base64Padded(CeremonyMalformed, code="base64url_padded"):
    """A member is padded with `=`. Use base64url without padding."""


class Base64Alphabet(CeremonyMalformed, code="base64url_alphabet"):
    """A member holds a character that base64url does not have. Use - and _, and no spaces."""


class Base64Length(CeremonyMalformed, code="base64url_length"):
    """A member ends in the middle of a byte. Send it complete."""


class Base64TrailingBits(CeremonyMalformed, code="base64url_trailing_bits"):
    """A member's last character carries bits that no byte uses. Encode it again from its bytes."""


# Client data: the JSON the browser writes and the passkey signs.


class ClientDataNotJson(CeremonyMalformed, code="client_data_not_json"):
    """The client data is not plain JSON. Send the browser's bytes as they are."""


class ClientDataNotUtf8(CeremonyMalformed, code="client_data_not_utf8"):
    """The client data is not valid UTF-8. Send the browser's bytes as they are."""


class ClientDataByteOrderMark(CeremonyMalformed, code="client_data_byte_order_mark"):
    """The client data starts with a byte order mark. Send the browser's bytes as they are."""


class ClientDataDuplicateKey(CeremonyMalformed, code="client_data_duplicate_key"):
    """The client data names a key twice, so two readers could differ. Try another browser."""


class ClientDataNotObject(CeremonyMalformed, code="client_data_not_object"):
    """The client data is not a JSON object. Send the browser's bytes as they are."""


class ClientDataMember(CeremonyMalformed, code="client_data_member"):
    """The client data lacks a text that must be there. Send the browser's bytes as they are."""


class CrossOriginNotBoolean(CeremonyMalformed, code="cross_origin_not_boolean"):
    """The client data's crossOrigin is neither true nor false. Try another browser."""


# Authenticator data: what the passkey writes and signs.


class AuthenticatorDataTooShort(CeremonyMalformed, code="authenticator_data_too_short"):
    """The authenticator data is shorter than 37 bytes. Send the passkey's bytes as they are."""


class AuthenticatorDataTrailing(CeremonyMalformed, code="authenticator_data_trailing"):
    """Bytes follow the end of the authenticator data. Send the passkey's bytes as they are."""


class ReservedFlags(CeremonyMalformed, code="reserved_flags"):
    """The passkey set a flag that has no meaning yet. Try another passkey."""


class AttestedDataInAssertion(CeremonyMalformed, code="attested_data_in_assertion"):
    """A signature came with a new passkey inside. Sign with the passkey you registered."""


class AttestedDataMissing(CeremonyMalformed, code="attested_data_missing"):
    """The answer holds no new passkey. Register again from the start."""


class AttestedDataTruncated(CeremonyMalformed, code="attested_data_truncated"):
    """The new passkey's data ends too early. Register again from the start."""


class AttestedIdLength(CeremonyMalformed, code="attested_id_length"):
    """The new passkey's signed id is not 1 to 1023 bytes long. Try another passkey."""


class ExtensionsNotMap(CeremonyMalformed, code="extensions_not_map"):
    """The passkey's extension data is not a map. Try another passkey."""


class ExtensionNameNotText(CeremonyMalformed, code="extension_name_not_text"):
    """An extension of the passkey has a name that is not a text. Try another passkey."""


# The attestation object.


class AttestationNotMap(CeremonyMalformed, code="attestation_not_map"):
    """The attestation object is not a map. Register again from the start."""


class AttestationMembers(CeremonyMalformed, code="attestation_members"):
    """The attestation object is not exactly fmt, attStmt and authData. Try another passkey."""


class AttestationDataNotBytes(CeremonyMalformed, code="attestation_data_not_bytes"):
    """The attestation object's authData is not a byte string. Try another passkey."""


class AttestationStatementNotEmpty(CeremonyMalformed, code="attestation_statement_not_empty"):
    """An attestation of format none carries a statement. Try another passkey."""


class AttestationTrailing(CeremonyMalformed, code="attestation_trailing"):
    """Bytes follow the end of the attestation object. Send the passkey's bytes as they are."""


# CBOR, in the form CTAP2 prescribes.


class CborTruncated(CeremonyMalformed, code="cbor_truncated"):
    """The passkey's data announces more than it holds. Send the passkey's bytes as they are."""


class CborIndefinite(CeremonyMalformed, code="cbor_indefinite"):
    """The passkey's data has a part without a stated length. Try another passkey."""


class CborNotShortest(CeremonyMalformed, code="cbor_not_shortest"):
    """The passkey's data spells a number longer than needed. Try another passkey."""


class CborTooDeep(CeremonyMalformed, code="cbor_too_deep"):
    """The passkey's data is nested deeper than four levels. Try another passkey."""


class CborTextNotUtf8(CeremonyMalformed, code="cbor_text_not_utf8"):
    """A text in the passkey's data is not valid UTF-8. Try another passkey."""


class CborKeyRefused(CeremonyMalformed, code="cbor_key_refused"):
    """A map in the passkey's data has a key that is no number or text. Try another passkey."""


class CborDuplicateKey(CeremonyMalformed, code="cbor_duplicate_key"):
    """A map in the passkey's data names a key twice. Try another passkey."""


class CborTypeRefused(CeremonyMalformed, code="cbor_type_refused"):
    """The passkey's data holds a kind of value that passkeys do not use. Try another passkey."""
