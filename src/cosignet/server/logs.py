"""What is written to standard error: one line an event, as text or as JSON, and no secret in any.

A request is told by its route's template, never by its path: ids of confirmations and codes of
invites are capabilities. An exception is told by its type and where it was raised, never by its
words: those may quote what somebody sent.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TextIO, TypeAlias

from cosignet.core.encoding import rfc3339

LogFormat: TypeAlias = Literal["text", "json"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LOGGER = "cosignet"
_PLAIN = re.compile(r"[\w./:{}?-]+", re.ASCII)


def set_up(form: LogFormat, level: LogLevel, to: TextIO | None = None) -> None:
    """Let this process write its log, to standard error; of others' from warnings on."""
    handler = logging.StreamHandler(to or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    logging.getLogger(LOGGER).setLevel(threshold)
    # A line that cannot be written is lost; the words about that would quote it.
    logging.raiseExceptions = False


def fields(**values: object) -> Mapping[str, Any]:
    """Return `extra` of a log call: what the line tells besides its words; without what is None."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


def _described(record: logging.LogRecord) -> dict[str, object]:
    line: dict[str, object] = {
        "time": rfc3339(int(record.created * 1000)),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
    }
    if record.name != LOGGER:
        line["logger"] = record.name
    line |= getattr(record, "fields", {})
    if record.exc_info is not None and record.exc_info[1] is not None:
        line |= _exception(record.exc_info[1])
    return line


def _exception(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)
    found: dict[str, object] = {
        "error": f"{type(error).__module__}.{type(error).__qualname__}",
        "where": [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames],
    }
    cause = error.__cause__ or error.__context__
    if cause is not None:
        found["cause"] = type(cause).__qualname__
    return found


class JsonLines(logging.Formatter):
    """One JSON object a line; ASCII alone, so that no reader splits or reorders it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one event."""
        return json.dumps(_described(record), default=str)


class TextLines(logging.Formatter):
    """Time, level, what happened, and name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one event."""
        line = _described(record)
        words = [str(line.pop(name)) for name in ("time", "level", "event")]
        words[2] = json.dumps(words[2])[1:-1]
        return " ".join([*words, *(f"{name}={_spelled(value)}" for name, value in line.items())])


def _spelled(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(value, default=str)
