"""The libraries that receivers use accept our signatures, and nothing that was changed."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks

from cosignet.core.webhook import TOLERANCE_SECONDS, mint_secret, sign

SECRETS = [mint_secret(bytes([byte]) * 32) for byte in (7, 251)]
LIBRARIES: list[Callable[[str], Any]] = [standardwebhooks.Webhook, svix.webhooks.Webhook]
REFUSALS = (
    standardwebhooks.WebhookVerificationError,
    svix.webhooks.WebhookVerificationError,
)


def signed(body: bytes, secrets: list[str], ago_seconds: int = 0) -> dict[str, str]:
    at = time.time_ns() // 1_000_000 - ago_seconds * 1000
    return sign(delivery_id="3f0c9a52", event="approved", at=at, body=body, secrets=secrets)


@pytest.mark.parametrize("library", LIBRARIES, ids=["standardwebhooks", "svix"])
@pytest.mark.parametrize("text", ["approved", "Überweisung 💶 \u202e", "", '"\\'])
def test_they_accept_either_secret_of_a_rotation(library: Callable[[str], Any], text: str) -> None:
    body = json.dumps({"event": text}, ensure_ascii=False).encode()
    for secret in SECRETS:
        # Raises what it does not accept.
        library(secret).verify(body, signed(body, [secret]))
        library(secret).verify(body, signed(body, SECRETS))


@pytest.mark.parametrize("library", LIBRARIES, ids=["standardwebhooks", "svix"])
def test_they_refuse_what_was_changed_late_or_another_secrets(
    library: Callable[[str], Any],
) -> None:
    body = b'{"event": "approved"}'
    headers = signed(body, SECRETS[:1])
    late = signed(body, SECRETS[:1], ago_seconds=TOLERANCE_SECONDS + 60)
    for secret, data, sent in (
        (SECRETS[0], body + b" ", headers),
        (SECRETS[0], body, headers | {"webhook-id": "3f0c9a53"}),
        (SECRETS[0], body, headers | {"webhook-timestamp": late["webhook-timestamp"]}),
        (SECRETS[0], body, late),
        (SECRETS[1], body, headers),
    ):
        with pytest.raises(REFUSALS):
            library(secret).verify(data, sent)
