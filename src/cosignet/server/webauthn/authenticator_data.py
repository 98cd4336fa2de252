"""authenticatorData: the bytes a passkey writes and signs (WebAuthn L3, section 6.1)."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from cosignet.server.webauthn.cbor import read_cbor
from cosignet.server.webauthn.errors import (
    BackupStateWithoutEligibility,
    RpIdHashWrong,
    UserNotPresent,
    UserNotVerified,
)
from cosignet.server.webauthn.malformed import (
    AttestedDataTruncated,
    AttestedIdLength,
    AuthenticatorDataTooShort,
    AuthenticatorDataTrailing,
    ExtensionNameNotText,
    ExtensionsNotMap,
    ReservedFlags,
)
from cosignet.server.webauthn.types import CREDENTIAL_ID_MAX

USER_PRESENT = 0x01
USER_VERIFIED = 0x04
BACKUP_ELIGIBLE = 0x08
BACKED_UP = 0x10
ATTESTED_DATA = 0x40
EXTENSION_DATA = 0x80
_RESERVED = 0x02 | 0x20

_HEADER_BYTES = 37
_ATTESTED_HEADER_BYTES = 18


@dataclass(frozen=True, slots=True)
class AttestedCredential:
    """A new passkey inside authenticator data; `public_key` is the COSE key, verbatim."""

    aaguid: bytes
    id: bytes
    public_key: bytes


class AuthenticatorData(NamedTuple):
    """Authenticator data taken apart; extensions were read, and are not used."""

    rp_id_hash: bytes
    flags: int
    sign_count: int
    attested: AttestedCredential | None

    @property
    def backup_eligible(self) -> bool:
        """Whether the passkey can ever leave its device (BE)."""
        return bool(self.flags & BACKUP_ELIGIBLE)

    @property
    def backed_up(self) -> bool:
        """Whether it has left it, as of now (BS)."""
        return bool(self.flags & BACKED_UP)


def parse_authenticator_data(data: bytes) -> AuthenticatorData:
    """Take authenticator data apart, to the last byte.

    Raises:
        CeremonyMalformed: a subclass says what is wrong with the layout.
    """
    if len(data) < _HEADER_BYTES:
        raise AuthenticatorDataTooShort
    flags = data[32]
    if flags & _RESERVED:
        raise ReservedFlags
    attested, offset = None, _HEADER_BYTES
    if flags & ATTESTED_DATA:
        attested, offset = _read_attested(data, offset)
    if flags & EXTENSION_DATA:
        offset = _skip_extensions(data, offset)
    if offset != len(data):
        raise AuthenticatorDataTrailing
    return AuthenticatorData(data[:32], flags, int.from_bytes(data[33:37], "big"), attested)


def verify_flags(data: AuthenticatorData, *, expected_rp_id: str) -> None:
    """Check what every ceremony demands (WebAuthn L3, sections 7.1 and 7.2).

    1. Made for our relying party id. 2. User present. 3. User verified. 4. Backed up only if
    it can be.

    Raises:
        CeremonyRefused: a subclass names the check.
    """
    # 1.
    if data.rp_id_hash != hashlib.sha256(expected_rp_id.encode()).digest():
        raise RpIdHashWrong
    # 2.
    if not data.flags & USER_PRESENT:
        raise UserNotPresent
    # 3.
    if not data.flags & USER_VERIFIED:
        raise UserNotVerified
    # 4.
    if data.backed_up and not data.backup_eligible:
        raise BackupStateWithoutEligibility


def _read_attested(data: bytes, offset: int) -> tuple[AttestedCredential, int]:
    id_start = offset + _ATTESTED_HEADER_BYTES
    id_length = int.from_bytes(data[id_start - 2 : id_start], "big")
    key_start = id_start + id_length
    # Also true where the length itself is cut off: a key must follow in any case.
    if key_start >= len(data):
        raise AttestedDataTruncated
    if not 1 <= id_length <= CREDENTIAL_ID_MAX:
        raise AttestedIdLength
    _, end = read_cbor(data, key_start)
    aaguid = data[offset : id_start - 2]
    return AttestedCredential(aaguid, data[id_start:key_start], data[key_start:end]), end


def _skip_extensions(data: bytes, offset: int) -> int:
    extensions, end = read_cbor(data, offset)
    if not isinstance(extensions, dict):
        raise ExtensionsNotMap
    if not all(isinstance(name, str) for name in extensions):
        raise ExtensionNameNotText
    return end
