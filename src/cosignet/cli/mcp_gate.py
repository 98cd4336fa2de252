"""`cosignet mcp-gate -- COMMAND`: stand before an MCP server, and speak for it to the agent."""

import argparse
import json
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

from cosignet.cli.guard import visible
from cosignet.cli.signals import end_as_at_ctrl_c
from cosignet.client import Cosignet, CosignetError, PinFile, SetupIncomplete
from cosignet.client.asking import Asker
from cosignet.client.environment import read_settings, variables
from cosignet.client.guard import exit_code
from cosignet.client.mcp_child import Child
from cosignet.client.mcp_gate import MESSAGE_BYTES_MAX, Gate
from cosignet.client.mcp_http import Remote
from cosignet.client.rules import Rules, read_rules


def mcp_gate(options: argparse.Namespace) -> int:
    """Gate one server until it or its agent ends; the exit status is the server's."""
    try:
        return _gate(options)
    except CosignetError as error:
        print(visible(str(error)), file=sys.stderr)
        return exit_code(error)


def _gate(options: argparse.Namespace) -> int:
    rules = read_rules(options.rules)
    asker = None if options.dry_run else asker_of(options, rules)
    upstream = _upstream(options)
    voice = Voice(options.json)
    gate = Gate(rules, upstream, voice.answer, asker, voice.tell)
    end_as_at_ctrl_c()
    threading.Thread(target=_listen, args=(gate,), daemon=True).start()
    try:
        for line in upstream.lines():
            gate.heard(line)
    finally:
        gate.end()
    return upstream.status


def _upstream(options: argparse.Namespace) -> Child | Remote:
    if bool(options.command) == bool(options.url):
        words = "Before which server? Write its command after --, or give --url."
        raise SetupIncomplete(words)
    if options.command:
        return Child(options.command)
    bearer = None
    if options.bearer_env is not None:
        bearer = variables([options.bearer_env])[options.bearer_env]
        if not bearer or not bearer.isascii() or not bearer.isprintable():
            raise SetupIncomplete(f"{options.bearer_env} holds no token.")
    return Remote(options.url, bearer)


def asker_of(options: argparse.Namespace, rules: Rules) -> Asker:
    """Return who asks, by what the command line and the environment say."""
    trust = None if options.pins is None else PinFile(options.pins, first_use=False)
    client = Cosignet(origin=options.origin, trust=trust)
    return Asker(client, rules, read_settings().user, options.tell)


def _listen(gate: Gate) -> None:
    """Take the agent's lines until it says no more, or the server takes none."""
    # Not sys.stdin, which the interpreter wants to close when it ends.
    with open(0, "rb", closefd=False) as agent:
        try:
            for line in lines_of(agent):
                gate.take(line)
        except OSError as error:
            gate.tell("refused", reason=f"The server is gone: {error}")
        finally:
            gate.end()  # whatever it was: nobody listens to the agent any more


def lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines that are not blank; of one that is too long only as much as shows that."""
    while line := stream.readline(MESSAGE_BYTES_MAX + 1):
        rest = line
        while len(rest) > MESSAGE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = stream.readline(MESSAGE_BYTES_MAX + 1)
        if line.strip():
            yield line


class Voice:
    """Standard output, which is the agent's, and standard error, which is for people."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._speaking = threading.Lock()

    def answer(self, line: bytes) -> None:
        """Say one line to the agent."""
        with self._speaking:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    def tell(self, event: str, **about: object) -> None:
        """Say to people what happens."""
        said = {name: value for name, value in about.items() if value is not None}
        if self._json:
            text = json.dumps({"event": event, **said})
        else:
            words = [f"{name} {_plain(value)}" for name, value in said.items()]
            text = f"cosignet: {event}: {', '.join(words)}"
        print(text, file=sys.stderr, flush=True)


def _plain(value: object) -> str:
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
