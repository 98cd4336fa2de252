"""`cosignet listen`: decisions on their way to a program under development."""

import argparse
import secrets
import sys

from cosignet.client.api import Door, Unheard
from cosignet.client.environment import read_settings
from cosignet.client.errors import CosignetError
from cosignet.client.listen import Listener
from cosignet.core.webhook import DECISION_EVENTS, SECRET_BYTES, mint_secret


def listen(options: argparse.Namespace) -> int:
    """Forward decisions until interrupted."""
    settings = read_settings()
    secret = mint_secret(secrets.token_bytes(SECRET_BYTES))
    try:
        door = Door(settings.base_url, settings.api_key)
        events = options.event or DECISION_EVENTS
        listener = Listener(door, options.forward_to, secret, events, _say)
        listener.note_what_was_before()
    except (CosignetError, Unheard) as error:
        _say(str(error))
        return 1
    print(secret, flush=True)
    _say(f"Decisions at {door.base_url} go to {options.forward_to}, signed with that secret.")
    listener.run()


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
