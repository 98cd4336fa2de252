"""The outer object that registrations and assertions share (WebAuthn L3, section 5.1)."""

from cosignet.server.webauthn.encoding import as_object, bytes_member, text_member
from cosignet.server.webauthn.malformed import (
    CredentialIdLength,
    CredentialNotObject,
    ExtensionResultsNotObject,
    IdNotRawId,
    ResponseNotObject,
    TypeNotPublicKey,
)
from cosignet.server.webauthn.types import CREDENTIAL_ID_MAX


def members_of(value: object) -> dict[str, object]:
    """Return the members of a PublicKeyCredential's JSON.

    Raises:
        CredentialNotObject: it has none.
    """
    members = as_object(value)
    if members is None:
        raise CredentialNotObject
    return members


def parse_envelope(value: object) -> tuple[bytes, dict[str, object]]:
    """Return the credential id and the `response` object of a PublicKeyCredential's JSON.

    Raises:
        CeremonyMalformed: a subclass says what, its `field` says where.
    """
    members = members_of(value)
    kind = text_member(members, "type", "type")
    if kind != "public-key":
        raise TypeNotPublicKey(field="type")
    credential_id = bytes_member(members, "rawId", "rawId")
    # Each has one spelling: the same text is the same id.
    if members.get("id") != members["rawId"]:
        bytes_member(members, "id", "id")
        raise IdNotRawId(field="id")
    if not 1 <= len(credential_id) <= CREDENTIAL_ID_MAX:
        raise CredentialIdLength(field="id")
    if as_object(members.get("clientExtensionResults", {})) is None:
        raise ExtensionResultsNotObject(field="clientExtensionResults")
    response = as_object(members.get("response"))
    if response is None:
        raise ResponseNotObject(field="response")
    return credential_id, response
