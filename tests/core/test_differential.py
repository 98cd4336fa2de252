"""100,000 payloads that nobody chose: Python, Node and the browser arrive at the same bytes.

Every payload is one that must be accepted, written in the oddest spelling that still is. Node is
one process fed through a pipe; the browser is Chromium on a page of a live server, hashing with
the very code that pages use.
"""

import base64
import json
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from tests.conftest import NODE
from tests.e2e.browser import launch
from tests.live import Live

from cosignet.core.jsontext import NUMBER_MAX
from cosignet.core.payload import payload_from_text, payload_hash

PAYLOADS = 100_000
BATCH = 5_000
SEEDS = range(PAYLOADS // BATCH)
SCRIPT = Path(__file__).parents[1] / "js" / "canonical.mjs"
IN_THE_PAGE = """async (lines) => {
  const { hex, payloadHash } = await import("/static/verify.js");
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const hashes = lines.split("\\n").map((line) => {
    const bytes = Uint8Array.from(atob(line), (character) => character.charCodeAt(0));
    return payloadHash(JSON.stringify(JSON.parse(decoder.decode(bytes))));
  });
  return (await Promise.all(hashes)).map(hex).join("\\n");
}"""

# A spelling and the text it stands for; what the rules care about comes up often.
SPELLED = [
    *((character, character) for character in "abcXYZ019 -_.:/'<>&\x7f\x80\x9fé€ßǅ"),
    *(
        (character, character)
        for character in "\u00a0\u200b\u200d\u2028\u2029\u202e\ufeff\uffff\ufe0f"
    ),
    *((character, character) for character in "e\u0301\u212b\ud7ff\ue000😀👩\U0010ffff\U00010000"),
    *((rf"\{short}", value) for short, value in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True)),
    *((f"\\u{code:04x}", chr(code)) for code in (*range(0x20), 0x22, 0x5C, 0x2F, 0x41, 0x7F)),
    *((f"\\u{code:04X}", chr(code)) for code in (0x1F, 0xE9, 0x2028, 0x2029, 0xFEFF, 0xFFFF)),
    ("\\ud83d\\ude00", "😀"),
    ("\\uD83D\\uDE00", "😀"),
    ("\\udbff\\uDFFF", "\U0010ffff"),
]
SPECIAL_KEYS = [
    ("__proto__", "__proto__"),
    ("\\u005f_proto__", "__proto__"),
    *(
        (name, name)
        for name in ("constructor", "toString", "toJSON", "length", "", "-0", "00", "01")
    ),
    *((name, name) for name in ("-1", "1.0", "1e3", " 1", "NaN", "0", "4294967293", "4294967294")),
    *((name, name) for name in ("4294967295", "4294967296", "2147483647", "2147483648", "٣")),
    ("\\u0031\\u0030", "10"),
]
EDGES = [0.0, -0.0, 5e-324, 1e-6, 9.999999999999999e-7, 1e-7, 1e-5, 1e-4, 0.1 + 0.2, 1 / 3]
EDGES += [
    NUMBER_MAX,
    -NUMBER_MAX,
    2.0**52 - 0.5,
    2.0**-44,
    2.2250738585072014e-308,
    123456789012.125,
]
WHITE_SPACE = ["", "", "", " ", "\n", "\t", "\r\n", " \n\t "]


class Writer:
    """Writes payloads, each a JSON text in bytes; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.space = ""

    def payload(self) -> bytes:
        """Write one payload."""
        self.space = self.chance.choice(WHITE_SPACE)
        text = self.object(self.chance.randint(1, 4))
        if self.chance.random() < 0.02:
            text = self.wrapped(text, self.chance.randint(1, 58))
        return f"{self.space}{text}{self.space}".encode()

    def wrapped(self, text: str, levels: int) -> str:
        """Put a text deep inside; with its own four levels that stays within the bound."""
        for _ in range(levels // 2):
            text = f'{{"{self.key()[0]}":[{text}]}}'
        return text

    def object(self, depth: int) -> str:
        """Write an object."""
        members: dict[str, str] = {}
        for _ in range(self.chance.randrange(6)):
            spelling, key = self.key()
            if key not in members:
                space = self.space
                value = self.value(depth - 1)
                members[key] = f'{space}"{spelling}"{space}:{space}{value}{space}'
        return f"{{{','.join(members.values()) or self.space}}}"

    def array(self, depth: int) -> str:
        """Write an array."""
        items = [self.value(depth - 1) for _ in range(self.chance.randrange(5))]
        return f"[{self.space}{f'{self.space},{self.space}'.join(items)}{self.space}]"

    def value(self, depth: int) -> str:
        """Write anything."""
        kind = self.chance.random()
        if kind < 0.45:
            return self.number()
        if kind < 0.65:
            return f'"{self.text(6)[0]}"'
        if kind < 0.72 or not depth:
            return self.chance.choice(("true", "false", "null", "{}", "[]", "{ }", "[ ]"))
        return self.object(depth) if kind < 0.88 else self.array(depth)

    def key(self) -> tuple[str, str]:
        """Return a key's spelling and the key."""
        kind = self.chance.random()
        if kind < 0.3:
            digits = str(self.chance.randrange(10 ** self.chance.randint(1, 11)))
            return digits, digits
        if kind < 0.5:
            return self.chance.choice(SPECIAL_KEYS)
        spelling, key = self.text(5)
        # Not a backslash, for V8's sake (nodejs/node#63785): once JSON.parse has met a key with
        # one, it may take an escaped key that begins alike for it, in whatever text comes later.
        # The vectors have such keys, one at a time.
        return self.key() if "\\" in key else (spelling, key)

    def text(self, longest: int) -> tuple[str, str]:
        """Return a text's spelling and the text."""
        pieces = self.chance.choices(SPELLED, k=self.chance.randint(0, longest))
        if self.chance.random() < 0.2:
            pieces.append(self.any_character())
        return "".join(piece[0] for piece in pieces), "".join(piece[1] for piece in pieces)

    def any_character(self) -> tuple[str, str]:
        """Return a character of any plane, as it is or escaped."""
        code = self.chance.choice((self.chance.randrange(0x110000), self.chance.randrange(0x3000)))
        character = chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd"
        escaped = json.dumps(character)[1:-1]
        plain = character if character >= " " and character not in '"\\' else escaped
        return self.chance.choice((escaped, plain)), character

    def number(self) -> str:
        """Write a number within the bounds, in one of its exact spellings."""
        number = self.a_number()
        return repr(number) if self.chance.random() < 0.4 else self.spelled(number)

    def a_number(self) -> int | float:
        """Return a number: an edge, an integer, few decimals, or 64 random bits within range."""
        kind = self.chance.random()
        if kind < 0.1:
            return self.chance.choice(EDGES)
        if kind < 0.3:
            bits = self.chance.randint(1, 53)
            return self.chance.choice((1, -1)) * self.chance.getrandbits(bits)
        if kind < 0.4:
            return self.chance.randint(-99999, 99999) / 10 ** self.chance.randint(0, 12)
        # All 64 bits are random but the exponent's upper end, which would leave the range.
        exponent = self.chance.randrange(1023 + 53)
        if kind < 0.8:
            exponent = 1023 + self.chance.randint(-40, 52)
        bits = self.chance.getrandbits(1) << 63 | exponent << 52 | self.chance.getrandbits(52)
        return struct.unpack("<d", bits.to_bytes(8, "little"))[0]

    def spelled(self, number: int | float) -> str:
        """Write a number's shortest decimal otherwise: point moved, zeros added, exponent."""
        sign, digits, power = Decimal(repr(number)).as_tuple()
        assert isinstance(power, int)
        zeros = self.chance.choice((0, 0, 1, 7, 40))
        figures = "".join(map(str, digits)) + "0" * zeros
        point = self.chance.randint(0, len(figures) - 1)
        whole = figures[: len(figures) - point].lstrip("0") or "0"
        fraction = f".{figures[-point:]}" if point else ""
        exponent = power - zeros + point
        plus = "-" if exponent < 0 else self.chance.choice(("", "+"))
        padding = self.chance.choice(("", "", "0", "000"))
        e = self.chance.choice("eE")
        tail = f"{e}{plus}{padding}{abs(exponent)}" if exponent or padding else ""
        return f"{'-' * sign}{whole}{fraction}{tail}"


def batch(seed: int) -> list[bytes]:
    """Return the payload texts of one batch."""
    writer = Writer(seed)
    return [writer.payload() for _ in range(BATCH)]


@pytest.fixture(scope="module")
def ask_node() -> Iterator[Callable[[list[str]], list[list[str]]]]:
    """One Node for all batches: base64 texts in, canonical texts and hashes out."""
    with subprocess.Popen(
        [NODE, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        pipe_in, pipe_out = node.stdin, node.stdout

        def ask(texts: list[str]) -> list[list[str]]:
            pipe_in.write(f"{json.dumps(texts)}\n")
            pipe_in.flush()
            return json.loads(pipe_out.readline())

        yield ask
        pipe_in.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of a live server in Chromium: a secure context with the pages' own modules."""
    folder = tmp_path_factory.mktemp("differential") / "data"
    with Live(folder) as live, sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page()
        page.goto(f"{live.url}/")
        yield page


@pytest.mark.parametrize("seed", SEEDS)
def test_payloads_hash_alike_in_python_node_and_the_browser(
    seed: int, ask_node: Callable[[list[str]], list[list[str]]], page: Page
) -> None:
    texts = batch(seed)
    encoded = [base64.b64encode(text).decode() for text in texts]
    ours = [payload_from_text(text) for text in texts]
    hashes = [payload_hash(text).hex() for text in ours]
    for text, canonical, hashed, node in zip(texts, ours, hashes, ask_node(encoded), strict=True):
        assert [canonical, hashed] == node, text
    shown: str = page.evaluate(IN_THE_PAGE, "\n".join(encoded))
    for text, hashed, browser in zip(texts, hashes, shown.split("\n"), strict=True):
        assert hashed == browser, text


def test_the_generated_payloads_hold_what_the_rules_are_about() -> None:
    texts = b"".join(batch(0))
    for spelling in [
        "__proto__",
        "\\u2028",
        "\u2028",
        "😀",
        "\\ud83d\\ude00",
        "4294967294",
        "\\u0000",
    ]:
        assert texts.count(spelling.encode()) > 10, spelling
    canonical = "".join(payload_from_text(text) for text in batch(0))
    for piece in ["e-7", "e-3", "0.000001", "9007199254740991", "\\u001f", "{}", "[]"]:
        assert canonical.count(piece) > 10, piece
    assert len({payload_hash(payload_from_text(text)) for text in batch(0)}) > BATCH * 0.75
