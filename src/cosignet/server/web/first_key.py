"""The first API key as it is shown, once, with a command that uses it."""

import json

from cosignet.server.services.access import MintedKey
from cosignet.server.web.call import Call


def first_key(call: Call, minted: MintedKey, username: str) -> dict[str, object]:
    """Return a key with its secret, and a command that asks this approver with it."""
    key = minted.key
    return {
        "apiKey": {
            "id": key.id,
            "name": key.name,
            "key": minted.secret,
            "scopes": sorted(key.scopes),
        },
        "curl": _curl(call.runtime.public_url, minted.secret, username),
    }


def _curl(public_url: str, secret: str, username: str) -> str:
    body = {
        "username": username,
        "action": "Deploy to production",
        "payload": {"service": "api", "sha": "abc123"},
    }
    return (
        f"curl -s {public_url}/api/confirmations \\\n"
        f"  -H 'content-type: application/json' \\\n"
        f"  -H 'X-Api-Key: {secret}' \\\n"
        f"  --data '{json.dumps(body)}'"
    )
