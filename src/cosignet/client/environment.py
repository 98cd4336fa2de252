"""The client's settings from the environment; nothing else of the client reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cosignet.client.errors import SetupIncomplete

DEFAULT_BASE_URL = "http://localhost:8000"
SETTINGS = {
    "COSIGNET_API_KEY": "The API key.",
    "COSIGNET_BASE_URL": f"Where the server is; {DEFAULT_BASE_URL} if not set.",
    "COSIGNET_USER": "Who decides, where a call does not say.",
    "COSIGNET_PINS": "File of the passkeys that are believed; pins.json in the user's"
    " configuration folder if not set.",
    "COSIGNET_LOG_VKEY": "Verifier key of the log; several with spaces between. Where it is set, an"
    " approval has to be in that log.",
}
"""Every setting of the client. The key can also be in a file, named by COSIGNET_API_KEY_FILE."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says."""

    api_key: str = field(repr=False)
    base_url: str
    user: str | None
    pins: Path
    log_keys: list[str]
    unattended: bool
    """Whether nobody looks at the terminal and no state is kept: a CI job (`CI` is set)."""


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; a missing key is an empty one.

    Raises:
        SetupIncomplete: the file of the key cannot be read.
    """
    config = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "."), ".config")
    return Settings(
        api_key=environ.get("COSIGNET_API_KEY") or _from_file(environ.get("COSIGNET_API_KEY_FILE")),
        base_url=read_base_url(environ),
        user=environ.get("COSIGNET_USER") or None,
        pins=Path(environ.get("COSIGNET_PINS") or Path(config, "cosignet", "pins.json")),
        log_keys=environ.get("COSIGNET_LOG_VKEY", "").split(),
        unattended=environ.get("CI", "").lower() not in ("", "0", "false"),
    )


def variables(names: list[str], environ: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """Return the named variables, None for one that is not set."""
    return {name: environ.get(name) for name in names}


def without_ours(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for a program that is not trusted with the client's settings."""
    return {name: value for name, value in environ.items() if not name.startswith("COSIGNET_")}


def _from_file(path: str | None) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupIncomplete(f"COSIGNET_API_KEY_FILE cannot be read: {error}") from None


def read_base_url(environ: Mapping[str, str] = os.environ) -> str:
    """Read COSIGNET_BASE_URL: where the server is."""
    return (environ.get("COSIGNET_BASE_URL") or DEFAULT_BASE_URL).rstrip("/")
