"""The environment of programs that ask; nothing else of the customer's side reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cosignet.core.errors import SetupError

DEFAULT_BASE_URL = "http://localhost:8000"


@dataclass(frozen=True, slots=True)
class Access:
    """Which server, and with which key."""

    base_url: str
    key: str = field(repr=False)


def read_access(environ: Mapping[str, str] = os.environ) -> Access:
    """Read COSIGNET_BASE_URL and COSIGNET_API_KEY.

    Raises:
        SetupError: there is no key.
    """
    key = environ.get("COSIGNET_API_KEY", "")
    if not key:
        raise SetupError("Set COSIGNET_API_KEY to a key of scope confirmations:read.")
    return Access(read_base_url(environ), key)


def read_base_url(environ: Mapping[str, str] = os.environ) -> str:
    """Read COSIGNET_BASE_URL: where the server is."""
    return environ.get("COSIGNET_BASE_URL", DEFAULT_BASE_URL).rstrip("/")
