"""One strict JSON reader and one canonical writer, for every body and everything that is signed.

Reading refuses what two programs could understand differently; writing gives the exact text of
ECMAScript's `JSON.stringify(JSON.parse(text))` (ECMA-262, sections 25.5 and 6.1.6.1.20).
"""

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from json.encoder import encode_basestring
from typing import TypeAlias, cast

from cosignet.core.errors import (
    BodyNotJson,
    PayloadByteOrderMark,
    PayloadDuplicateKey,
    PayloadLoneSurrogate,
    PayloadNotANumber,
    PayloadNotUtf8,
    PayloadNumberInexact,
    PayloadNumberTooLarge,
    PayloadNumberTooLong,
    PayloadRefused,
    PayloadTooDeep,
)
from cosignet.core.jsonpath import Path, excerpt, root_of, spell

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What JSON can say, in Python's types. Integral numbers are int, whatever their spelling."""

NUMBER_MAX = 2**53 - 1
"""The largest integer every program that keeps numbers as binary64 can tell from its neighbours."""
NUMBER_LITERAL_MAX = 400
"""Characters of one number and magnitude of its exponent; bounds the exact arithmetic below."""
DEPTH_MAX = 64
"""Nesting of anything that is written canonically; the top object is depth 1."""

_LARGE_CHARACTERS = len(str(NUMBER_MAX))
"""What is written in fewer is no larger than that."""
_INTEGER_CHARACTERS_MAX = len(str(-NUMBER_MAX))
_WHITE_SPACE = " \t\n\r"
"""What may stand around a value (RFC 8259, section 2)."""
_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_ARRAY_INDEX_MAX = 2**32 - 2
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89abABcdefCDEF]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_EXPONENT = re.compile(r"[eE][+-]?0*([0-9]*)$")


class _Refused:
    """Stands in the parsed tree where a value was refused, until its path is known."""

    def __init__(self, refusal: type[PayloadRefused], detail: str) -> None:
        self.refusal = refusal
        self.detail = detail


def parse_json(data: bytes, *, field: str = "") -> JsonValue:
    """Read one JSON text strictly; `field` is the path of the whole in a refusal.

    Raises:
        BodyNotJson: the bytes are no JSON text (RFC 8259).
        PayloadRefused: it is JSON, but two programs could read it differently; a subclass says
            how, its `field` says where.
    """
    text = _decode(data)
    try:
        value = _read(text, root_of(field))
    except RecursionError:
        raise PayloadTooDeep from None
    except json.JSONDecodeError as error:
        raise BodyNotJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    if "\\u" in text and _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value, root_of(field))
    return cast(JsonValue, value)


def write_json(value: JsonValue, *, field: str = "") -> str:
    """Return the canonical text of a JSON value; `field` is the path of the whole in a refusal.

    Raises:
        PayloadRefused: the value is not JSON, too deep, or a number or text has no exact form.
    """
    text = _write(value, root_of(field), 1)
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse_lone_surrogates(value, root_of(field))
    return text


def es_order(keys: list[str]) -> list[str]:
    """Return keys in ECMAScript's property order: array indices ascending, then as inserted."""
    indices = [key for key in keys if key.isdigit() and _is_array_index(key)]
    if not indices:
        return keys
    return sorted(indices, key=int) + [key for key in keys if not _is_array_index(key)]


def _decode(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise PayloadByteOrderMark
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadNotUtf8(f"at byte {error.start}") from None


_Refuse: TypeAlias = Callable[[type[PayloadRefused], str], _Refused]


def _refuse_at_once(refusal: type[PayloadRefused], detail: str) -> _Refused:
    raise refusal(detail)


def _read(text: str, root: Path) -> object:
    try:
        return _scanned(text)
    except PayloadRefused:
        # Once more, to its end, and with what is refused left in its place: that says where.
        value: object = _reader(_Refused).decode(text)
        _raise_first(value, root)
        raise


def _scanned(text: str) -> object:
    # Nearly all texts begin with their value; `decode` looks for white space around it first.
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:
        return _READER.decode(text)
    if end < len(text) and text[end:].strip(_WHITE_SPACE):
        return _READER.decode(text)  # says what is wrong with the rest
    return value


def _reader(refuse: _Refuse) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=partial(_object, refuse),
        parse_int=partial(_integer, refuse),
        parse_float=partial(_decimal, refuse),
        parse_constant=partial(refuse, PayloadNotANumber),
    )


def _object(refuse: _Refuse, pairs: list[tuple[str, object]]) -> object:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                members[key] = refuse(PayloadDuplicateKey, excerpt(key))
            seen.add(key)
    return members


def _integer(refuse: _Refuse, literal: str) -> object:
    if len(literal) < _LARGE_CHARACTERS:
        return int(literal)
    # A literal of more digits than 2^53 has is refused before int() is asked to read it.
    if len(literal) > _INTEGER_CHARACTERS_MAX or abs(number := int(literal)) > NUMBER_MAX:
        return refuse(PayloadNumberTooLarge, excerpt(literal))
    return number


def _decimal(refuse: _Refuse, literal: str) -> object:
    exponent = _EXPONENT.search(literal)
    if len(literal) > NUMBER_LITERAL_MAX or (
        exponent and (len(exponent[1]) > 3 or int(exponent[1] or 0) > NUMBER_LITERAL_MAX)
    ):
        return refuse(PayloadNumberTooLong, excerpt(literal))
    exact = Decimal(literal)
    if not -NUMBER_MAX <= exact <= NUMBER_MAX:
        return refuse(PayloadNumberTooLarge, excerpt(literal))
    number = float(literal)
    if Decimal(repr(number)) != exact:
        return refuse(PayloadNumberInexact, excerpt(literal))
    return int(number) if number.is_integer() else number


_READER = _reader(_refuse_at_once)
# What `decode` calls, in the types that are missing for it.
_SCAN = cast("Callable[[str, int], tuple[object, int]]", vars(_READER)["scan_once"])


def _raise_first(value: object, root: Path) -> None:
    for path, node in _walk(value, root):
        if isinstance(node, _Refused):
            raise node.refusal(node.detail, field=spell(path))


def _refuse_lone_surrogates(value: object, root: Path) -> None:
    for path, node in _walk(value, root):
        if isinstance(node, str) and _SURROGATE.search(node):
            raise PayloadLoneSurrogate(field=spell(path))


def _walk(value: object, root: Path) -> Iterator[tuple[Path, object]]:
    """Yield every value and every key with its path, without recursing (depth is not yet known)."""
    stack: list[tuple[Path, object]] = [(root, value)]
    while stack:
        here, node = stack.pop()
        yield here, node
        if isinstance(node, dict):
            members = cast("dict[str, object]", node)
            stack.extend(((here, key), members[key]) for key in reversed(members))
            stack.extend((here, key) for key in members)
        elif isinstance(node, list):
            items = cast("list[object]", node)
            stack.extend(((here, i), items[i]) for i in reversed(range(len(items))))


def _is_array_index(key: str) -> bool:
    return _ARRAY_INDEX.fullmatch(key) is not None and int(key) <= _ARRAY_INDEX_MAX


def _write(value: object, path: Path, depth: int) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is True or value is False or value is None:
        return "true" if value else "null" if value is None else "false"
    if type(value) is int and -NUMBER_MAX <= value <= NUMBER_MAX:
        return str(value)
    if isinstance(value, int | float):
        return _number(value, path)
    if depth > DEPTH_MAX:
        raise PayloadTooDeep(field=spell(path))
    if isinstance(value, dict):
        return _write_object(cast("dict[object, object]", value), path, depth)
    if isinstance(value, list):
        return _write_array(cast("list[object]", value), path, depth)
    raise PayloadRefused(f"{type(value).__name__} is not a JSON value", field=spell(path))


def _write_object(members: dict[object, object], path: Path, depth: int) -> str:
    ordered = cast("dict[str, object]", members)
    try:
        numbers = sum(map(str.isdigit, ordered))  # asks every key, and each has to be a text
    except TypeError:
        raise PayloadRefused("every key of an object is a text", field=spell(path)) from None
    if numbers:
        ordered = {key: ordered[key] for key in es_order(list(ordered))}
    written = [
        # Most values are texts.
        f"{encode_basestring(key)}:{encode_basestring(item)}"
        if isinstance(item, str)
        else f"{encode_basestring(key)}:{_write(item, (path, key), depth + 1)}"
        for key, item in ordered.items()
    ]
    return "{" + ",".join(written) + "}"


def _write_array(items: list[object], path: Path, depth: int) -> str:
    written = [_write(item, (path, position), depth + 1) for position, item in enumerate(items)]
    return "[" + ",".join(written) + "]"


def _number(number: int | float, path: Path) -> str:
    if isinstance(number, float):
        if number != number or number in (float("inf"), float("-inf")):
            raise PayloadNotANumber(field=spell(path))
        if not number.is_integer():
            return _es_fraction(number)
        number = int(number)
    if abs(number) > NUMBER_MAX:
        raise PayloadNumberTooLarge(field=spell(path))
    return str(number)


def _es_fraction(number: float) -> str:
    """Write a number that is no integer as ECMAScript does (Number::toString, radix 10).

    Both languages choose the shortest digits; they differ only in where an exponent begins:
    Python below 1e-4, ECMAScript below 1e-6.
    """
    text = repr(number)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    if int(exponent) < -6:
        return f"{mantissa}e{int(exponent)}"
    return f"{Decimal(text):f}"
