"""The command line's grammar. What a command does is loaded only when it is called."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from cosignet import __version__
from cosignet.cli.before_agents import fill_hook, fill_mcp_gate
from cosignet.core.access import (
    DEFAULT_SCOPES,
    OVERLAP_SECONDS_DEFAULT,
    OVERLAP_SECONDS_MAX,
    Role,
    Scope,
)
from cosignet.core.confirmation import EVIDENCE_KINDS, PAGE_SIZE_DEFAULT, TTL_SECONDS_DEFAULT
from cosignet.core.delivery import DeliveryStatus
from cosignet.core.errors import Refusal
from cosignet.core.webhook import DECISION_EVENTS, ROTATION_SECONDS_DEFAULT, ROTATION_SECONDS_MAX

NEEDS_SERVER = (
    "This command needs the server's packages. Install them with: pip install 'cosignet[server]'"
)
NEEDS_CRYPTOGRAPHY = (
    "This command needs one more package. Install it with: pip install 'cosignet[verify]'"
)


class _AddParser(Protocol):
    # argparse names its parameter so.
    def __call__(
        self,
        name: str,
        /,
        *,
        help: str,  # noqa: A002
        description: str,
    ) -> argparse.ArgumentParser: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 refused, 2 wrong usage."""
    options = parser().parse_args(arguments)
    module_name, _, name = cast(str, options.run).rpartition(".")
    try:
        command = getattr(importlib.import_module(f"cosignet.cli.{module_name}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("cosignet"):
            raise
        print(NEEDS_CRYPTOGRAPHY if name == "verify" else NEEDS_SERVER, file=sys.stderr)
        return 1
    try:
        return command(options)
    except Refusal as refusal:
        parts = (refusal.field and f"{refusal.field}:", str(refusal))
        cure = refusal.cure() if not refusal.detail else ""
        print(" ".join(filter(None, (*parts, cure))), file=sys.stderr)
        return 1
    except OSError as error:
        # A disk that is full or read-only, or a folder of somebody else's.
        words = error.strerror or str(error)
        print(f"{error.filename}: {words}." if error.filename else f"{words}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the grammar."""
    top = argparse.ArgumentParser(
        prog="cosignet",
        description="Critical Action Control: no signature, no approval.",
    )
    top.add_argument("--version", action="version", version=f"cosignet {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    serve = _add(commands.add_parser, "serve", "running.serve", "Start the server.")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=int, help="port to listen on (that of the public URL)")
    serve.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes, on PostgreSQL only (%(default)s)",
    )
    words = "Do background work beside `serve`, on PostgreSQL."
    _add(commands.add_parser, "worker", "running.worker", words)
    words = "Forward decisions to a URL of yours, while you develop."
    listen = _add(commands.add_parser, "listen", "listening.listen", words)
    listen.add_argument("--forward-to", required=True, metavar="URL", help="your own endpoint")
    listen.add_argument("--event", action="append", choices=[str(one) for one in DECISION_EVENTS])
    migrate = _add(commands.add_parser, "migrate", "running.migrate", "Update the database.")
    migrate.add_argument(
        "--take-public-url",
        action="store_true",
        help="bind the store to a changed COSIGNET_PUBLIC_URL, while no passkey is registered",
    )
    doctor = _add(commands.add_parser, "doctor", "doctor.doctor", "Look for what is not right.")
    doctor.add_argument("--port", type=int, help="where the server listens on this machine")
    backup = _add(commands.add_parser, "backup", "backups.backup", "Copy the store to a file.")
    backup.add_argument("path", help="the file to make; it must not be there yet")
    restore = _add(commands.add_parser, "restore", "backups.restore", "Fill a store from a backup.")
    restore.add_argument("path", help="the file that `backup` has made")
    restore.add_argument(
        "--replace", action="store_true", help="overwrite the store that is there now"
    )
    _fill_guard(_add(commands.add_parser, "guard", "guard.guard", "Run a command once approved."))
    words = "Stand before an MCP server, and ask before calls that rules name."
    fill_mcp_gate(_add(commands.add_parser, "mcp-gate", "mcp_gate.mcp_gate", words))
    words = "Decide, for a coding agent, whether a tool may run; all but a clear yes denies."
    fill_hook(_add(commands.add_parser, "hook", "hook.hook", words))
    words = "Check the evidence of a decision; trust whom you name, nobody else."
    _fill_verify(_add(commands.add_parser, "verify", "verifying.verify", words))
    for name, words, fill in (
        ("apikey", "API keys of programs that ask.", _fill_apikey),
        ("invite", "Invites for people who decide.", _fill_invite),
        ("approver", "The people who decide.", _fill_approver),
        ("log", "The transparency log of this installation.", _fill_log),
        ("webhook", "Endpoints that are told of decisions.", _fill_webhook),
    ):
        group = commands.add_parser(name, help=words, description=words)
        fill(group.add_subparsers(metavar="COMMAND", required=True).add_parser)
    return top


def _fill_guard(guard: argparse.ArgumentParser) -> None:
    guard.add_argument("--user", metavar="NAME", help="who decides (COSIGNET_USER)")
    guard.add_argument("--action", help="the title they read (Run PROGRAM on HOST)")
    guard.add_argument(
        "--ttl", type=int, default=TTL_SECONDS_DEFAULT, metavar="SECONDS", help="(%(default)s)"
    )
    guard.add_argument(
        "--risk", choices=("normal", "high"), default="normal", help="high asks for a match code"
    )
    guard.add_argument(
        "--env", action="append", default=[], metavar="NAME", help="show this variable, too"
    )
    guard.add_argument(
        "--file", action="append", default=[], metavar="PATH", help="pin this file by its hash"
    )
    guard.add_argument("--pins", type=Path, help="file of the passkeys that are believed")
    guard.add_argument(
        "--log-key",
        action="append",
        metavar="VKEY",
        help="run only what is in the log of this verifier key (COSIGNET_LOG_VKEY)",
    )
    guard.add_argument("--origin", help="what approvers see, if not COSIGNET_BASE_URL")
    guard.add_argument("--quiet", action="store_true", help="no countdown and no QR code")
    guard.add_argument("command", nargs="*", metavar="COMMAND", help="after --, as it shall run")


def _fill_verify(verify: argparse.ArgumentParser) -> None:
    verify.add_argument("evidence", help="a file, a link, or an evidence id")
    verify.add_argument("--vkey", action="append", default=[], help="a key of the log")
    verify.add_argument("--origin", help="the site's origin, such as https://approve.example")
    verify.add_argument(
        "--credential-key",
        action="append",
        default=[],
        metavar="HASH",
        help="SHA-256 of an approver's public key (SubjectPublicKeyInfo) in hexadecimal",
    )
    verify.add_argument("--pins", metavar="FILE", help="a file that names all three")
    verify.add_argument("--payload", metavar="FILE", help="the payload as you know it, JSON")
    verify.add_argument("--kind", choices=EVIDENCE_KINDS, default="approval", help="(%(default)s)")
    verify.add_argument("--server", metavar="URL", help="for an id; COSIGNET_BASE_URL without it")


def _fill_apikey(add: _AddParser) -> None:
    create = _add(add, "create", "access.create_api_key", "Mint a key; prints just the key.")
    create.add_argument("--name", required=True, help="what approvers read as the requester")
    create.add_argument(
        "--scope",
        action="append",
        choices=[str(scope) for scope in Scope],
        help=f"may be repeated; without it: {', '.join(DEFAULT_SCOPES)}",
    )
    rotate = _add(add, "rotate", "access.rotate_api_key", "Replace a key's secret; prints it.")
    rotate.add_argument("id")
    rotate.add_argument(
        "--overlap",
        type=int,
        default=OVERLAP_SECONDS_DEFAULT,
        metavar="SECONDS",
        help=f"how long the old secret goes on, up to {OVERLAP_SECONDS_MAX} (%(default)s)",
    )
    _add(add, "list", "access.list_api_keys", "List the keys, without their secrets.")
    revoke = _add(add, "revoke", "access.revoke_api_key", "End a key at once.")
    revoke.add_argument("id")


def _fill_invite(add: _AddParser) -> None:
    create = _add(add, "create", "access.create_invite", "Invite an approver; prints the link.")
    create.add_argument(
        "--username", help="the only name it is for; an existing one gets another passkey"
    )
    create.add_argument("--note", help="shown on the registration page")
    create.add_argument("--max-uses", type=int, default=1, help="how many people (%(default)s)")
    _add(add, "list", "access.list_invites", "List the invites with their uses.")
    revoke = _add(add, "revoke", "access.revoke_invite", "End an invite at once.")
    revoke.add_argument("code")


def _fill_approver(add: _AddParser) -> None:
    _add(add, "list", "access.list_approvers", "List the approvers.")
    activate = _add(add, "activate", "access.activate_approver", "Let an approver decide.")
    activate.add_argument("username")
    role = _add(add, "role", "access.set_role", "Give an approver another role.")
    role.add_argument("username")
    role.add_argument("role", choices=[str(role) for role in Role], help="what they are then")
    revoke = _add(add, "revoke", "access.revoke_approver", "End an approver's say, for ever.")
    revoke.add_argument("username")
    passkeys = _add(add, "passkeys", "access.list_passkeys", "List an approver's passkeys.")
    passkeys.add_argument("username")
    lost = _add(add, "revoke-passkey", "access.revoke_passkey", "End one passkey, for ever.")
    lost.add_argument("id", help="the id that `passkeys` lists")


def _fill_log(add: _AddParser) -> None:
    key = _add(add, "key", "log.key", "Print the verifier keys, oldest first.")
    key.add_argument("--new", action="store_true", help="make a secret key for a new store")
    verify = _add(add, "verify", "log.verify", "Rebuild the log and compare everything.")
    verify.add_argument(
        "--remember",
        action="store_true",
        help="go on from here, whatever this node remembered; only if no newer database exists",
    )
    export = _add(add, "export", "log.export", "Copy the log into a folder, as static files.")
    export.add_argument("folder")
    freeze = _add(add, "freeze", "log.freeze", "Stop the log: entries wait, nothing is signed.")
    freeze.add_argument("--thaw", action="store_true", help="let it go on")
    rotate = _add(add, "rotate", "log.rotate", "Make another signing key; prints it.")
    rotate.add_argument(
        "--overlap-days",
        type=int,
        default=30,
        metavar="DAYS",
        help="how long the old key signs beside it (%(default)s)",
    )


def _fill_webhook(add: _AddParser) -> None:
    create = _add(add, "create", "webhooks.create", "Tell an endpoint; prints just the secret.")
    create.add_argument("--url", required=True, help="where to, by https")
    create.add_argument(
        "--event",
        action="append",
        choices=[str(event) for event in DECISION_EVENTS],
        help="may be repeated; all of them without it",
    )
    _add(add, "list", "webhooks.list_all", "List the webhooks.")
    for name, words in (
        ("test", "Have the server send a test."),
        ("enable", "Send to a disabled webhook again."),
        ("revoke", "End a webhook, for ever."),
    ):
        _add(add, name, f"webhooks.{name}", words).add_argument("id")
    rotate = _add(add, "rotate", "webhooks.rotate", "Replace the secret; prints it.")
    rotate.add_argument("id")
    rotate.add_argument(
        "--overlap",
        type=int,
        default=ROTATION_SECONDS_DEFAULT,
        metavar="SECONDS",
        help=f"how long the old secret signs, too, up to {ROTATION_SECONDS_MAX} (%(default)s)",
    )
    told = _add(add, "deliveries", "webhooks.deliveries", "List the latest deliveries.")
    told.add_argument("--webhook", metavar="ID", help="of this webhook alone")
    told.add_argument("--confirmation", metavar="ID", help="of this confirmation alone")
    told.add_argument("--status", choices=[str(status) for status in DeliveryStatus])
    told.add_argument("--limit", type=int, default=PAGE_SIZE_DEFAULT, help="%(default)s")
    words = "Have the server send a delivery again."
    _add(add, "redeliver", "webhooks.send_again", words).add_argument("id")


def _add(add: _AddParser, name: str, run: str, words: str) -> argparse.ArgumentParser:
    command = add(name, help=words, description=words)
    command.set_defaults(run=run)
    command.add_argument("--json", action="store_true", help="print JSON")
    return command
