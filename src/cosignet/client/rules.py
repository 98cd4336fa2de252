"""Which calls of tools ask a human: one small TOML file, for the gate and the hook alike.

Whatever matches, the strictest rule wins; what cannot be read in one way only counts as the
stricter case. What a server says of its own tools makes a rule stricter, never looser.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeAlias, cast

from cosignet.client.conditions import Condition, Doubtful, read_condition
from cosignet.client.errors import SetupIncomplete
from cosignet.core.confirmation import ACTION_CHARACTERS_MAX, TTL_SECONDS_MAX

Arguments: TypeAlias = Mapping[str, Any] | None
"""A call's arguments; None where they cannot be read in one way only."""
RISKS = ("normal", "high")
_ASKING = {"approver": str, "title": str, "risk": str, "ttl_seconds": int}
_TOP = {"server": str, "default": str, "rule": list} | _ASKING
_RULE = {"tools": list, "when": dict, "then": str, "although_destructive": bool} | _ASKING


class Then(IntEnum):
    """What becomes of a call; the larger, the stricter."""

    PASS = 0
    ASK = 1
    DENY = 2


class Hint(IntEnum):
    """What a server says of a tool of its own (`annotations`); the larger, the stricter."""

    HARMLESS = 0
    """It only reads, or says that it destroys nothing."""
    SILENT = 1
    """It does not say, which the protocol takes for destructive."""
    DESTRUCTIVE = 2

    @classmethod
    def of(cls, annotations: object) -> "Hint":
        """Read a tool's annotations (MCP, `ToolAnnotations`)."""
        if not isinstance(annotations, dict):
            return cls.SILENT
        said = cast("dict[str, object]", annotations)
        if said.get("destructiveHint") is True:
            return cls.DESTRUCTIVE
        harmless = said.get("readOnlyHint") is True or said.get("destructiveHint") is False
        return cls.HARMLESS if harmless else cls.SILENT


@dataclass(frozen=True, slots=True)
class Asking:
    """How a human is asked; None: as the file says for all, or the environment."""

    approver: str | None = None
    title: str | None = None
    """With `{tool}` and `{server}` filled in."""
    risk: str | None = None
    ttl_seconds: int | None = None

    def over(self, other: "Asking") -> "Asking":
        """Return this one, with what it leaves open taken from another."""
        return Asking(
            self.approver or other.approver,
            self.title or other.title,
            self.risk or other.risk,
            self.ttl_seconds or other.ttl_seconds,
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Some tools, on some conditions, and what becomes of their calls."""

    tools: tuple[str, ...]
    then: Then
    when: tuple[Condition, ...] = ()
    """All of them have to hold."""
    although_destructive: bool = False
    """Whether it passes what its server calls destructive."""
    asking: Asking = field(default_factory=Asking)

    def applies(self, tool: str, arguments: Arguments) -> bool:
        """Whether the call is meant; in doubt a rule that lets calls pass does not mean it."""
        if not any(fnmatchcase(tool, pattern) for pattern in self.tools):
            return False
        try:
            return all(one.holds(arguments) for one in self.when)
        except Doubtful:
            return self.then is not Then.PASS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one call, and how a human is asked about it."""

    then: Then
    asking: Asking


@dataclass(frozen=True, slots=True)
class Rules:
    """A whole file."""

    server: str
    """What the approver reads as the name of the server."""
    rules: tuple[Rule, ...] = ()
    default: Then = Then.ASK
    asking: Asking = field(default_factory=Asking)

    def verdict(self, tool: str, arguments: Arguments, hint: Hint | None = None) -> Verdict:
        """Judge one call; `hint` is None where nobody could have said anything of the tool."""
        meant = [rule for rule in self.rules if rule.applies(tool, arguments)]
        if not meant:
            harmless = hint in (None, Hint.HARMLESS)
            then = self.default if harmless else max(self.default, Then.ASK)
            return Verdict(then, self.asking)
        strictest = max(meant, key=lambda rule: rule.then)
        then = strictest.then
        if hint is Hint.DESTRUCTIVE and not all(rule.although_destructive for rule in meant):
            then = max(then, Then.ASK)
        return Verdict(then, strictest.asking.over(self.asking))

    def title(self, asking: Asking, tool: str) -> str:
        """Return what the approver reads first."""
        words = (asking.title or "Call {tool} on {server}").replace("{server}", self.server)
        return words.replace("{tool}", tool)[:ACTION_CHARACTERS_MAX]


# --- Reading the file -----------------------------------------------------------------------------


def read_rules(path: Path | None) -> Rules:
    """Read a file of rules.

    Raises:
        SetupIncomplete: it cannot be read, or says something that is not understood.
    """
    if path is None:
        raise SetupIncomplete("By which rules? Give --rules FILE.")
    try:
        return parse_rules(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupIncomplete(f"The rules cannot be read: {error}") from None
    except SetupIncomplete as error:
        raise SetupIncomplete(f"{path}: {error}") from None


def parse_rules(text: str) -> Rules:
    """Read rules; raises as `read_rules` does."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SetupIncomplete(f"This is no TOML: {error}") from None
    _verify_members(table, _TOP, "the file")
    if not table.get("server"):
        raise SetupIncomplete('Say which server this is: server = "NAME".')
    return Rules(
        server=table["server"],
        rules=tuple(_rule(one, f"rule {n}") for n, one in enumerate(table.get("rule", []), 1)),
        default=_then(table.get("default", "ask"), "default"),
        asking=_asking(table, "the file"),
    )


def _rule(table: object, where: str) -> Rule:
    if not isinstance(table, dict):
        raise SetupIncomplete(f"{where} is no table. Write [[rule]].")
    members = cast("dict[str, Any]", table)
    _verify_members(members, _RULE, where)
    tools = members.get("tools", [])
    if not tools or not all(isinstance(one, str) and one for one in tools):
        raise SetupIncomplete(f'{where} names no tools. Write tools = ["NAME", "PATTERN*"].')
    if "then" not in members:
        raise SetupIncomplete(f'{where} does not say what then: "ask", "pass" or "deny".')
    when = cast("dict[str, Any]", members.get("when", {}))
    return Rule(
        tools=tuple(tools),
        then=_then(members["then"], where),
        when=tuple(read_condition(name, said, where) for name, said in when.items()),
        although_destructive=members.get("although_destructive", False),
        asking=_asking(members, where),
    )


def _then(word: str, where: str) -> Then:
    if word.upper() not in Then.__members__ or not word.islower():
        raise SetupIncomplete(f'{where}: "{word}" is not "ask", "pass" or "deny".')
    return Then[word.upper()]


def _asking(table: Mapping[str, Any], where: str) -> Asking:
    risk, seconds = table.get("risk"), table.get("ttl_seconds")
    if risk not in (None, *RISKS):
        raise SetupIncomplete(f'{where}: risk is "normal" or "high".')
    if seconds is not None and not 1 <= seconds <= TTL_SECONDS_MAX:
        raise SetupIncomplete(f"{where}: ttl_seconds is 1 to {TTL_SECONDS_MAX}.")
    return Asking(table.get("approver"), table.get("title"), risk, seconds)


def _verify_members(table: Mapping[str, Any], known: Mapping[str, type], where: str) -> None:
    for name, value in table.items():
        if name not in known:
            raise SetupIncomplete(f"{where}: {name} is not known. Known: {', '.join(known)}.")
        if type(value) is not known[name]:
            raise SetupIncomplete(f"{where}: {name} has to be a {known[name].__name__}.")
