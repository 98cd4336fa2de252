"""`cosignet hook`: what a coding agent runs before a tool; everything but a clear yes denies.

Status 2 with words on standard error is the one answer that denies everywhere. A status of 1, a
signal or silence would let the tool run, so nothing here may end like that.
"""

import argparse
import contextlib
import json
import os
import sys
import threading
from typing import Any

from cosignet.cli.guard import visible
from cosignet.cli.mcp_gate import asker_of
from cosignet.cli.signals import end_as_at_ctrl_c
from cosignet.client import Asked
from cosignet.client.asking import words_for_agent
from cosignet.client.hook import INPUT_BYTES_MAX, decide, read_tool_use
from cosignet.client.rules import read_rules

DENIED = 2


def hook(options: argparse.Namespace) -> int:
    """Decide about one use of a tool: 0 lets it go on, 2 denies."""
    try:
        _begin(options.within)
        _answer(_decide(options))
    except BaseException as error:  # an interrupt and a lack of memory deny, too
        _deny(words_for_agent(error))
        return DENIED
    return 0


def _begin(within: int) -> None:
    """See to it that neither a signal nor the client's patience ends this."""
    end_as_at_ctrl_c()
    watchdog = threading.Timer(max(0, within), _give_up)
    watchdog.daemon = True
    watchdog.start()


def _decide(options: argparse.Namespace) -> dict[str, Any] | None:
    use = read_tool_use(sys.stdin.buffer.read(INPUT_BYTES_MAX + 1))
    asker = asker_of(options, read_rules(options.rules))

    def show(asked: Asked, username: str) -> None:
        code = f" Match code: {visible(asked.match_code)}" if asked.match_code else ""
        words = f"Waiting for {visible(username)} to decide: {visible(asked.url)}{code}"
        print(words, file=sys.stderr, flush=True)

    return decide(use, asker, options.within, show)


def _answer(answer: dict[str, Any] | None) -> None:
    if answer is not None:
        # Past Python's buffer: it would be written again at the end, and spoil the exit status.
        os.write(1, json.dumps(answer).encode() + b"\n")


def _deny(words: str) -> None:
    with contextlib.suppress(OSError):
        print(visible(words), file=sys.stderr, flush=True)


def _give_up() -> None:
    _deny("Not run. UNAVAILABLE: nothing is known in time. Tell the user.")
    os._exit(DENIED)
