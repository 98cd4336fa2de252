"""Every client there is, each made to gate one action: what it did, and what it said of it."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.authenticator import base64url
from tests.client.faulty import APPROVER, passkey
from tests.client.stdio import PLAIN, StdioAgent, refused
from tests.conftest import NODE

from cosignet.client import (
    AsyncCosignet,
    Cancelled,
    Cosignet,
    CosignetError,
    EvidenceRefused,
    Expired,
    PinnedKeys,
    Rejected,
    RequestRefused,
    Timing,
    Unavailable,
    Undecided,
    requires_approval,
)

ACTION = "Refund customer"
PAYLOAD: dict[str, Any] = {"customer_id": "cus_8821", "amount": 4200, "one": 1, "note": "é ✓"}
QUICK = Timing(
    request=2, wait=1, first_pause=0.05, longest_pause=0.2, grace=1, after=3, alert_after=2
)
VERDICTS: dict[type[CosignetError], str] = {
    Rejected: "rejected",
    Undecided: "undecided",
    Cancelled: "cancelled",
    Expired: "expired",
    Unavailable: "unavailable",
    EvidenceRefused: "evidence",
    RequestRefused: "refused",
}


@dataclass(frozen=True)
class Asking:
    """Where a client asks, for how long, and the folder that it may write to."""

    url: str
    ttl: int
    folder: Path
    key: str = "cosk_test"
    pin: str = base64url(passkey(APPROVER).spki)
    """The passkey that is believed to be the approver's."""
    log_keys: tuple[str, ...] = ()
    """Verifier keys of the log that an approval has to be in."""


@dataclass(frozen=True)
class Did:
    """How often the action ran, and the verdict."""

    runs: int
    verdict: str
    said: str = ""


def python_client(asking: Asking) -> Cosignet:
    """Return the client under test."""
    trust = PinnedKeys({APPROVER: [asking.pin]})
    return Cosignet(
        api_key=asking.key,
        base_url=asking.url,
        trust=trust,
        log_keys=asking.log_keys,
        timing=QUICK,
    )


def judged(work: Callable[[list[Any]], object]) -> Did:
    """Run something that notes each run of the action."""
    runs: list[Any] = []
    try:
        work(runs)
    except CosignetError as error:
        return Did(len(runs), VERDICTS[type(error)], str(error))
    # What ran is what was asked for.
    assert all(json.dumps(run) == json.dumps(PAYLOAD) for run in runs), runs
    return Did(len(runs), "ran")


def by_request(asking: Asking) -> Did:
    client = python_client(asking)

    def work(runs: list[Any]) -> None:
        decision = client.request_approval(
            username=APPROVER, action=ACTION, payload=PAYLOAD, ttl_seconds=asking.ttl
        )
        client.run(decision, runs.append)

    return judged(work)


def by_request_async(asking: Asking) -> Did:
    client = AsyncCosignet(python_client(asking))

    async def gate(runs: list[Any]) -> None:
        decision = await client.request_approval(
            username=APPROVER, action=ACTION, payload=PAYLOAD, ttl_seconds=asking.ttl
        )

        async def act(payload: dict[str, Any]) -> None:
            runs.append(payload)

        await client.run(decision, act)

    return judged(lambda runs: asyncio.run(gate(runs)))


def by_decorator(asking: Asking) -> Did:
    def work(runs: list[Any]) -> None:
        @requires_approval(
            action=ACTION, username=APPROVER, client=python_client(asking), ttl_seconds=asking.ttl
        )
        def refund(customer_id: str, amount: int, *, one: int = 1, note: str) -> None:
            runs.append({"customer_id": customer_id, "amount": amount, "one": one, "note": note})

        refund("cus_8821", amount=4200, note="é ✓")

    return judged(work)


# --- Programs -------------------------------------------------------------------------------------

# The program as it is, but for how long it tries.
GUARD = f"""
import sys
from cosignet.cli.main import main
from cosignet.client import cosignet, patience
cosignet.Timing = lambda: patience.{QUICK}
sys.exit(main(sys.argv[1:]))
"""
BY_STATUS = {0: "ran", 10: "rejected", 11: "expired", 12: "cancelled"} | {
    75: "unavailable",
    76: "evidence",
    77: "refused",
}
PROGRAM_SECONDS = 60


def program_environ(asking: Asking) -> dict[str, str]:
    """Return an environment in which the approver's passkey is known."""
    pins = asking.folder / "pins.json"
    pin = {"origin": asking.url, "approver": APPROVER, "credential": "", "key": asking.pin}
    pins.write_text(json.dumps({"version": 1, "pins": [pin]}))
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    # What a version manager puts before python3 takes longer than all the rest.
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.pop("PATH", "")])
    return kept | {
        "PATH": path,
        "HOME": str(asking.folder),
        "COSIGNET_API_KEY": asking.key,
        "COSIGNET_BASE_URL": asking.url,
        "COSIGNET_USER": APPROVER,
        "COSIGNET_PINS": str(pins),
    }


def by_program(command: list[str], asking: Asking, **environ: str) -> Did:
    """Run a program that gates `tee`; what it gates leaves a line in a file each time it runs."""
    marks = asking.folder / "marks"
    ran = subprocess.run(
        command,
        cwd=asking.folder,
        env=program_environ(asking) | environ,
        input="ran\n",
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    runs = len(marks.read_text().splitlines()) if marks.exists() else 0
    verdict = BY_STATUS.get(ran.returncode, f"ended with {ran.returncode}")
    return Did(runs, verdict, ran.stdout + ran.stderr)


ONE_RUN = ["tee", "-a", "marks", "two words", "$(false) `x` \"' \\ é"]
"""Appends a line to `marks`; the rest would end otherwise if a shell read it."""


def by_guard(asking: Asking) -> Did:
    options = ["--ttl", str(asking.ttl), "--action", ACTION, "--env", "one"]
    options += [word for key in asking.log_keys for word in ("--log-key", key)] + ["--"]
    return by_program([sys.executable, "-c", GUARD, "guard", *options, *ONE_RUN], asking)


BY_WORDS = {
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "WITHDRAWN": "cancelled",
    "UNAVAILABLE": "unavailable",
    "NOT BELIEVED": "evidence",
    "NOT ASKED": "refused",
}


def by_mcp_gate(asking: Asking) -> Did:
    """Call a tool through the gate; the server behind it writes down what it is sent."""
    received = asking.folder / "received"
    rules = f'server = "plain"\nttl_seconds = {asking.ttl}\n'
    gate = [sys.executable, "-c", GUARD, "mcp-gate", "--json"]
    environ = program_environ(asking) | {"COSIGNET_LOG_VKEY": " ".join(asking.log_keys)}
    with StdioAgent(asking.folder, rules, [*PLAIN, received], gate=gate, **environ) as agent:
        result = agent.result(agent.call("refund", PAYLOAD))
    calls = received.read_bytes().splitlines() if received.exists() else []
    for call in calls:
        assert json.loads(call)["params"] == {"name": "refund", "arguments": PAYLOAD}
    if not result["isError"]:
        return Did(len(calls), "ran")
    words = refused(result)
    verdict = next(verdict for said, verdict in BY_WORDS.items() if said in words)
    return Did(len(calls), verdict, words)


RECIPES = Path(__file__).parent.parent.parent / "recipes"
IMPATIENT = {
    "REQUEST_SECONDS=10 WAIT_SECONDS=25 GRACE_SECONDS=5 AFTER_SECONDS=30 PAUSE_TENTHS_MAX=200": (
        "REQUEST_SECONDS=1 WAIT_SECONDS=1 GRACE_SECONDS=1 AFTER_SECONDS=3 PAUSE_TENTHS_MAX=2"
    ),
    "bound=5": "bound=1",
}


def impatient(folder: Path) -> Path:
    """Return the recipes as they are, but for how long they try."""
    copied = shutil.copytree(RECIPES, folder / "recipes")
    library = copied / "lib" / "cosignet.sh"
    text = library.read_text()
    for found, instead in IMPATIENT.items():
        assert found in text
        text = text.replace(found, instead)
    library.write_text(text)
    return copied


def by_shell_guard(asking: Asking, **environ: str) -> Did:
    script = impatient(asking.folder) / "cli-approval" / "cosignet-guard.sh"
    options = ["--ttl", str(asking.ttl), "--action", ACTION, "--", *ONE_RUN]
    return by_program(["bash", str(script), *options], asking, **environ)


def by_gate(asking: Asking, **environ: str) -> Did:
    script = impatient(asking.folder) / "ci-cd" / "gate.sh"
    fields = ["--field", "one=1", "--field", 'note=é "✓" = \\']
    options = ["--ttl", str(asking.ttl), "--action", ACTION, *fields]
    steps = 'id=$("$@") && tee -a marks && bash "$2" --outcome executed "$id"'
    step = ["bash", "-c", steps, "steps", "bash", str(script), *options]
    return by_program(step, asking, CI="true", **environ)


SDK = RECIPES.parent / "sdk" / "typescript"


def by_typescript(asking: Asking) -> Did:
    arguments = [asking.url, str(asking.ttl), asking.pin, asking.key, *asking.log_keys]
    ran = subprocess.run(
        [NODE, SDK / "test" / "gate.ts", *arguments],
        cwd=asking.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert all(json.dumps(run) == json.dumps(PAYLOAD) for run in told["runs"]), told
    return Did(len(told["runs"]), told["verdict"], told["said"])


BY_JQ = {"COSIGNET_JSON_BY_JQ": "1"}

Client = Callable[[Asking], Did]
CLIENTS: dict[str, Client] = {
    "Python": by_request,
    "Python, asyncio": by_request_async,
    "Python, decorator": by_decorator,
    "TypeScript": by_typescript,
    "cosignet guard": by_guard,
    "cosignet mcp-gate": by_mcp_gate,
    "cosignet-guard.sh, python3": by_shell_guard,
    "cosignet-guard.sh, jq": partial(by_shell_guard, **BY_JQ),
    "gate.sh, python3": by_gate,
    "gate.sh, jq": partial(by_gate, **BY_JQ),
}
