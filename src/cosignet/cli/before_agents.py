"""The grammar of what stands before an agent's tools: the gate and the hook."""

import argparse
from pathlib import Path


def fill_mcp_gate(gate: argparse.ArgumentParser) -> None:
    """Add the options of `cosignet mcp-gate`."""
    _fill_rules(gate)
    gate.add_argument(
        "--dry-run", action="store_true", help="say what would be asked; ask nobody, run none of it"
    )
    gate.add_argument("--url", help="the server's, if it is no command: https://…/mcp")
    gate.add_argument(
        "--bearer-env", metavar="VARIABLE", help="variable with the token that --url wants"
    )
    gate.add_argument("command", nargs="*", metavar="COMMAND", help="the server's, after --")


def fill_hook(hook: argparse.ArgumentParser) -> None:
    """Add the options of `cosignet hook`."""
    _fill_rules(hook)
    hook.add_argument(
        "--within",
        type=int,
        default=540,
        metavar="SECONDS",
        help="deny after this; less than the hook's own timeout (%(default)s)",
    )


def _fill_rules(command: argparse.ArgumentParser) -> None:
    command.add_argument("--rules", type=Path, help="TOML file that says which calls ask")
    command.add_argument("--pins", type=Path, help="file of the passkeys that are believed")
    command.add_argument("--origin", help="what approvers see, if not COSIGNET_BASE_URL")
    command.add_argument("--tell", metavar="COMMAND", help="run with the link: xdg-open, say")
