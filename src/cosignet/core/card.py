"""How an action is shown to the person who signs it: one rule for the server and the browser.

`render` turns the two texts that are signed into an abstract tree. The server writes it as HTML;
the browser's `static/card.js` builds the same tree from the same texts and signs only while the
page shows exactly that. `vectors/card/` pins the rule for both.

Everything is shown, in payload order, under the text rule of `cardtext`; no text is cut, and each
number stands in the spelling that is signed. What helps to read is added, and never replaces it:

- a date or time also in words, with the text beneath;
- two neighbours such as `was` and `now`, or `amount` and `currency`, side by side;
- a list of same-shaped objects as a table. Rows that differ come first, each row with its number;
- a text that reads like a value of another kind, and a name that looks like another, flagged.
"""

import json
import re
from functools import lru_cache
from typing import cast

from cosignet.core.cardtext import ODD, Node, element, shown
from cosignet.core.cardvalue import Number, in_words, look_alike, value_nodes
from cosignet.core.challenge import Context, parse_context
from cosignet.core.errors import PayloadRefused
from cosignet.core.payload import payload_from_text

_SHORT = 2_000
_RISKS = {"normal": "Normal", "high": "High", "critical": "Critical"}
# Chips that are no trick: how lines end, how French writes numbers, how symbols become emoji.
_HARMLESS = {"tab", "new line", "space", "U+000D", "U+00A0", "U+202F", "U+FE0F"}
# Nor do these join anything in Latin, Greek or Cyrillic, whose letters end here.
_JOINERS, _JOINED_FROM = {"U+200C", "U+200D"}, 0x590


def render(payload_text: str, context_text: str) -> Node:
    """Return the signed region: who asks whom for what until when, and the card.

    Both texts are canonical (contract, sections 1 and 2) and taken verbatim.

    Raises:
        ContextMalformed: the context is not in its one canonical form.
        PayloadRefused: the payload is not a JSON object in its canonical form.
    """
    context = parse_context(context_text)
    who = element("p", "who", element("span", "label", "Asked by API key"), " ")
    who.append(element("strong", "text", *shown(context.requester)))
    return element(
        "div",
        "region",
        who,
        element("h1", "text", *shown(context.action)),
        element("dl", "facts", *_terms(context)),
        [
            "section",
            {"class": "card", "aria-labelledby": "card-title"},
            ["h2", {"id": "card-title"}, "Exactly what you sign"],
            *value_nodes(_read(payload_text)),
        ],
        element("dl", "facts", *_origins(context)),
    )


def exact(payload_text: str) -> Node:
    """Return the canonical text itself, under the text rule: the bytes whose hash is signed."""
    return element("p", "text", *shown(payload_text, runs_forward=True))


def is_plain(payload_text: str, context_text: str) -> bool:
    """Return whether a glance tells that nothing is odd, as with most actions; cheap.

    All of it is printable ASCII, so that neither chips nor flags are in it, but for names of the
    payload that look alike; and no two of those do. Both texts are canonical.
    """
    if not _is_printed(payload_text) or not _is_printed(context_text):
        return False
    # Without escapes each quotation mark begins or ends a text, and a name has a colon behind it.
    before_colons = payload_text.split('":')[:-1]
    names = frozenset([before.rpartition('"')[2] for before in before_colons])
    # Programs ask with the same few names again and again.
    return not (_look_alike(names) if len(payload_text) < _SHORT else look_alike(names))


_look_alike = lru_cache(maxsize=1024)(look_alike)


def _is_printed(text: str) -> bool:
    return text.isascii() and "\\" not in text and "\x7f" not in text


def is_odd(payload_text: str, context_text: str) -> bool:
    """Return whether something in an action could mislead its reader, which raises its risk.

    That is: a flag of class `ODD` (scripts mixed in a word, look-alike letters, letters that run
    right to left among others, names that look alike), or a character that only a chip shows. Line
    ends, tabs, spaces, and what joins emoji or letters of scripts that need joining are harmless.

    Raises:
        PayloadRefused, ContextMalformed: as `render`.
    """
    return _has_odd(render(payload_text, context_text))


def moment(rfc3339: str) -> str:
    """Return a time in words, such as `20 November 2026, 20:45:25 UTC`; other texts unchanged."""
    return in_words(re.sub("[.][0-9]{3}Z$", "Z", rfc3339)) or rfc3339


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
    return element("div", "", element("dt", "", name), element("dd", "text", *children))


def _time(rfc3339: str) -> list[Node]:
    words = moment(rfc3339)
    return shown(rfc3339) if words == rfc3339 else [words, element("span", "raw", rfc3339)]


def _risk(risk: str) -> list[Node]:
    if risk not in _RISKS:
        return shown(risk)
    return [element("span", f"risk {risk}", _RISKS[risk])]


def _read(payload_text: str) -> dict[str, object]:
    if payload_from_text(payload_text.encode()) != payload_text:
        raise PayloadRefused("the payload is not in its canonical form")
    # In canonical text the keys stand in ECMAScript's order, and Python keeps that order.
    payload: object = json.loads(payload_text, parse_int=Number, parse_float=Number)
    return cast("dict[str, object]", payload)


def _has_odd(node: Node) -> bool:
    if isinstance(node, str):
        return False
    if node[1] == {"class": ODD}:
        return True
    children = cast("list[Node]", node[2:])
    return any(_is_odd_chip(children, at) or _has_odd(child) for at, child in enumerate(children))


def _is_odd_chip(nodes: list[Node], at: int) -> bool:
    node = nodes[at]
    if isinstance(node, str) or node[1] != {"class": "chip"}:
        return False
    name = str(node[2]).partition(" ×")[0]
    return not (name in _HARMLESS or (name in _JOINERS and _joins(nodes[:at], nodes[at + 1 :])))


def _joins(before: list[Node], after: list[Node]) -> bool:
    texts = [str(one) for one in (*before[-1:], *after[:1]) if isinstance(one, str)]
    return len(texts) == 2 and min(ord(texts[0][-1]), ord(texts[1][0])) >= _JOINED_FROM
