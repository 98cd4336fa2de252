"""Reading a card back: what it shows, and nothing else, has to give the payload again."""

import json
import re
from typing import Any, TypeAlias

Tree: TypeAlias = Any
"""`[tag, attributes, *children]` or a text, as in the vectors."""

_NAMED = {"tab": "\t", "new line": "\n", "space": " "}
_WORDS: dict[str, object] = {
    "yes (true)": True,
    "no (false)": False,
    "nothing (null)": None,
    "empty text": "",
    "empty object": {},
    "empty list": [],
}
_CHIP = re.compile(
    r"(?:(?P<seen>.) )?(?P<name>U\+[0-9A-F]{4,6}|tab|new line|space)(?: ×(?P<n>\d+))?"
)


def read_back(region: Tree) -> dict[str, object]:
    """Return the payload that a signed region shows, in the order that it says."""
    [section] = [node for node in region[2:] if node[0] == "section"]
    value = _value(section[3:])
    assert isinstance(value, dict)
    return value


def text_of(nodes: list[Tree]) -> str:
    """Return the text that its visible pieces stand for; remarks are none of it."""
    text, after_line = "", False
    for node in nodes:
        if isinstance(node, str):
            assert not after_line or node.startswith("\n")
            text += node[1:] if after_line else node
            after_line = False
            continue
        assert not after_line
        after_line = node[2] == "new line" or str(node[2]).startswith("new line ×")
        text += _piece(node)
    return text


def flags_of(node: Tree) -> list[str]:
    """Return every remark in a tree, in order."""
    if isinstance(node, str):
        return []
    own = [node[2]] if "flag" in node[1].get("class", "").split() else []
    return own + [flag for child in node[2:] for flag in flags_of(child)]


def chips_of(node: Tree) -> list[str]:
    """Return every chip in a tree, in order."""
    if isinstance(node, str):
        return []
    own = [node[2]] if node[1].get("class") == "chip" else []
    return own + [chip for child in node[2:] for chip in chips_of(child)]


def _piece(node: Tree) -> str:
    if node[1] == {"dir": "rtl"}:
        return node[2]
    kind = node[1]["class"]
    if kind in ("flag", "flag odd"):
        return ""
    assert kind == "chip"
    found = _CHIP.fullmatch(node[2])
    assert found, node
    character = _NAMED.get(found["name"]) or chr(int(found["name"][2:], 16))
    assert found["seen"] in (None, character)
    return character * int(found["n"] or 1)


def _value(nodes: list[Tree]) -> object:
    node, *rest = [one for one in nodes if not one[1].get("class", "").startswith("flag")]
    kind = node[1].get("class")
    if kind == "number":
        return json.loads(node[2])
    if kind == "word":
        return _WORDS[node[2]]
    if kind in ("text", "text number"):
        return rest[0][2] if rest else text_of(node[2:])
    if node[0] == "table":
        return _rows(node)
    if kind == "items":
        return [_value(item[2:]) for item in node[2:]]
    assert kind == "fields"
    cells = [cell for row in node[2:] for cell in row[2:]]
    pairs = zip(cells[::2], cells[1::2], strict=True)
    return {_name(name[2:]): _value(value[2:]) for name, value in pairs}


def _name(nodes: list[Tree]) -> str:
    return "" if nodes[0] == ["span", {"class": "word"}, "empty name"] else text_of(nodes)


def _rows(table: Tree) -> list[object]:
    head, body = table[-2:]
    names = [_name(cell[2:]) for cell in head[2][3:]]
    rows = {
        int(row[2][2]): dict(zip(names, (_value(cell[2:]) for cell in row[3:]), strict=True))
        for row in body[2:]
    }
    return [rows[at + 1] for at in range(len(rows))]
