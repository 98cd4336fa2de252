"""The headers every answer carries."""

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

_ALWAYS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), "
        "microphone=(), geolocation=(), payment=(), usb=(), clipboard-write=(self)"
    ),
    # Nothing to other sites; "no-referrer" would make forms say "Origin: null" to this one, too.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
# Without includeSubDomains: the operator's other hosts are theirs to decide about.
_HSTS = ("strict-transport-security", "max-age=63072000")


def security_headers(public_url: str) -> list[tuple[bytes, bytes]]:
    """Return what is added to every answer that does not set it itself."""
    pairs = list(_ALWAYS.items())
    if public_url.startswith("https://"):
        pairs.append(_HSTS)
    return [(name.encode(), value.encode()) for name, value in pairs]
