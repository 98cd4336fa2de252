"""What the doctor finds."""

from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

Result: TypeAlias = Literal["OK", "WARN", "FAIL"]

UNKNOWN_ADDRESSES = (
    "COSIGNET_TRUSTED_PROXIES is not set: behind a proxy nobody is limited by their address"
)
PRIVATE_WEBHOOKS = (
    "COSIGNET_ALLOW_PRIVATE_WEBHOOKS=yes: webhooks may lead to this machine and its network"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what to do about it."""

    check: str
    result: Result
    what: str
    cure: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it for programs."""
        return asdict(self)


def ok(check: str, what: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(check, "OK", what)


def warn(check: str, what: str, cure: str) -> Finding:
    """Say that something works, and may not be meant."""
    return Finding(check, "WARN", what, cure)


def fail(check: str, what: str, cure: str = "") -> Finding:
    """Say that something does not work, or is not safe."""
    return Finding(check, "FAIL", what, cure)
