"""Calls that wait for a human: each in a thread of its own, and sent on as it was signed."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from cosignet.client.asking import Asker, Withdrawn, words_for_agent
from cosignet.client.cosignet import Asked
from cosignet.client.decision import Approval
from cosignet.client.jsonrpc import (
    CALL,
    CALL_MEMBERS,
    Call,
    Id,
    Unreadable,
    line_of,
    notification_line,
    result_line,
)
from cosignet.client.rules import Asking
from cosignet.core.jsontext import parse_json

WAITING_MAX = 32
"""Calls that wait for a human at a time."""
PROGRESS_SECONDS = 5
ENDING_SECONDS = 5
"""How long calls have to be taken back when the agent has gone."""
Outcome = Literal["executed", "failed", "unknown"]
Tell = Callable[..., object]
"""Tells the people at the terminal: an event's name, and what it is about by keyword."""


@dataclass
class Waiting:
    """A call that waits for its human, then for its answer."""

    call: Call
    line: bytes
    """As the agent wrote it."""
    asking: Asking
    stop: threading.Event = field(default_factory=threading.Event)
    """The agent wants no more."""
    answered: threading.Event = field(default_factory=threading.Event)
    asked: Asked | None = None
    forwarded: bool = False
    outcome: Outcome = "unknown"


@dataclass
class Calls:
    """The calls of one agent that wait."""

    asker: Asker
    send: Callable[[bytes], object]
    """Hands a line on to the server; OSError if it has gone."""
    answer: Callable[[bytes], object]
    """Writes one line to the agent."""
    tell: Tell
    _waiting: dict[Id, Waiting] = field(default_factory=dict[Id, Waiting], init=False)
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread], init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def any_wait(self) -> bool:
        """Whether an answer of the server could be one of theirs."""
        return bool(self._waiting)

    def ask(self, call: Call, line: bytes, asking: Asking) -> None:
        """Begin to ask about a call; returns at once.

        Raises:
            Unreadable: nobody could tell its answer from another's, or too many wait.
        """
        with self._lock:
            if call.id in self._waiting:
                raise Unreadable("A call under this id still waits.", id_=call.id)
            if len(self._waiting) >= WAITING_MAX:
                raise Unreadable(f"{WAITING_MAX} calls wait for a human already.", id_=call.id)
            waiting = self._waiting[call.id] = Waiting(call, line, asking)
        thread = threading.Thread(target=self._see_through, args=(waiting,), daemon=True)
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()

    def cancel(self, id_: Id | None) -> bool:
        """Take a call back that waits for its human; False: the server has to be told."""
        with self._lock:
            waiting = None if id_ is None else self._waiting.get(id_)
            if waiting is None:
                return False
            waiting.stop.set()
            forwarded = waiting.forwarded
        if forwarded:
            waiting.answered.set()
        elif waiting.asked is not None:
            # The server holds our question for up to half a minute: not any more.
            take_back = threading.Thread(
                target=self.asker.client.cancel, args=(waiting.asked,), daemon=True
            )
            take_back.start()
        return not forwarded

    def note_answer(self, id_: Id, result: object) -> None:
        """Note what became of a call that was sent on; `result` is None for an error."""
        with self._lock:
            waiting = self._waiting.get(id_)
            if waiting is None or not waiting.forwarded:
                return
        is_error = not isinstance(result, dict) or cast("dict[str, Any]", result).get("isError")
        waiting.outcome = "failed" if is_error else "executed"
        waiting.answered.set()

    def end(self) -> None:
        """Take back what waits, and wait a little for that."""
        for id_ in list(self._waiting):
            self.cancel(id_)
        deadline = time.monotonic() + ENDING_SECONDS
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))

    def _see_through(self, waiting: Waiting) -> None:
        call = waiting.call
        try:
            approval = self.asker.approve(
                waiting.asking,
                call.tool,
                signed_payload(self.asker.rules.server, waiting.line),
                on_asked=lambda asked, username: self._show(waiting, asked, username),
                stop=waiting.stop,
            )
            self.tell("approved", tool=call.tool)
            self.asker.client.report(approval, self._forward(waiting, approval))
        except Withdrawn:
            self.tell("withdrawn", tool=call.tool)
        except Exception as error:  # whatever it is: nothing runs, and the agent hears of it
            if not waiting.stop.is_set():
                self.tell("refused", tool=call.tool, reason=str(error))
                self.answer(refusal_line(call, words_for_agent(error)))
        finally:
            waiting.answered.set()
            with self._lock:
                self._waiting.pop(call.id, None)

    def _show(self, waiting: Waiting, asked: Asked, username: str) -> None:
        waiting.asked = asked
        about = {"approver": username, "url": asked.url, "matchCode": asked.match_code}
        self.tell("waiting", tool=waiting.call.tool, **about)
        if waiting.call.progress_token is not None:
            code = f" (match code {asked.match_code})" if asked.match_code else ""
            words = f"Waiting for {username} to decide: {asked.url}{code}"
            work = (waiting, words)
            threading.Thread(target=self._keep_telling, args=work, daemon=True).start()

    def _keep_telling(self, waiting: Waiting, words: str) -> None:
        """Tell progress until it is decided; far below 1, as the server's own comes after."""
        told = 0
        while not waiting.forwarded and not waiting.stop.is_set():
            told += 1
            params = {"progressToken": waiting.call.progress_token, "progress": told / 100_000}
            self.answer(notification_line("notifications/progress", params | {"message": words}))
            if waiting.answered.wait(PROGRESS_SECONDS):
                return

    def _forward(self, waiting: Waiting, approval: Approval) -> Outcome:
        """Send what was signed, and wait for what becomes of it."""
        line = signed_line(waiting.call, approval.payload)
        with self._lock:
            if waiting.stop.is_set():
                return "failed"
            waiting.forwarded = True
        try:
            self.send(line)
        except OSError as error:
            self.answer(refusal_line(waiting.call, f"Not run. The server is gone: {error}."))
            return "failed"
        waiting.answered.wait()
        return waiting.outcome


def signed_payload(server: str, line: bytes) -> dict[str, Any]:
    """Return what is signed: all that a call says, but for what only the protocol needs.

    Raises:
        PayloadRefused: programs could read the call differently; `field` says where.
    """
    params: dict[str, Any] = cast("dict[str, Any]", parse_json(line))["params"]
    payload: dict[str, Any] = {"server": server, "tool": params["name"]}
    if "arguments" in params:
        payload["arguments"] = params["arguments"]
    if more := {name: params[name] for name in params if name not in CALL_MEMBERS}:
        payload["more"] = more
    return payload


def signed_line(call: Call, payload: dict[str, Any]) -> bytes:
    """Write a call anew, from what was signed and nothing else that says what it does."""
    params: dict[str, Any] = {"name": payload["tool"]}
    if "arguments" in payload:
        params["arguments"] = payload["arguments"]
    params |= payload.get("more", {})
    if call.meta:
        params["_meta"] = call.meta
    return line_of({"jsonrpc": "2.0", "id": call.id, "method": CALL, "params": params})


def refusal_line(call: Call, words: str) -> bytes:
    """Write the refusal of a call as its tool's error, which is where a model reads it."""
    content = [{"type": "text", "text": words}]
    return result_line(call.id, {"content": content, "isError": True})
