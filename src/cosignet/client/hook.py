"""A hook of a coding agent: before a tool runs, the same rules decide, and deny in every doubt.

Claude Code and Codex write one JSON object (`PreToolUse`, `PermissionRequest`) and read an exit
status: 2, with words on standard error, keeps the tool from running. Most other failures would let
it run, so whoever calls this turns everything that is raised into 2.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from cosignet.client.asking import Asker, Forbidden
from cosignet.client.cosignet import Asked
from cosignet.client.errors import CosignetError
from cosignet.client.rules import Asking, Then
from cosignet.core.confirmation import TTL_SECONDS_DEFAULT
from cosignet.core.jsontext import parse_json

INPUT_BYTES_MAX = 16 * 1024 * 1024
BEFORE, PERMISSION = "PreToolUse", "PermissionRequest"
MARGIN_SECONDS = 60
"""What asking, consuming and their repetitions take beside the time that the human has."""


class HookUnreadable(CosignetError):
    """What the agent's client said is not understood."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that is about to run."""

    event: str
    tool: str
    input: dict[str, Any]
    cwd: str


def read_tool_use(data: bytes) -> ToolUse:
    """Read what a hook is told.

    Raises:
        HookUnreadable: it is too long, another event, or misses something.
        PayloadRefused: programs could read it differently.
        BodyNotJson: it is no JSON.
    """
    if len(data) > INPUT_BYTES_MAX:
        raise HookUnreadable(f"The hook's input is longer than {INPUT_BYTES_MAX} bytes.")
    said = parse_json(data)
    members = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    event = members.get("hook_event_name")
    if event not in (BEFORE, PERMISSION):
        raise HookUnreadable(f"The event is {event!r}; only {BEFORE} and {PERMISSION} can ask.")
    tool, given, cwd = (members.get(name) for name in ("tool_name", "tool_input", "cwd"))
    if not isinstance(tool, str) or not tool or not isinstance(cwd, str):
        raise HookUnreadable("The hook's input does not say which tool, or where.")
    if not isinstance(given, dict):
        raise HookUnreadable("The hook's input does not say what the tool is given.")
    return ToolUse(event, tool, cast("dict[str, Any]", given), cwd)


def decide(
    use: ToolUse, asker: Asker, within: int, on_asked: Callable[[Asked, str], object]
) -> dict[str, Any] | None:
    """Return what the client is answered: None leaves it to its own rules.

    Args:
        use: what is about to happen.
        asker: who asks, by which rules.
        within: seconds until the client stops waiting, after which it might run the tool.
        on_asked: told of what waits, and for whom.

    Raises:
        Forbidden: a rule says no.
        CosignetError: it is not approved; a subclass says why.
        PayloadRefused: it cannot be shown.
    """
    verdict = asker.rules.verdict(use.tool, use.input)
    if verdict.then is Then.DENY:
        raise Forbidden(f"A rule denies this call of {use.tool}.")
    if verdict.then is Then.PASS:
        return None
    payload = {
        "agent": asker.rules.server,
        "tool": use.tool,
        "input": use.input,
        "cwd": use.cwd,
    }
    asking = _in_time(verdict.asking, within)
    approval = asker.approve(asking, use.tool, payload, on_asked=on_asked)
    return _allowed(use.event, approval.payload["input"])


def _in_time(asking: Asking, within: int) -> Asking:
    seconds = min(asking.ttl_seconds or TTL_SECONDS_DEFAULT, within - MARGIN_SECONDS)
    return replace(asking, ttl_seconds=max(1, seconds))


def _allowed(event: str, signed: object) -> dict[str, Any]:
    if event == PERMISSION:
        decision = {"hookEventName": event, "decision": {"behavior": "allow"}}
    else:
        # The tool is given what was signed, whatever another hook has made of it meanwhile.
        decision = {"hookEventName": event, "permissionDecision": "allow", "updatedInput": signed}
        decision["permissionDecisionReason"] = "A human has signed exactly this."
    return {"hookSpecificOutput": decision}
