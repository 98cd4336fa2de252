"""How a value of the payload is shown: each kind in a form of its own, and nothing left out.

`card` says what is added to help reading. Objects and lists are recursive; the payload's depth is
bounded where it is read.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from operator import eq
from typing import cast

from cosignet.core.cardtext import ODD, Element, Node, element, flag, shown
from cosignet.core.characters import is_hidden

_MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
_HOUR = "(?:[01][0-9]|2[0-3])"
_DATE = re.compile(
    "([1-9][0-9]{3})-([0-9]{2})-([0-9]{2})"
    f"(?:T({_HOUR}:[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?)(Z|[+-]{_HOUR}:[0-5][0-9])?)?"
)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TRUE, _FALSE, _NULL = "yes (true)", "no (false)", "nothing (null)"
_EMPTY_TEXT, _EMPTY_OBJECT, _EMPTY_LIST = "empty text", "empty object", "empty list"
_EMPTY_NAME, _TEXT = "empty name", "text"
# A text that reads like one of these is labelled, so that "42" never passes for 42.
_WORDS = {"true", "false", "null", _TRUE, _FALSE, _NULL, _EMPTY_TEXT, _EMPTY_OBJECT, _EMPTY_LIST}

# Neighbours in an object that say one thing together.
_PAIRS = {
    *(("was", "now"), ("old", "new"), ("before", "after"), ("from", "to")),
    *(("amount", "currency"), ("currency", "amount")),
}
_COLUMNS_MAX = 4  # fit on a phone
_FAR = 10  # times the median
_UNBROKEN_MAX = 24  # characters of a number in a text that are not broken into lines

# Letters whose lower-case form is the same in every Unicode version: Latin, Greek, Cyrillic.
_FOLDED_BELOW = 0x530
_ALIKE = str.maketrans("I1|0", "lllO")


class Number(str):
    """A number in the spelling that is signed."""

    __slots__ = ()


def value_nodes(value: object) -> list[Node]:
    """Return what is shown for a JSON value whose numbers are `Number`."""
    if isinstance(value, Number):
        return [element("span", "number", str(value))]
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        return [_object(cast("dict[str, object]", value))]
    if isinstance(value, list):
        return [_list(cast("list[object]", value))]
    return [_word(_NULL if value is None else _TRUE if value else _FALSE)]


def _string(text: str) -> list[Node]:
    if not text:
        return [_word(_EMPTY_TEXT)]
    words = in_words(text)
    if words is not None:
        return [element("span", "text", words), element("span", "raw", text)]
    is_number = _NUMBER.fullmatch(text) is not None
    kind = "text number" if is_number and len(text) <= _UNBROKEN_MAX else "text"
    node = element("span", kind, *shown(text))
    return [node, flag(_TEXT)] if is_number or text in _WORDS else [node]


def _object(members: dict[str, object]) -> Node:
    if not members:
        return _word(_EMPTY_OBJECT)
    names = [_name("dt", {}, key, has_twin) for key, has_twin in _twins(members)]
    values = [value_nodes(value) for value in members.values()]
    items = list(members.items())
    rows: list[Node] = []
    at = 0
    while at < len(items):
        kind = _pair(items[at : at + 2])
        row = element("div", kind, names[at], element("dd", "", *values[at]))
        if kind:
            same = [flag("no change")] if kind == "pair" and values[at] == values[at + 1] else []
            row += [names[at + 1], element("dd", "", *values[at + 1], *same)]
        rows.append(row)
        at += 2 if kind else 1
    return element("dl", "fields", *rows)


def _pair(members: list[tuple[str, object]]) -> str:
    """Return how two neighbours in an object stand side by side; nothing if they do not."""
    names, values = zip(*members, strict=True)
    if names not in _PAIRS:
        return ""
    if "currency" not in names:
        return "pair"
    amount, currency = values if names[0] == "amount" else reversed(values)
    is_money = _magnitude(amount) is not None and _is_currency(currency)
    return "money" if is_money else ""


def _is_currency(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[A-Z]{3}", value) is not None


def _name(tag: str, attributes: dict[str, str], key: str, has_twin: bool) -> Element:
    node: Element = [tag, {"class": "text", **attributes}]
    node += shown(key) if key else [_word(_EMPTY_NAME)]
    node += [flag(_TEXT)] if key == _EMPTY_NAME else []
    return [*node, flag("looks like another name", ODD)] if has_twin else node


def _twins(names: Iterable[str]) -> list[tuple[str, bool]]:
    """Return each name, and whether it could be taken for another one of them."""
    forms = {name: {_fold(name), _outline(name)} for name in names}
    counted = Counter(form for both in forms.values() for form in both)
    return [(name, any(counted[form] > 1 for form in both)) for name, both in forms.items()]


def look_alike(names: frozenset[str]) -> bool:
    """Return whether any of these names, all printable ASCII, could be taken for another one."""
    text = "\n".join(names)
    folded = _fold(text).split("\n")
    outlined = _alike(text).split("\n")
    forms = 2 * len(folded) - sum(map(eq, folded, outlined))
    return len({*folded, *outlined}) < forms


def _fold(key: str) -> str:
    if key.isascii():
        return key.lower()
    return "".join(c.lower() if ord(c) < _FOLDED_BELOW else c for c in key)


def _outline(key: str) -> str:
    is_seen = key.isascii() and key.isprintable()
    seen = key if is_seen else "".join(c for c in key if not is_hidden(ord(c)))
    return _alike(seen)


def _alike(seen: str) -> str:
    return seen.translate(_ALIKE).replace("rn", "m")


def _list(items: list[object]) -> Node:
    if not items:
        return _word(_EMPTY_LIST)
    if _is_table(items):
        return _table(cast("list[dict[str, object]]", items))
    return element("ol", "items", *(element("li", "", *value_nodes(item)) for item in items))


def _is_table(items: list[object]) -> bool:
    """Return whether all are objects with the same few names, in the same order, and no lists."""
    shapes: set[tuple[str, ...]] = set()
    for item in items:
        members = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        if any(isinstance(value, dict | list) for value in members.values()):
            return False
        shapes.add(tuple(members))
    return len(items) > 1 and len(shapes) == 1 and 1 <= len(shapes.pop()) <= _COLUMNS_MAX


def _table(rows: list[dict[str, object]]) -> Node:
    odd = {key: _outliers([row[key] for row in rows]) for key in rows[0]}
    order = sorted(range(len(rows)), key=lambda at: not any(at in found for found in odd.values()))
    heads = [_name("th", {"scope": "col"}, key, has_twin) for key, has_twin in _twins(rows[0])]
    body: list[Node] = []
    for at in order:
        cells = [_cell(value, at in odd[key]) for key, value in rows[at].items()]
        body.append(element("tr", "", ["th", {"scope": "row"}, str(at + 1)], *cells))
    table = element("table", "")
    if order != list(range(len(rows))):
        table.append(element("caption", "", "Rows that differ come first. Numbers tell the order."))
    head = element("tr", "", ["th", {"scope": "col"}, "Row"], *heads)
    return [*table, element("thead", "", head), element("tbody", "", *body)]


def _cell(value: object, is_odd: bool) -> Node:
    return element(
        "td", "", *value_nodes(value), *([flag("differs", "flag differs")] if is_odd else [])
    )


def _outliers(column: list[object]) -> set[int]:
    """Return which values differ from what most are, or are far above the median."""
    (usual, count), *_ = Counter(map(_kind, column)).most_common(1)
    if 2 * count > len(column):
        return {at for at, value in enumerate(column) if _kind(value) != usual}
    sizes = [size for size in map(_magnitude, column) if size is not None]
    if len(sizes) < len(column):
        return set()
    limit = _FAR * sorted(sizes)[len(sizes) // 2]
    return {at for at, size in enumerate(sizes) if size > limit}


def _kind(value: object) -> tuple[type, object]:
    return type(value), value


def _magnitude(value: object) -> float | None:
    """Return how large a number is, or a text that reads like one."""
    is_number = isinstance(value, str) and _NUMBER.fullmatch(value)
    return abs(float(str(value))) if is_number else None


def _word(word: str) -> Node:
    return element("span", "word", word)


def in_words(text: str) -> str | None:
    """Return a date, or a date and time, of RFC 3339 in words; nothing if it is none."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(found[at]) for at in (1, 2, 3))
    try:
        date(year, month, day)
    except ValueError:
        return None
    words = f"{day} {_MONTHS[month - 1]} {year}"
    if found[4] is None:
        return words
    zone = "without time zone" if found[5] is None else f"UTC{found[5].removeprefix('Z')}"
    return f"{words}, {found[4]} {zone}"
