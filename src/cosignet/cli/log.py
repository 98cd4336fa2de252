"""`cosignet log`: the transparency log's keys, its whole truth, its copy, and stopping it."""

import argparse
import base64
import json
import secrets
from pathlib import Path

from cosignet.cli.output import print_secret, say, with_runtime
from cosignet.core.errors import FieldInvalid
from cosignet.core.note import VerifierKey
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SECRET_BYTES
from cosignet.server.services import log_keys, rebuild
from cosignet.server.services.log_keys import OVERLAP_DAYS_MAX
from cosignet.server.services.rebuild import Rebuilt


def key(options: argparse.Namespace) -> int:
    """Print the log's verifier keys, oldest first; or a new secret one, which no store has yet."""
    if options.new:
        made = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        print_secret(options, made, {"logKey": made})
        say("Keep it, and start a new store with it as COSIGNET_LOG_KEY.")
        return 0
    keys = with_runtime(log_keys.list_)
    texts = [one.text for one in keys]
    print(json.dumps(texts) if options.json else "\n".join(texts))
    return 0


def verify(options: argparse.Namespace) -> int:
    """Rebuild the log from its entries and compare everything."""

    async def work(rt: Runtime) -> Rebuilt:
        found = await rebuild.rebuild(rt)
        if options.remember:
            await rebuild.remember(rt, found)
        return found

    found = with_runtime(work)
    about = {"entries": found.size, "heads": found.heads}
    print(json.dumps(about) if options.json else f"{found.size} entries, {found.heads} heads: fine")
    if options.remember:
        say("This node goes on from here. Whoever saw a longer log can prove it.")
    return 0


def export(options: argparse.Namespace) -> int:
    """Write the log as files that any web server can serve."""
    folder = Path(options.folder)

    async def work(rt: Runtime) -> int:
        count = 0
        async for name, data in rebuild.files(rt):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            count += 1
        return count

    count = with_runtime(work)
    print(json.dumps({"files": count}) if options.json else f"{count} files in {folder}")
    return 0


def freeze(options: argparse.Namespace) -> int:
    """Stop the log, or let it go on."""

    async def work(rt: Runtime) -> bool:
        return await rebuild.freeze(rt, frozen=not options.thaw)

    changed = with_runtime(work)
    state = "goes on" if options.thaw else "is stopped: entries wait, and nothing is signed"
    if options.json:
        print(json.dumps({"frozen": not options.thaw, "changed": changed}))
    else:
        print(f"The log {state}.")
    return 0


def rotate(options: argparse.Namespace) -> int:
    """Make another signing key."""
    if not 0 <= options.overlap_days <= OVERLAP_DAYS_MAX:
        raise FieldInvalid(f"0 to {OVERLAP_DAYS_MAX} days", field="--overlap-days")

    async def work(rt: Runtime) -> VerifierKey:
        return await log_keys.rotate(rt, overlap_days=options.overlap_days)

    made = with_runtime(work).text
    print(json.dumps({"vkey": made}) if options.json else made)
    say("Hand it to whoever verifies; the old key signs beside it until the overlap ends.")
    return 0
