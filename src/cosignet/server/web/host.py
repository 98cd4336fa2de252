"""Whom a request believes to be talking to. Only this server's own names are answered.

A page of another site whose name was made to lead here (DNS rebinding, as in CVE-2018-5702) is of
the same origin as this server, in its browser's eyes: nothing there keeps it from reading what
runs on localhost. Its Host header still names that other site. It also keeps a cache in front from
storing one site's answer under another's name.
"""

import re
from urllib.parse import urlsplit

from starlette.types import Scope

from cosignet.core.request_errors import HostMissing, Misdirected
from cosignet.server.web.fields import fields

_LOCAL = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
"""Any port: containers and tunnels map it, and no name of somebody else's looks like this."""
PROBED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Load balancers and monitoring ask these by address; they say nothing about anybody, or only to
whoever has a token that no browser sends by itself."""


class Hosts:
    """The names of one node."""

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        name = (parts.hostname or "").encode()
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        self._names = {b"%s:%d" % (name, port)}
        if parts.port is None:
            self._names.add(name)
        self._is_local = name == b"localhost"

    def check(self, scope: Scope) -> None:
        """See that a request is meant for this node.

        Raises:
            HostMissing: it names no host, or several (RFC 9112, section 3.2).
            Misdirected: it names another one (RFC 9110, sections 7.4 and 15.5.20).
        """
        named = fields(scope, b"host")
        if len(named) == 1 and named[0] in self._names:
            return
        if scope["path"] in PROBED:
            return
        if len(named) != 1:
            raise HostMissing
        host = named[0].lower()
        if host in self._names or (self._is_local and _LOCAL.fullmatch(host)):
            return
        raise Misdirected
