"""Which modules are changed, and which tests have to notice."""

from collections.abc import Sequence
from dataclasses import dataclass

CORE = ("tests/core/test_payload.py", "tests/core/test_challenge.py", "tests/test_vectors.py")
WEBAUTHN = ("tests/server/test_webauthn.py", "tests/server/test_webauthn_readers.py")
DECIDE = (
    "tests/server/test_confirmations.py",
    "tests/server/test_states.py",
    "tests/server/test_match_code.py",
    "tests/server/test_registration.py",
    "tests/server/test_roles.py",
    "tests/server/test_races.py",
    "tests/server/test_private.py",
    "tests/server/test_reasons.py",
    "tests/server/test_log_kinds.py",
    "tests/server/test_waiting.py",
    "tests/security/test_strangers.py",
)


@dataclass(frozen=True)
class Part:
    """A module and its tests, the quickest first."""

    module: str
    tests: Sequence[str]
    functions: Sequence[str] = ()
    """Only what is inside these; none: everything."""


def _webauthn(name: str) -> Part:
    return Part(f"server/webauthn/{name}.py", WEBAUTHN)


PARTS = {
    "payload": [Part("core/payload.py", CORE)],
    "challenge": [Part("core/challenge.py", CORE[1:])],
    "webauthn": [
        _webauthn(name)
        for name in (
            "assertion",
            "attestation",
            "authenticator_data",
            "cbor",
            "client_data",
            "encoding",
            "envelope",
            "keys",
            "options",
        )
    ],
    "decide": [
        Part("server/services/decide.py", DECIDE),
        Part(
            "server/store/confirmations.py",
            DECIDE,
            functions=("approve", "reject", "expire", "cancel", "_decide"),
        ),
        Part("server/store/match_codes.py", DECIDE[2:3]),
    ],
}
