"""Whose passkeys are believed: a file or an argument says it, or the first use does, loudly.

Without this a server could sign with a key of its own and call it the approver's.
"""

import fcntl
import json
import logging
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from cosignet.client.errors import EvidenceRefused, SetupIncomplete
from cosignet.client.evidence import Credential, Evidence
from cosignet.core.encoding import base64url

_log = logging.getLogger("cosignet")


class Trust(Protocol):
    """Who knows which passkeys are whose."""

    def verify_credential(self, evidence: Evidence) -> Credential:
        """Return the credential that signed, if it is its approver's.

        Raises:
            EvidenceRefused: it is not known to be.
        """
        ...


@dataclass(frozen=True)
class PinnedKeys:
    """Keys given by argument: username → DER SubjectPublicKeyInfo of each passkey, base64url."""

    keys: Mapping[str, Sequence[str]]

    def verify_credential(self, evidence: Evidence) -> Credential:
        """Believe the keys that were given, and no other."""
        if base64url(evidence.credential.key) not in self.keys.get(evidence.context.approver, ()):
            raise _foreign(evidence, "the keys that you gave")
        return evidence.credential


@dataclass(frozen=True)
class PinFile:
    """A file of pins, made at the first use; `first_use=False` demands that it is there already.

    `{"version": 1, "pins": [{"origin", "approver", "credential", "key"}]}`, `key` as above.
    """

    path: Path
    first_use: bool = True
    noted: list[str] = field(default_factory=list[str], repr=False)
    """What was believed for the first time, in words; for whoever shows it."""

    def verify_credential(self, evidence: Evidence) -> Credential:
        """Believe the approver's pinned keys; if there are none, pin this one and say so loudly."""
        with self._locked() as file:
            known = [pin for pin in _pins(file) if _is_of(pin, evidence)]
            if not known and self.first_use:
                self._write(file | {"pins": [*file["pins"], _pin(evidence)]})
                self._tell(evidence)
            elif base64url(evidence.credential.key) not in [pin.get("key") for pin in known]:
                raise _foreign(evidence, str(self.path))
        return evidence.credential

    def _tell(self, evidence: Evidence) -> None:
        words = (
            f"FIRST USE: from now on this passkey of {evidence.context.approver} at"
            f" {evidence.context.origin} is believed, and no other: {evidence.credential.id}."
            f" Compare it with the approver's own list; it is kept in {self.path}."
        )
        self.noted.append(words)
        _log.warning(words)

    @contextmanager
    def _locked(self) -> Generator[dict[str, Any]]:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.path.with_name(self.path.name + ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield self._read()
        except OSError as error:
            raise SetupIncomplete(f"{self.path} cannot be used: {error}") from None

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {"version": 1, "pins": []}
        try:
            file = json.loads(self.path.read_text("utf-8"))
            return file | {"pins": list(file["pins"])}
        except (ValueError, KeyError, TypeError):
            raise SetupIncomplete(f"{self.path} is no file of pins. Repair or remove it.") from None

    def _write(self, file: dict[str, Any]) -> None:
        """Write a file of pins anew; what else stands in it, as the keys of logs, is kept."""
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        fresh.write_text(json.dumps(file, indent=1) + "\n", "utf-8")
        fresh.replace(self.path)


def _pins(file: dict[str, Any]) -> list[dict[str, Any]]:
    return [pin for pin in cast("list[Any]", file["pins"]) if isinstance(pin, dict)]


def _is_of(pin: dict[str, Any], evidence: Evidence) -> bool:
    context = evidence.context
    return (pin.get("origin"), pin.get("approver")) == (context.origin, context.approver)


def _pin(evidence: Evidence) -> dict[str, Any]:
    return {
        "origin": evidence.context.origin,
        "approver": evidence.context.approver,
        "credential": evidence.credential.id,
        "key": base64url(evidence.credential.key),
    }


def _foreign(evidence: Evidence, where: str) -> EvidenceRefused:
    return EvidenceRefused(
        "credential_not_pinned",
        f"the passkey {evidence.credential.id} is not among those of"
        f" {evidence.context.approver} in {where}. If they have a new one, ask them, and add:"
        f" {json.dumps(_pin(evidence))}",
    )
