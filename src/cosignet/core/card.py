"""How an action is shown to the person who signs it: one rule for the server and the browser.

`render` turns the two texts that are signed into an abstract tree. The server writes it as HTML;
the browser's `static/card.js` builds the same tree from the same texts and signs only while the
page shows exactly that. `vectors/card/` pins the rule for both.

The text rule, applied to every key, value, title and name: whatever `characters.is_hidden` lists
becomes a chip `U+XXXX` (a line feed `new line`, followed by a real one; a tab `tab`), and so does
a space unless it stands alone between two visible characters. Everything else is shown as it is,
under `white-space: pre-wrap`. No text is cut, no number is rounded: it is the signed spelling.
"""

import json
import re
from collections import Counter
from itertools import groupby
from typing import TypeAlias, cast

from cosignet.core.challenge import Context, parse_context
from cosignet.core.characters import is_hidden
from cosignet.core.errors import PayloadRefused
from cosignet.core.payload import payload_from_text

Element: TypeAlias = "list[Part]"
"""`[tag, attributes, *children]`; the JSON form is the one in the vectors."""
Part: TypeAlias = "str | dict[str, str] | Element"
"""What an element is made of."""
Node: TypeAlias = "str | Element"
"""A text, or an element."""

_SPACE, _LINE_FEED = 0x20, 0x0A
_NAMES = {0x09: "tab", _LINE_FEED: "new line", _SPACE: "space"}
_MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
_MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9:]{8})\.[0-9]{3}Z")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_RISKS = {"normal": "Normal", "high": "High", "critical": "Critical"}

_TRUE, _FALSE, _NULL = "yes (true)", "no (false)", "nothing (null)"
_EMPTY_TEXT, _EMPTY_OBJECT, _EMPTY_LIST = "empty text", "empty object", "empty list"
# A text that reads like one of these is labelled, so that "42" never passes for 42.
_WORDS = {"true", "false", "null", _TRUE, _FALSE, _NULL, _EMPTY_TEXT, _EMPTY_OBJECT, _EMPTY_LIST}

# Letters whose lower-case form is the same in every Unicode version: Latin, Greek, Cyrillic.
_FOLDED_BELOW = 0x530


class _Number(str):
    """A number in the spelling that is signed."""

    __slots__ = ()


def render(payload_text: str, context_text: str) -> Node:
    """Return the signed region: who asks whom for what until when, and the card.

    Both texts are canonical (contract, sections 1 and 2) and taken verbatim.

    Raises:
        ContextMalformed: the context is not in its one canonical form.
        PayloadRefused: the payload is not a JSON object in its canonical form.
    """
    context = parse_context(context_text)
    who = _element("p", "who", _element("span", "label", "Asked by API key"), " ")
    who.append(_element("strong", "text", *shown(context.requester)))
    return _element(
        "div",
        "region",
        who,
        _element("h1", "text", *shown(context.action)),
        _element("dl", "facts", *_terms(context)),
        [
            "section",
            {"class": "card", "aria-labelledby": "card-title"},
            ["h2", {"id": "card-title"}, "Exactly what you sign"],
            *_value(_read(payload_text)),
        ],
        _element("dl", "facts", *_origins(context)),
    )


def exact(payload_text: str) -> Node:
    """Return the canonical text itself, under the text rule: the bytes whose hash is signed."""
    return _element("p", "text", *shown(payload_text))


def shown(text: str) -> list[Node]:
    """Return a text as visible pieces: literal text and chips, no two literals side by side."""
    runs = [(code, len(list(same))) for code, same in groupby(map(ord, text))]
    nodes: list[Node] = []
    literal = ""
    for position, (code, count) in enumerate(runs):
        if _is_plain(runs, position):
            literal += chr(code) * count
            continue
        if literal:
            nodes.append(literal)
        nodes.append(_chip(code, count))
        literal = "\n" if code == _LINE_FEED else ""
    return [*nodes, literal] if literal else nodes


def moment(rfc3339: str) -> str:
    """Return a time in words, such as `20 November 2026, 20:45:25 UTC`; other texts unchanged."""
    found = _MOMENT.fullmatch(rfc3339)
    if found is None or not 1 <= int(found[2]) <= len(_MONTHS):
        return rfc3339
    return f"{int(found[3])} {_MONTHS[int(found[2]) - 1]} {found[1]}, {found[4]} UTC"


def _is_plain(runs: list[tuple[int, int]], position: int) -> bool:
    code, count = runs[position]
    if code != _SPACE:
        return not is_hidden(code)
    beside = [runs[at][0] for at in (position - 1, position + 1) if 0 <= at < len(runs)]
    return count == 1 and len(beside) == 2 and not any(map(is_hidden, beside))


def _chip(code: int, count: int) -> Node:
    name = _NAMES.get(code, f"U+{code:04X}")
    return _element("span", "chip", name if count == 1 else f"{name} ×{count}")


def _terms(context: Context) -> list[Node]:
    rows = [
        _fact("Approver", *shown(context.approver)),
        _fact("Expires", *_time(context.expires_at)),
        _fact("Risk", *_risk(context.risk)),
    ]
    if context.quorum != 1:
        rows.append(_fact("Signatures needed", str(context.quorum)))
    if context.reveal:
        rows.append(_fact("Made public", "Yes. Anyone will be able to read this action."))
    return rows


def _origins(context: Context) -> list[Node]:
    rows = [
        _fact("Asked", *_time(context.created_at)),
        _fact("Organisation", *shown(context.org)),
        _fact("API key id", *shown(context.requester_key_id)),
    ]
    if context.policy is not None:
        rows.append(_fact("Policy", *shown(context.policy)))
    return rows


def _fact(name: str, *children: Node) -> Node:
    return _element("div", "", _element("dt", "", name), _element("dd", "text", *children))


def _time(rfc3339: str) -> list[Node]:
    return [moment(rfc3339), _element("span", "raw", *shown(rfc3339))]


def _risk(risk: str) -> list[Node]:
    if risk not in _RISKS:
        return shown(risk)
    return [_element("span", f"risk {risk}", _RISKS[risk])]


def _read(payload_text: str) -> dict[str, object]:
    if payload_from_text(payload_text.encode()) != payload_text:
        raise PayloadRefused("the payload is not in its canonical form")
    # In canonical text the keys stand in ECMAScript's order, and Python keeps that order.
    payload: object = json.loads(payload_text, parse_int=_Number, parse_float=_Number)
    return cast("dict[str, object]", payload)


def _value(value: object) -> list[Node]:
    if isinstance(value, _Number):
        return [_element("span", "number", str(value))]
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
    node = _element("span", "text", *shown(text))
    if text in _WORDS or _NUMBER.fullmatch(text):
        return [node, _element("span", "flag", "text")]
    return [node]


def _object(members: dict[str, object]) -> Node:
    if not members:
        return _word(_EMPTY_OBJECT)
    folded = Counter(map(_fold, members))
    rows = [
        _element("div", "", _key(key, folded[_fold(key)] > 1), _element("dd", "", *_value(value)))
        for key, value in members.items()
    ]
    return _element("dl", "fields", *rows)


def _key(key: str, has_twin: bool) -> Node:
    node = _element("dt", "text", *(shown(key) if key else [_word("empty name")]))
    if has_twin:
        node.append(_element("span", "flag", "differs from another name only in case"))
    return node


def _fold(key: str) -> str:
    return "".join(c.lower() if ord(c) < _FOLDED_BELOW else c for c in key)


def _list(items: list[object]) -> Node:
    if not items:
        return _word(_EMPTY_LIST)
    return _element("ol", "items", *(_element("li", "", *_value(item)) for item in items))


def _word(word: str) -> Node:
    return _element("span", "word", word)


def _element(tag: str, kind: str, *children: Node) -> Element:
    return [tag, {"class": kind} if kind else {}, *children]
