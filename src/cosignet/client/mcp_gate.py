"""The gate before an MCP server: everything passes as it is, but for calls that ask a human.

Two loops run: the agent's lines come to `take`, the server's to `heard`. Neither ever waits for a
human.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from cosignet.client.asking import Asker, Forbidden, words_for_agent
from cosignet.client.jsonrpc import (
    CALL,
    CANCELLED,
    INVALID_REQUEST,
    LIST,
    Call,
    Id,
    Message,
    Unreadable,
    error_line,
    id_of,
    line_of,
    read_call,
    read_messages,
)
from cosignet.client.mcp_calls import Calls, Tell, refusal_line
from cosignet.client.rules import Arguments, Hint, Rules, Then, Verdict
from cosignet.core.errors import Refusal
from cosignet.core.jsontext import parse_json

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""An agent's line; a longer one is refused."""
_DRY = "Not run. This is a dry run: a human would have been asked, and was not."


class Upstream(Protocol):
    """The server behind the gate."""

    def send(self, line: bytes) -> None:
        """Hand on a message of the agent; OSError if it cannot be reached."""
        ...

    def lines(self) -> Iterator[bytes]:
        """Yield its messages until its end."""
        ...

    def close(self) -> None:
        """Say that nothing more comes."""
        ...


@dataclass
class Gate:
    """One agent, one server, one file of rules."""

    rules: Rules
    upstream: Upstream
    answer: Callable[[bytes], object]
    """Writes one line to the agent; called by several threads."""
    asker: Asker | None
    """None: a dry run. Nobody is asked, and nothing that would ask is handed on."""
    tell: Tell
    _calls: Calls | None = field(init=False)
    _hints: dict[str, Hint] = field(default_factory=dict[str, Hint], init=False)
    _listings: set[Id] = field(default_factory=set[Id], init=False)
    """Requests to list tools whose answers are awaited."""

    def __post_init__(self) -> None:
        ways = (self.upstream.send, self.answer, self.tell)
        self._calls = None if self.asker is None else Calls(self.asker, *ways)

    # --- From the agent ---------------------------------------------------------------------------

    def take(self, line: bytes) -> None:
        """Take one line of the agent: hand it on as it is, keep it, or refuse it."""
        try:
            if len(line) > MESSAGE_BYTES_MAX:
                raise Unreadable(f"A message has at most {MESSAGE_BYTES_MAX} bytes.")
            read = read_messages(line)
            if isinstance(read, list):
                self._take_batch(read, line)
            else:
                self._take(read, line)
        except Unreadable as unreadable:
            self.tell("refused", reason=str(unreadable))
            self.answer(error_line(unreadable.id, unreadable.code, str(unreadable)))

    def _take(self, message: Message, line: bytes) -> None:
        if message.method == CALL:
            self._take_call(read_call(message), line)
        elif message.method != CANCELLED or not self._cancel(message):
            self._await_listing(message)
            self.upstream.send(line)

    def _take_batch(self, messages: list[Message], line: bytes) -> None:
        """Pass a batch whole, if all in it passes; else refuse it whole."""
        if all(self._passes(one, line) for one in messages):
            for one in messages:
                self._await_listing(one)
            self.upstream.send(line)
            return
        words = "A call in this batch needs an approval: send it alone. Nothing was passed on."
        wanted = [one.id for one in messages if one.method is not None and one.id is not None]
        errors = [json.loads(error_line(id_, INVALID_REQUEST, words)) for id_ in wanted]
        self.answer(line_of(errors))

    def _await_listing(self, message: Message) -> None:
        if message.method == LIST and message.id is not None:
            self._listings.add(message.id)

    def _passes(self, message: Message, line: bytes) -> bool:
        if message.method == CANCELLED:
            self._cancel(message)
        if message.method != CALL:
            return True
        try:
            return self._verdict(read_call(message), line).then is Then.PASS
        except Unreadable:
            return False

    def _cancel(self, message: Message) -> bool:
        id_ = id_of({"id": message.params.get("requestId")})
        return self._calls is not None and self._calls.cancel(id_)

    def _take_call(self, call: Call, line: bytes) -> None:
        verdict = self._verdict(call, line)
        if verdict.then is Then.PASS:
            self.upstream.send(line)
        elif verdict.then is Then.DENY:
            self.tell("denied", tool=call.tool)
            forbidden = Forbidden(f"A rule denies this call of {call.tool}.")
            self.answer(refusal_line(call, words_for_agent(forbidden)))
        elif self._calls is None:
            self.tell("would ask", tool=call.tool, arguments=call.params.get("arguments"))
            self.answer(refusal_line(call, _DRY))
        else:
            self._calls.ask(call, line, verdict.asking)

    def _verdict(self, call: Call, line: bytes) -> Verdict:
        hint = self._hints.get(call.tool, Hint.SILENT)
        return self.rules.verdict(call.tool, self._arguments(call, line), hint)

    def _arguments(self, call: Call, line: bytes) -> Arguments:
        """Return the arguments if every program reads them alike, and a rule wants to know."""
        if not any(rule.when for rule in self.rules.rules):
            return None
        try:
            parse_json(line)
        except Refusal:
            return None
        return call.params.get("arguments", {})

    # --- From the server --------------------------------------------------------------------------

    def heard(self, line: bytes) -> None:
        """Hand on a line of the server's, as it is.

        It is looked at first: the agent may call a tool as soon as it has heard what is said of it.
        """
        self._look_at(line)
        self.answer(line)

    def _look_at(self, line: bytes) -> None:
        if not self._listings and (self._calls is None or not self._calls.any_wait):
            return
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError):
            return
        for one in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                self._heard(cast("dict[str, Any]", one))

    def _heard(self, members: dict[str, Any]) -> None:
        id_ = id_of(members)
        if id_ is None or "method" in members:
            return
        if id_ in self._listings:
            self._listings.discard(id_)
            self._note_tools(members.get("result"))
        if self._calls is not None:
            self._calls.note_answer(id_, members.get("result"))

    def _note_tools(self, result: object) -> None:
        """Remember the strictest that was ever said of a tool."""
        listed = cast("dict[str, Any]", result).get("tools") if isinstance(result, dict) else None
        for tool in cast("list[Any]", listed) if isinstance(listed, list) else []:
            said = cast("dict[str, Any]", tool) if isinstance(tool, dict) else {}
            name = said.get("name")
            if isinstance(name, str):
                hint = Hint.of(said.get("annotations"))
                self._hints[name] = max(hint, self._hints.get(name, hint))
                if self.asker is None:
                    then = self.rules.verdict(name, None, self._hints[name]).then
                    self.tell("listed", tool=name, then=then.name.lower())

    # --- The end ----------------------------------------------------------------------------------

    def end(self) -> None:
        """Take back what waits: the agent has gone, or the server."""
        if self._calls is not None:
            self._calls.end()
        self.upstream.close()
