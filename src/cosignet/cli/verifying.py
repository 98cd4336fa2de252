"""`cosignet verify`: evidence checked by `verifiers/verify.py`, which people can read."""

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any, cast

from cosignet.client.api import Unheard
from cosignet.client.bundle import Trust, read_evidence
from cosignet.client.environment import read_base_url
from cosignet.core.errors import SetupError
from cosignet.verifiers import verify as program

verifier = cast(Any, program)
"""Without types, so that it stays short."""


def verify(options: argparse.Namespace) -> int:
    """Print what each step found; the exit status is the verifier's: 0, 1 or 3."""
    trust = _trust(options)
    try:
        base_url = options.server or read_base_url()
        data = read_evidence(options.evidence, base_url=base_url, kind=trust.kind)
    except Unheard as error:
        print(error, file=sys.stderr)
        return 1
    results = verifier.verify(_parse(data, options.evidence), trust)
    if not options.json:
        return verifier.report(results, trust.kind)
    with contextlib.redirect_stdout(io.StringIO()):
        status = verifier.report(results, trust.kind)
    steps = [{"step": name, "verdict": verdict, "why": why} for name, verdict, why in results]
    print(json.dumps({"status": status, "steps": steps}))
    return status


def _trust(options: argparse.Namespace) -> Trust:
    trust = Trust(options.kind, options.origin, vkeys=options.vkey, keys=options.credential_key)
    if options.payload is not None:
        text = Path(options.payload).read_bytes()
        trust.payload = verifier.write(_parse(text, options.payload))
    if options.pins is not None:
        trust.add_pins(Path(options.pins))
    return trust


def _parse(data: bytes, name: str) -> Any:
    try:
        return verifier.READ.decode(data.decode())
    except (ValueError, RecursionError):
        raise SetupError(f"{name} is no JSON.") from None
