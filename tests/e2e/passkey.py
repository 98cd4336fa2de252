"""A virtual passkey in Chromium: real keys and real assertions, without dialogs."""

import base64
import itertools
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Page
from tests.people import Person

RP_ID = "localhost"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
    "defaultBackupEligibility": True,
    "defaultBackupState": True,
}
# Where the signature counter of a passkey stands when a page takes it in: higher each time.
COUNTS = itertools.count(step=1000)


class VirtualPasskey:
    """The authenticator of one page: its own keys, and no dialogs."""

    def __init__(self, page: Page, **options: bool | str) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable", {"enableUI": False})
        self._id = self._add(options)
        self._count = 0

    def hold(self, person: Person) -> None:
        """Take in the passkey a person registered over HTTP."""
        passkey = person.passkey
        self._count = next(COUNTS)
        private_key = passkey.private_key.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        credential = {
            "credentialId": _base64(passkey.credential_id),
            "isResidentCredential": True,
            "rpId": RP_ID,
            "privateKey": _base64(private_key),
            "userHandle": _base64(passkey.user_handle or b""),
            "signCount": self._count,
            "backupEligibility": passkey.backup_eligible,
            "backupState": passkey.backed_up,
        }
        self._send("addCredential", credential=credential)

    def forget(self) -> None:
        """Lose all keys."""
        self._send("clearCredentials")
        self._count = 0

    def verify_person(self, verified: bool) -> None:
        """Recognise the person from now on, or not: then the browser gives the prompt up."""
        self._send("setUserVerified", isUserVerified=verified)

    def replace(self, **options: bool | str) -> None:
        """Unplug it and plug in another, empty one."""
        self._send("removeVirtualAuthenticator")
        self._id = self._add(options)

    def override(self, **bits: bool) -> None:
        """Make its answers wrong: isBadUV, isBadUP, isBogusSignature."""
        self._send("setResponseOverrideBits", **bits)

    @property
    def credentials(self) -> list[dict[str, Any]]:
        """The keys it holds."""
        return self._send("getCredentials")["credentials"]

    @property
    def signatures(self) -> int:
        """How often its keys have signed."""
        return sum(credential["signCount"] for credential in self.credentials) - self._count

    def _add(self, options: dict[str, bool | str]) -> str:
        made = self._session.send(
            "WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR | options}
        )
        return made["authenticatorId"]

    def _send(self, command: str, **parameters: object) -> dict[str, Any]:
        return self._session.send(f"WebAuthn.{command}", {"authenticatorId": self._id} | parameters)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
