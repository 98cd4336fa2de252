"""Where a value is in a JSON text, as a refusal says it."""

import re
from json.encoder import encode_basestring
from typing import TypeAlias

Path: TypeAlias = "tuple[Path, str | int] | None"
"""Where a value is: its parent's path, and its own key or position.

Linked, and spelled in a refusal only: joined for every value of a long list under a long key, paths
would outgrow the text they are read from a hundred thousand times.
"""
_PLAIN_KEY = re.compile(r'[^\s.\[\]"]+')
_EXCERPT_MAX = 80


def root_of(field: str) -> Path:
    """Return the path of a whole; empty: it has none."""
    return (None, field) if field else None


def excerpt(text: str) -> str:
    """Return the beginning of a text that somebody sent, fit to be said back."""
    short = text if len(text) <= _EXCERPT_MAX else text[:_EXCERPT_MAX] + "…"
    return short.encode("utf-8", "replace").decode()


def spell(path: Path) -> str | None:
    """Write a path as `a.b[3]`, a key that would not be clear in it as `a["b.c"]`."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else _spell_key(excerpt(step)))
    return "".join(reversed(steps)).removeprefix(".") or None


def _spell_key(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{encode_basestring(key)}]"
