"""Where a webhook may lead: one reading of its URL, and the addresses that are nobody's inside.

What is read here is what the connection is made to; nothing parses the URL a second time, and
nothing but an address that was looked at here is ever connected to.
"""

import ipaddress
import re
from dataclasses import dataclass

from cosignet.core.errors import FieldInvalid
from cosignet.core.webhook import URL_CHARACTERS_MAX

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SCHEMES = {"http": 80, "https": 443}
# RFC 3986 without user information and fragment, and with nothing that another parser might read
# differently: no backslash, no white space, no character beyond ASCII.
_URL = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!$%&'()*+,./0-9:;=@A-Z_a-z~-]*)?(?P<query>\?[!$%&'()*+,./0-9:;=?@A-Z_a-z~-]*)?"
)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_HOST_CHARACTERS_MAX = 253

_NOT_PUBLIC = [
    ipaddress.IPv4Network(network)
    for network in (
        # IANA's special-purpose registry, and what else is not one host of the internet.
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # Where Azure's host answers its guests.
        "168.63.129.16/32",
    )
]
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = [
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocols, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart."""

    scheme: str
    host: str
    """Lower case; an IPv6 address without brackets."""
    port: int
    path: str
    """With the query, as written."""

    @property
    def authority(self) -> str:
        """What the Host header says (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _SCHEMES[self.scheme] else f"{host}:{self.port}"


def parse_webhook_url(text: str, *, allow_private: bool) -> Target:
    """Read a webhook's URL; `allow_private` lets it lead inside, by http, too.

    Raises:
        FieldInvalid: it is none, or leads where webhooks do not go. What its name stands for is
            looked at only, and each time, when it is connected to.
    """
    target = _take_apart(text)
    literal = _literal(target.host)
    if target.scheme == "http" and not allow_private:
        raise FieldInvalid("it must begin with https://", field="url")
    if literal is not None and not may_connect(target, literal, allow_private=allow_private):
        raise FieldInvalid("it must lead to a public address", field="url")
    return target


def may_connect(target: Target, address: Address, *, allow_private: bool) -> bool:
    """Whether a target may be reached at this address; what is public, only by https."""
    if is_public(address):
        return target.scheme == "https"
    return allow_private


def is_public(address: Address) -> bool:
    """Whether an address belongs to one host of the internet, and to nothing nearer.

    Of IPv6 only what is handed out (2000::/3): so not what maps, translates or tunnels IPv4.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    if address.scope_id is not None or address not in _PUBLIC_V6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_V6)


def _take_apart(text: str) -> Target:
    found = _URL.fullmatch(text) if len(text) <= URL_CHARACTERS_MAX else None
    scheme = found["scheme"] if found else ""
    if found is None or scheme not in _SCHEMES:
        raise FieldInvalid(
            f"an https:// URL in ASCII of at most {URL_CHARACTERS_MAX} characters, without user"
            " name, password and fragment",
            field="url",
        )
    port = int(found["port"] or _SCHEMES[scheme])
    if not 0 < port < 65_536:
        raise FieldInvalid("its port is none", field="url")
    path = (found["path"] or "/") + (found["query"] or "")
    return Target(scheme, _host(found["host"]), port, path)


def _host(text: str) -> str:
    host = text.strip("[]").lower()
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise FieldInvalid("its address is none", field="url") from None
    labels = host.split(".")
    if len(host) > _HOST_CHARACTERS_MAX or not all(map(_LABEL.fullmatch, labels)):
        raise FieldInvalid("its host is no name", field="url")
    # Programs take many spellings for IPv4 addresses: 127.1, 0x7f.1, 2130706433. One is accepted.
    if labels[-1][0].isdigit() and _literal(host) is None:
        raise FieldInvalid(
            "its host is neither a name nor an address in its usual form", field="url"
        )
    return host


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
