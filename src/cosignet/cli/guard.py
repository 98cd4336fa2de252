"""`cosignet guard -- COMMAND`: ask, show the waiting, run, and end as the command does."""

import argparse
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from cosignet.cli import qr
from cosignet.cli.signals import end_as_at_ctrl_c
from cosignet.client import Asked, Cosignet, CosignetError, Decision, PinFile, SetupIncomplete
from cosignet.client.environment import read_settings
from cosignet.client.guard import CommandFailed, exit_code, read_command, run_signed
from cosignet.client.pins import Trust
from cosignet.core.characters import visible
from cosignet.core.errors import PayloadRefused
from cosignet.core.jsontext import JsonValue


def guard(options: argparse.Namespace) -> int:
    """Gate one command; the exit status is the command's, or says why it did not run."""
    screen = Screen(options.json, quiet=options.quiet or read_settings().unattended)
    end_as_at_ctrl_c()
    try:
        with screen.notes():
            return _guard(options, screen)
    except CommandFailed as failed:
        return failed.status
    except (CosignetError, PayloadRefused) as error:
        screen.end(type(error).__name__, str(error))
        return exit_code(error)
    except KeyboardInterrupt:
        words = "Interrupted. Nothing was run. What was asked is taken back"
        screen.end("Interrupted", f"{words}; what was on its way to the server ends by itself.")
        return 130


def _guard(options: argparse.Namespace, screen: "Screen") -> int:
    username = options.user or read_settings().user
    if username is None:
        raise SetupIncomplete("Nobody is asked. Give --user NAME, or set COSIGNET_USER.")
    argv = options.command
    if not argv:
        raise SetupIncomplete("No command was given. Write it after --.")
    command = read_command(argv, names=options.env, paths=options.file)
    client = Cosignet(origin=options.origin, trust=_trust(options), log_keys=options.log_key)
    decision = client.request_approval(
        username=username,
        action=options.action or f"Run {command.program.rpartition('/')[2]} on {command.host}",
        payload=command.payload,
        ttl_seconds=options.ttl,
        risk=options.risk,
        on_created=screen.waiting(username),
    )
    decision.require_approved()
    screen.end("Approved", "Approved, and verified here.")
    return _run(client, decision, screen)


def _run(client: Cosignet, decision: Decision, screen: "Screen") -> int:
    """Run the command; whatever happens afterwards, its status stays known."""
    statuses: list[int] = []

    def run(payload: dict[str, JsonValue]) -> None:
        try:
            run_signed(payload)
        except CommandFailed as failed:
            statuses.append(failed.status)
            raise
        statuses.append(0)

    try:
        client.run(decision, run)
    except KeyboardInterrupt:
        if not statuses:
            raise
        words = "Interrupted. The command had ended; the server may not know how."
        screen.end("Interrupted", words)
    return statuses[0]


def _trust(options: argparse.Namespace) -> Trust | None:
    return None if options.pins is None else PinFile(options.pins, first_use=False)


class Screen:
    """Standard error, while somebody waits: for people, or one JSON object a line."""

    def __init__(self, as_json: bool, *, quiet: bool) -> None:
        self._json = as_json
        self._counts = sys.stderr.isatty() and not as_json and not quiet
        self._ended = threading.Event()
        self._counter: threading.Thread | None = None

    def waiting(self, username: str) -> Callable[[Asked], None]:
        """Return what shows who is asked, and the link."""

        def show(asked: Asked) -> None:
            if self._json:
                told = {"event": "waiting", "id": asked.id, "approver": username, "url": asked.url}
                told |= {"matchCode": asked.match_code, "expiresAt": asked.answer.get("expiresAt")}
                self._line(json.dumps(told))
                return
            self._tell("waiting", f"Waiting for {username} to decide: {asked.url}")
            if asked.match_code is not None:
                self._tell("waiting", f"Match code: {asked.match_code}")
            if self._counts:
                self._show_code(asked.url)
                self._counter = threading.Thread(target=self._count, args=(asked,), daemon=True)
                self._counter.start()

        return show

    @contextmanager
    def notes(self) -> Generator[None]:
        """Show in between what the client has to say: failures, and whose key was new to it."""
        logger, handler = logging.getLogger("cosignet"), logging.Handler()
        handler.emit = lambda record: self._tell("note", record.getMessage())
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    def end(self, what: str, words: str) -> None:
        """Say what became of it."""
        self._ended.set()
        if self._counter is not None:
            self._counter.join()
            self._counter = None
        self._tell(what.lower(), words)

    def _tell(self, event: str, words: str) -> None:
        told = json.dumps({"event": event, "detail": words}) if self._json else visible(words)
        self._line(told)

    def _line(self, text: str) -> None:
        over = "\r\033[K" if self._counter is not None else ""
        print(f"{over}{text}", file=sys.stderr, flush=True)

    def _show_code(self, url: str) -> None:
        if len(url.encode()) <= qr.BYTES_MAX:
            self._line("\n".join(qr.terminal_lines(qr.qr_code(url))))

    def _count(self, asked: Asked) -> None:
        ends = time.monotonic() + (asked.expected.ttl_seconds or 0)
        while not self._ended.is_set():
            left = max(0, int(ends - time.monotonic()))
            print(f"\r{left // 60}:{left % 60:02} left ", end="", file=sys.stderr, flush=True)
            self._ended.wait(1)
        print("\r\033[K", end="", file=sys.stderr, flush=True)
