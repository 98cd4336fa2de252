"""Conditions on a call's arguments: a pattern, a value, or bounds of a number."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast

from cosignet.client.errors import SetupIncomplete

_BOUNDS = {"at_least", "at_most"}
_SLIPPERY = re.compile(r"\.\.|[\x00-\x1f\x7f\u2028\u2029]")
"""What makes a text mean something else than its beginning says: a way up, a second line."""
_ABSENT = object()


class Doubtful(Exception):
    """Whether the condition holds depends on who reads the arguments."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One argument, by its path of names, and what has to be true of it."""

    path: tuple[str, ...]
    test: Callable[[object], bool]

    def holds(self, arguments: Mapping[str, Any] | None) -> bool:
        """Whether it holds for a call; not, if there is no such argument.

        Raises:
            Doubtful: programs could read these arguments differently.
        """
        value: object = arguments
        if value is None:
            raise Doubtful
        for name in self.path:
            value = _member(value, name)
        return value is not _ABSENT and self.test(value)


def _member(value: object, name: str) -> object:
    if not isinstance(value, dict):
        return _ABSENT
    members = cast("dict[str, object]", value)
    if any(key != name and key.casefold() == name.casefold() for key in members):
        # Some languages take `Path` for `path` (Go's encoding/json does).
        raise Doubtful
    return members.get(name, _ABSENT)


def read_condition(name: str, said: object, where: str) -> Condition:
    """Read `name = said` of a `when` table.

    Raises:
        SetupIncomplete: it is no condition.
    """
    path = tuple(name.split("."))
    if isinstance(said, dict):
        return Condition(path, _bounds(cast("dict[str, Any]", said), f"{where}: {name}"))
    options = cast("list[object]", said) if isinstance(said, list) else [said]
    if not options or not all(isinstance(one, str | int | float) for one in options):
        words = "is compared with a text, a number, true or false, a list of these, or bounds"
        raise SetupIncomplete(f"{where}: {name} {words}.")
    return Condition(path, lambda value: any(_is_alike(value, option) for option in options))


def _is_alike(value: object, option: object) -> bool:
    if isinstance(option, str):
        return isinstance(value, str) and _fits(value, option)
    if isinstance(option, bool) or isinstance(value, bool):
        return value is option
    return isinstance(value, int | float) and value == option


def _fits(text: str, pattern: str) -> bool:
    if text == pattern:
        return True
    if _SLIPPERY.search(text):
        raise Doubtful
    return fnmatchcase(text, pattern)


def _bounds(said: dict[str, Any], where: str) -> Callable[[object], bool]:
    numbers = all(type(one) in (int, float) for one in said.values())
    if not said or not said.keys() <= _BOUNDS or not numbers:
        raise SetupIncomplete(f"{where} takes at_least and at_most, each a number.")
    least, most = said.get("at_least", float("-inf")), said.get("at_most", float("inf"))

    def is_within(value: object) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and least <= cast(float, value) <= most

    return is_within
