"""`cosignet listen`: decisions on their way to a program under development."""

import argparse
import secrets
import sys

from cosignet.client.api import Refused, Unreachable
from cosignet.client.environment import read_access
from cosignet.client.listen import Listener
from cosignet.core.webhook import DECISION_EVENTS, SECRET_BYTES, mint_secret


def listen(options: argparse.Namespace) -> int:
    """Forward decisions until interrupted."""
    access = read_access()
    secret = mint_secret(secrets.token_bytes(SECRET_BYTES))
    print(secret, flush=True)
    _say(f"Decisions at {access.base_url} go to {options.forward_to}, signed with that secret.")
    listener = Listener(access, options.forward_to, secret, options.event or DECISION_EVENTS, _say)
    try:
        listener.run()
    except (Refused, Unreachable) as error:
        _say(str(error))
    return 1


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
