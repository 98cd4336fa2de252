"""How a text is shown: one rule for every key, value, title and name, on every page.

Nothing is cut and nothing is left out. What cannot be seen for what it is becomes a *chip*:

- whatever `characters.is_hidden` lists: `U+200B` (a line feed `new line`, followed by a real one;
  a tab `tab`), and a space unless it stands alone between two visible characters;
- a letter that is not of the script of its word, or that looks like a Latin one while nothing in
  the text shows that its own script is meant: `а U+0430`. The text is flagged.

Right-to-left letters in a text that also runs left to right are isolated, stretch by stretch, so
that they cannot move anything around them; that is flagged, too. Everything else is shown as it
is, under `white-space: pre-wrap`.
"""

import re
from itertools import groupby
from typing import TypeAlias

from cosignet.core.characters import (
    DISGUISED,
    IDEOGRAPHIC,
    LATIN,
    NO_SCRIPT,
    is_hidden,
    script_of,
)

Element: TypeAlias = "list[Part]"
"""`[tag, attributes, *children]`; the JSON form is the one in the vectors."""
Part: TypeAlias = "str | dict[str, str] | Element"
"""What an element is made of."""
Node: TypeAlias = "str | Element"
"""A text, or an element."""

ODD = "flag odd"
"""Class of the flags that raise the risk."""
MIXED, BACKWARDS = "mixed or look-alike letters", "right-to-left letters"

_SPACE, _LINE_FEED = 0x20, 0x0A
_NAMES = {0x09: "tab", _LINE_FEED: "new line", _SPACE: "space"}
# Written together: Latin, or Latin in disguise, with Chinese, Japanese or Korean.
_TOGETHER = ({LATIN, IDEOGRAPHIC}, {DISGUISED, IDEOGRAPHIC})
_LOOKS_LATIN = re.compile(
    "[АВЕЅІЈКМНОРСТУХҮӀԚԜаеорсухѕіјһҽӏԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹονρϲϳԼՏՍՕոսօհᎠᎡᎢᎪᎫᎳᎷᎻᏀᏃᏎᏙᏚᏞᏟᏢᏦᏴ"
    "ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴㅇㅣ一丨]"
)
_BACKWARDS = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


# Nothing in it can be odd: visible ASCII, and single spaces within.
_PLAIN = re.compile("(?:[!-~]+(?: [!-~]+)*)?")


def shown(text: str, *, runs_forward: bool = False) -> list[Node]:
    """Return a text as visible pieces: literals, chips, isolated stretches, and what is flagged.

    No two literals stand side by side. `runs_forward` says that the text runs left to right,
    although no letter in it does.
    """
    if _PLAIN.fullmatch(text):
        return [text] if text else []
    runs = [(code, len(list(same))) for code, same in groupby(map(ord, text))]
    foreign, backwards = _odd_letters(text, runs, runs_forward)
    nodes: list[Node] = []
    literal, turned = "", False

    def flush() -> None:
        nonlocal literal
        if literal:
            nodes.append(["span", {"dir": "rtl"}, literal] if turned else literal)
        literal = ""

    for position, (code, count) in enumerate(runs):
        is_chip = position in foreign or not _is_plain(runs, position)
        if is_chip or turned != (position in backwards):
            flush()
        if is_chip:
            nodes.append(_chip(code, count, is_seen=position in foreign))
            literal, turned = "\n" if code == _LINE_FEED else "", False
        else:
            turned = position in backwards
            literal += chr(code) * count
    flush()
    nodes += [flag(MIXED, ODD)] if foreign else []
    return nodes + ([flag(BACKWARDS, ODD)] if backwards else [])


def element(tag: str, kind: str, *children: Node) -> Element:
    """Return an element; `kind` is its class, if it has one."""
    return [tag, {"class": kind} if kind else {}, *children]


def flag(words: str, kind: str = "flag") -> Node:
    """Return a remark of ours beside what was given."""
    return element("span", kind, words)


def _is_plain(runs: list[tuple[int, int]], position: int) -> bool:
    code, count = runs[position]
    if code != _SPACE:
        return not is_hidden(code)
    beside = [runs[at][0] for at in (position - 1, position + 1) if 0 <= at < len(runs)]
    return count == 1 and len(beside) == 2 and not any(map(is_hidden, beside))


def _chip(code: int, count: int, *, is_seen: bool) -> Node:
    name = _NAMES.get(code, f"U+{code:04X}")
    name = f"{chr(code)} {name}" if is_seen else name
    return element("span", "chip", name if count == 1 else f"{name} ×{count}")


def _odd_letters(
    text: str, runs: list[tuple[int, int]], runs_forward: bool
) -> tuple[set[int], set[int]]:
    """Return which runs are of a foreign script, and which are turned around."""
    if text.isascii():
        return set(), set()
    marks = [NO_SCRIPT if is_hidden(code) else script_of(code) for code, _ in runs]
    is_turned = [_BACKWARDS.match(chr(code)) is not None for code, _ in runs]
    foreign = _look_alikes(runs, marks) | _strangers(marks)
    forward = runs_forward or any(
        mark != NO_SCRIPT and not turned for mark, turned in zip(marks, is_turned, strict=True)
    )
    if not forward:
        return foreign, set()
    alone = {at for at, turned in enumerate(is_turned) if turned and _is_plain(runs, at)} - foreign
    spaces = {at + 1 for at in alone if at + 2 in alone and runs[at + 1] == (_SPACE, 1)}
    return foreign, alone | spaces


def _look_alikes(runs: list[tuple[int, int]], marks: list[str]) -> set[int]:
    """Return letters that look Latin where no other letter shows that their script is meant."""
    alike = {
        at
        for at, (code, _) in enumerate(runs)
        if marks[at] == DISGUISED or _LOOKS_LATIN.match(chr(code))
    }
    meant = {mark for at, mark in enumerate(marks) if at not in alike}
    if IDEOGRAPHIC in meant:
        meant.add(DISGUISED)
    return {at for at in alike if marks[at] not in meant}


def _strangers(marks: list[str]) -> set[int]:
    """Return letters that are not of the script of their word: Latin, if any is, or the first's."""
    found: set[int] = set()
    for is_word, group in groupby(range(len(marks)), lambda at: marks[at] != NO_SCRIPT):
        word = list(group)
        scripts = {marks[at] for at in word}
        if is_word and len(scripts) > 1 and not any(scripts <= both for both in _TOGETHER):
            home = LATIN if LATIN in scripts else marks[word[0]]
            found.update(at for at in word if marks[at] != home)
    return found
