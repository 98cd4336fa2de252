"""Whose request it is, for limits: the address it comes from, and what proxies say of that.

What a proxy forwards (X-Forwarded-For, or Forwarded of RFC 7239) is written by anybody who likes,
but for its end, which the proxy has added itself. So it counts only from a proxy that the operator
names, and is read from its end to the first address that is none of those proxies.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

HOPS_MAX = 16
"""How many proxies, one behind the other, are believed."""
_NODE_CHARACTERS_MAX = 60
_ELEMENT_CHARACTERS_MAX = 500
_REMEMBERED = 4096
_IPV6_PREFIX = 64
"""What one customer has at least (RFC 6177, section 2): within it anybody has any address."""
_PORT = r"(?::[0-9]{1,5})?"
_IPV4 = r"[0-9]+(?:\.[0-9]+){3}"
_IPV6 = "[0-9A-Fa-f:.]+"
_NODE = re.compile(rf"\[({_IPV6})\]{_PORT}|({_IPV4}){_PORT}|({_IPV6})")


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read networks in CIDR, separated by commas or white space; a plain address is one, too.

    Raises:
        ValueError: one of them is none, or is everybody; the text names it.
    """
    found = tuple(ipaddress.ip_network(word) for word in re.split(r"[,\s]+", text.strip()) if word)
    for network in found:
        if network.prefixlen == 0:
            raise ValueError(f"{network} is everybody")
    return found


def limited_address(
    peer: str,
    *,
    forwarded_for: Sequence[str] = (),
    forwarded: Sequence[str] = (),
    trusted: tuple[Network, ...] = (),
) -> str | None:
    """Return the address, or the IPv6 network of 64 bits, that a request is limited as.

    `peer` is the other end of the socket; the headers are given line by line. If they are not
    clear, or two that are there do not agree, somebody tries to look like somebody else: all of
    those are limited as the proxy. Where no proxy is named, one may still be in front, at an
    address that is not public; that is nobody's, as everybody would share it.

    Returns:
        None: it is nobody's.
    """
    if not trusted:
        return _unproxied(peer)
    address = _address(peer)
    if address is None:
        return None
    if not _is_of(address, trusted):
        return _limited_as(address)
    chains = [_parts(forwarded_for), [*map(_for, _parts(forwarded))]]
    clients = [_client(nodes, trusted) for nodes in chains if nodes]
    if not clients:
        return None
    client = clients[0]
    return _limited_as(address if client is None or clients != [client] * len(clients) else client)


@lru_cache(_REMEMBERED)
def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped  # how a socket for both calls IPv4 (RFC 4291, section 2.5.5.2)
    return address


def _address(text: str) -> Address | None:
    return _parsed(text) if len(text) <= _NODE_CHARACTERS_MAX else None


@lru_cache(_REMEMBERED)
def _unproxied(peer: str) -> str | None:
    address = _address(peer)
    return None if address is None or not address.is_global else _limited_as(address)


@lru_cache(_REMEMBERED)
def _limited_as(address: Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))


@lru_cache(_REMEMBERED)
def _is_of(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _client(nodes: Sequence[str], trusted: tuple[Network, ...]) -> Address | None:
    """Return the last address that is no proxy's; None: a proxy does not say it."""
    address = None
    for node in reversed(nodes):
        address = _node(node)
        if address is None or not _is_of(address, trusted):
            return address
    return address


def _node(text: str) -> Address | None:
    """Read a node (RFC 7239, section 6), or what X-Forwarded-For has in its place."""
    found = _NODE.fullmatch(text)
    return None if found is None else _address(next(filter(None, found.groups())))


def _parts(lines: Sequence[str]) -> list[str]:
    # Also of Forwarded: what a proxy has added behind the last comma is read on its own, whatever
    # quotation marks somebody has opened before. No node has a comma in it.
    parts = [part.strip(" \t") for line in lines for part in line.split(",")]
    return parts[-HOPS_MAX:]


def _for(element: str) -> str:
    """Return who an element of Forwarded is for (RFC 7239, section 4); empty: it does not say."""
    if len(element) > _ELEMENT_CHARACTERS_MAX:
        return ""
    pairs = [pair.partition("=") for pair in element.split(";")]
    nodes = [value.strip(" \t") for name, _, value in pairs if name.strip(" \t").lower() == "for"]
    node = nodes[0] if len(nodes) == 1 else ""
    return node[1:-1] if len(node) > 1 and node[0] == node[-1] == '"' else node
