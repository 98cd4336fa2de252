"""The headers every answer carries."""

from typing import TypeAlias

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Only our own files, no inline script, no string ever becomes markup, no framing."""

DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""What is no page needs nothing at all."""

_EVERYWHERE = {
    "cross-origin-resource-policy": "same-origin",
    # Nothing to other sites; "no-referrer" would make forms say "Origin: null" to this one, too.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_DATA = {"content-security-policy": DATA_POLICY} | _EVERYWHERE
_PAGE = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), "
        "microphone=(), geolocation=(), payment=(), usb=(), clipboard-write=(self)"
    ),
} | _EVERYWHERE
# Without includeSubDomains: the operator's other hosts are theirs to decide about.
_HSTS = {"strict-transport-security": "max-age=63072000"}

# Any site's scripts may read the log: it says the same to everybody.
_OPEN = _DATA | {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
}

Headers: TypeAlias = dict[bytes, bytes]


def page_headers(public_url: str) -> Headers:
    """Return what is added to a page, or a part of one, unless it says otherwise itself."""
    return _encoded(_PAGE, public_url)


def data_headers(public_url: str) -> Headers:
    """Return what is added to JSON: nothing that only means something to a page."""
    return _encoded(_DATA, public_url)


def log_headers(public_url: str) -> Headers:
    """Return what is added to whatever the log answers, refusals included."""
    return _encoded(_OPEN, public_url)


def _encoded(headers: dict[str, str], public_url: str) -> Headers:
    both = headers | (_HSTS if public_url.startswith("https://") else {})
    return {name.encode(): value.encode() for name, value in both.items()}
