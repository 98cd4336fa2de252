"""The environment, read once, checked by name. Nothing else of the server reads it."""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cosignet.core.errors import SetupError

DEFAULT_PUBLIC_URL = "http://localhost:8000"
DEFAULT_DATA_DIR = "./cosignet-data"
SETTINGS = {
    "COSIGNET_PUBLIC_URL": "The URL people and programs reach this server at.",
    "COSIGNET_DATA_DIR": "Folder of the SQLite file and the generated keys.",
    "COSIGNET_DATABASE_URL": "sqlite:////absolute/path, sqlite:///relative/path or"
    " postgresql://user:password@host/database.",
    "COSIGNET_ENCRYPTION_KEY": "32 bytes in base64; seals what is stored and shown again.",
    "COSIGNET_LOG_KEY": "32 bytes in base64: the seed of the log's first signing key.",
    "COSIGNET_API_INVITES": "trusted or activate: what an invite made by an API key is worth.",
}
"""Every setting of the server, each also readable from a file named by `…_FILE`."""
CLIENT_SETTINGS = frozenset({"COSIGNET_API_KEY", "COSIGNET_BASE_URL", "COSIGNET_USER"})
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
API_INVITES = ("trusted", "activate")


@dataclass(frozen=True, slots=True)
class Config:
    """What the operator decided."""

    public_url: str
    rp_id: str
    data_dir: Path
    database_url: str = field(repr=False)
    """It may hold a password."""
    encryption_key: str | None = field(repr=False)
    """As given, in base64; None: the one in the data directory."""
    log_key: str | None = field(repr=False)
    """As given, in base64; None: made at the first start and kept sealed in the database."""
    trust_api_invites: bool

    @property
    def secure(self) -> bool:
        """Whether the public URL is https."""
        return self.public_url.startswith("https://")

    @property
    def port(self) -> int:
        """The port of the public URL."""
        return urlsplit(self.public_url).port or (443 if self.secure else 80)


def read_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration.

    Raises:
        SetupError: a name is unknown, a value is not usable, or a file cannot be read; the text
            names it and the cure.
    """
    values = _values(environ)
    public_url, rp_id = parse_public_url(values.get("COSIGNET_PUBLIC_URL", DEFAULT_PUBLIC_URL))
    data_dir = Path(values.get("COSIGNET_DATA_DIR", DEFAULT_DATA_DIR)).absolute()
    secure = public_url.startswith("https://")
    invites = values.get("COSIGNET_API_INVITES", "activate" if secure else "trusted")
    if invites not in API_INVITES:
        raise SetupError(f"COSIGNET_API_INVITES is {invites!r}; use one of {API_INVITES}.")
    return Config(
        public_url=public_url,
        rp_id=rp_id,
        data_dir=data_dir,
        database_url=values.get("COSIGNET_DATABASE_URL", f"sqlite:///{data_dir / 'cosignet.db'}"),
        encryption_key=values.get("COSIGNET_ENCRYPTION_KEY"),
        log_key=values.get("COSIGNET_LOG_KEY"),
        trust_api_invites=invites == "trusted",
    )


def parse_public_url(url: str) -> tuple[str, str]:
    """Return the origin (no slash at its end) and the RP ID of a public URL.

    Passkeys are bound to a host name for ever, and browsers offer them on https and on localhost
    only (WebAuthn L3, sections 5.1.2 and 13.4.9); so nothing else is accepted.

    Raises:
        SetupError: see above.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    extras = parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not host or extras or not url.isascii():
        raise SetupError(
            f"COSIGNET_PUBLIC_URL is {url!r}; use https://host or http://localhost:8000."
        )
    if not _HOST.fullmatch(host) and not _is_address(host):
        raise SetupError(f"COSIGNET_PUBLIC_URL names {host!r}, which is not a host name.")
    if _is_address(host) or host.rpartition(".")[2][0].isdigit():
        raise SetupError(
            f"COSIGNET_PUBLIC_URL names the address {host}; passkeys need a host name. "
            "Use localhost instead of 127.0.0.1."
        )
    if parts.scheme == "http" and host != "localhost":
        raise SetupError("COSIGNET_PUBLIC_URL must begin with https:// unless it is localhost.")
    try:
        port = parts.port
    except ValueError:
        raise SetupError("COSIGNET_PUBLIC_URL has a port that is no number.") from None
    if port == 0:
        raise SetupError("COSIGNET_PUBLIC_URL has the port 0.")
    standard = {"http": 80, "https": 443}[parts.scheme]
    suffix = "" if port in (None, standard) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}", host


def _values(environ: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in environ.items():
        if not name.startswith("COSIGNET_") or name in CLIENT_SETTINGS:
            continue
        setting = name.removesuffix("_FILE")
        if setting not in SETTINGS:
            raise SetupError(_unknown(name))
        if setting in values:
            raise SetupError(f"Set {setting} or {setting}_FILE, not both.")
        values[setting] = value if name == setting else _read(name, value)
    return values


def _read(name: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{name} names {path}, which cannot be read: {error}") from None


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*SETTINGS, *CLIENT_SETTINGS], n=1, cutoff=0)
    return f"{name} is not a setting. Did you mean {near[0]}?"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
