"""The environment, read once, checked by name. Nothing else of the server reads it."""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from cosignet.core.address import Network, parse_networks
from cosignet.core.errors import SetupError
from cosignet.core.limits import Limits, parse_limits
from cosignet.server.logs import LogFormat, LogLevel

DEFAULT_PUBLIC_URL = "http://localhost:8000"
DEFAULT_DATA_DIR = "./cosignet-data"
SETTINGS = {
    "COSIGNET_PUBLIC_URL": "The URL people and programs reach this server at.",
    "COSIGNET_DATA_DIR": "Folder of the SQLite file and the generated keys.",
    "COSIGNET_DATABASE_URL": "sqlite:////absolute/path, sqlite:///relative/path or"
    " postgresql://user:password@host/database.",
    "COSIGNET_ENCRYPTION_KEY": "32 bytes in base64; seals what is stored and shown again.",
    "COSIGNET_LOG_KEY": "32 bytes in base64: the log's first signing key.",
    "COSIGNET_LOG_FORMAT": "text or json: how a line of the log is written.",
    "COSIGNET_LOG_LEVEL": "debug, info, warning or error: the least that is logged.",
    "COSIGNET_METRICS_TOKEN": "16 characters or more; who sends it as a bearer reads /metrics.",
    "COSIGNET_TRUSTED_PROXIES": "Addresses or networks (CIDR) of your proxies, separated by commas:"
    " what they forward says from where a request comes.",
    "COSIGNET_LIMITS": "Limits that shall be others, such as"
    " `pending_per_approver=200 creations_per_key=100/60`.",
    "COSIGNET_API_INVITES": "trusted or activate: what an invite made by an API key is worth.",
    "COSIGNET_ALLOW_PRIVATE_WEBHOOKS": "yes or no: whether webhooks may lead to this machine and"
    " its network, by http, too; for development.",
}
"""Every setting of the server, each also readable from a file named by `…_FILE`."""
CLIENT_SETTINGS = frozenset(
    {"COSIGNET_API_KEY", "COSIGNET_API_KEY_FILE", "COSIGNET_BASE_URL", "COSIGNET_USER"}
    | {"COSIGNET_PINS", "COSIGNET_LOG_VKEY"}
)
"""Names of `client/environment.py`, and of the recipes; a test holds them together."""
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
API_INVITES = ("trusted", "activate")
METRICS_TOKEN_CHARACTERS_MIN = 16
COLLECTORS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
YES_OR_NO = ("yes", "no")


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
    allow_private_webhooks: bool
    trusted_proxies: tuple[Network, ...]
    limits: Limits
    log_format: LogFormat = "text"
    log_level: LogLevel = "warning"
    metrics_token: str | None = field(default=None, repr=False)
    """None: nobody reads metrics."""
    traces: bool = False
    """Whether OTEL_* name a collector; OpenTelemetry reads the rest of them itself."""

    @property
    def secure(self) -> bool:
        """Whether the public URL is https."""
        return self.public_url.startswith("https://")

    @property
    def knows_addresses(self) -> bool:
        """Whether clients are told apart: on https there is a proxy, and every address is its."""
        return not self.secure or bool(self.trusted_proxies)

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
    default = "activate" if secure else "trusted"
    invites = _one_of(API_INVITES, values, "COSIGNET_API_INVITES", default)
    return Config(
        public_url=public_url,
        rp_id=rp_id,
        data_dir=data_dir,
        database_url=values.get("COSIGNET_DATABASE_URL", f"sqlite:///{data_dir / 'cosignet.db'}"),
        encryption_key=values.get("COSIGNET_ENCRYPTION_KEY"),
        log_key=values.get("COSIGNET_LOG_KEY"),
        trust_api_invites=invites == "trusted",
        allow_private_webhooks=_one_of(YES_OR_NO, values, "COSIGNET_ALLOW_PRIVATE_WEBHOOKS", "no")
        == "yes",
        log_format=_one_of(get_args(LogFormat), values, "COSIGNET_LOG_FORMAT", "text"),
        log_level=_one_of(get_args(LogLevel), values, "COSIGNET_LOG_LEVEL", "warning"),
        metrics_token=_token(values.get("COSIGNET_METRICS_TOKEN")),
        trusted_proxies=_proxies(values.get("COSIGNET_TRUSTED_PROXIES", "")),
        limits=parse_limits(values.get("COSIGNET_LIMITS", "")),
        traces=_traces(environ),
    )


def _traces(environ: Mapping[str, str]) -> bool:
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporter = environ.get("OTEL_TRACES_EXPORTER", "otlp")
    return any(map(environ.get, COLLECTORS)) and exporter == "otlp" and not off


def _one_of(choices: tuple[Any, ...], values: Mapping[str, str], name: str, default: str) -> Any:
    value = values.get(name, default)
    if value not in choices:
        raise SetupError(f"{name} is {value!r}; use one of {', '.join(choices)}.")
    return value


def _token(text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) < METRICS_TOKEN_CHARACTERS_MIN or not (text.isascii() and text.isprintable()):
        raise SetupError(
            f"COSIGNET_METRICS_TOKEN needs {METRICS_TOKEN_CHARACTERS_MIN} or more printable ASCII "
            "characters. Make one: openssl rand -hex 16"
        )
    return text


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what other programs are started with: our settings, some of them secret, left out."""
    return {name: value for name, value in environ.items() if not name.startswith("COSIGNET_")}


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


def _proxies(text: str) -> tuple[Network, ...]:
    try:
        return parse_networks(text)
    except ValueError as error:
        raise SetupError(
            f"COSIGNET_TRUSTED_PROXIES: {error}. Name your proxies alone, such as 10.0.0.7 or "
            "10.0.0.0/28."
        ) from None


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
