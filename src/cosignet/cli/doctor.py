"""`cosignet doctor`: everything that an operator can get wrong, each with its cure."""

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from cosignet.cli import machine, reach, store_checks
from cosignet.cli.finding import PRIVATE_WEBHOOKS, UNKNOWN_ADDRESSES, Finding, fail, ok, warn
from cosignet.core.characters import visible
from cosignet.core.errors import SetupError
from cosignet.server.config import Config, read_config
from cosignet.server.install import key_of


def doctor(options: argparse.Namespace) -> int:
    """Look at everything; the exit status is 1 if something fails."""
    findings = asyncio.run(_all(options))
    if options.json:
        print(json.dumps([finding.as_json() for finding in findings]))
    else:
        _print(findings)
    return 1 if any(finding.result == "FAIL" for finding in findings) else 0


async def _all(options: argparse.Namespace) -> list[Finding]:
    return [finding async for finding in _examine(options)]


async def _examine(options: argparse.Namespace) -> AsyncGenerator[Finding]:
    try:
        config = read_config()
    except SetupError as refusal:
        yield fail("settings", str(refusal))
        return
    yield ok("settings", _about_url(config))
    yield _invites(config)
    yield _proxies(config)
    if config.allow_private_webhooks:
        yield warn("webhooks", PRIVATE_WEBHOOKS, "That is for development: leave it out elsewhere.")
    for finding in machine.examine(config):
        yield finding
    yield _key(config)
    async for finding in store_checks.examine(config):
        yield finding
    async for finding in reach.examine(config, options.port):
        yield finding
    yield machine.last_backup(config, datetime.now(UTC))


def _about_url(config: Config) -> str:
    where = f"{config.public_url}; passkeys are bound to {config.rp_id}"
    if config.secure:
        return f"{where}; a proxy in front ends TLS and passes Host on"
    return f"{where}: people at this machine alone can approve"


def _proxies(config: Config) -> Finding:
    if not config.knows_addresses:
        return warn("proxies", UNKNOWN_ADDRESSES, "Set it to your proxy's address.")
    named = ", ".join(map(str, config.trusted_proxies))
    return ok("proxies", f"{named or 'nobody'} may say where a request comes from")


def _invites(config: Config) -> Finding:
    if not config.trust_api_invites:
        return ok("invites", "whom an API key invites waits for somebody to activate them")
    words = "COSIGNET_API_INVITES=trusted: an API key of scope admin can enrol approvers"
    return warn("invites", words, "Choose `activate` before others rely on this server.")


def _key(config: Config) -> Finding:
    try:
        return ok("key", f"the sealing key is there, {key_of(config)}")
    except SetupError as refusal:
        return fail("key", str(refusal))


def _print(findings: list[Finding]) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        print(f"{finding.result:<4}  {finding.check:<{width}}  {visible(finding.what)}")
        if finding.cure:
            print(f"{'':<{width + 8}}{visible(finding.cure)}")
