"""Payloads that want to be read as something else, judged on the page that a person sees.

Each is shown exactly (the page, read back, gives the payload), or shown exactly and flagged, or
refused before anybody sees it. One server and one browser for all.
"""

import json
import unicodedata
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.cards import Tree, chips_of, flags_of, read_back
from tests.e2e.browser import Visitor
from tests.live import Live
from tests.people import JSON, Program

from cosignet.core.card import exact, is_odd, render

NARROW = {"width": 320, "height": 568}
MIXED, BACKWARDS = "mixed or look-alike letters", "right-to-left letters"
TWIN = "looks like another name"
LEAVES_MAX, BYTES_MAX, DEPTH_MAX = 500, 65_536, 64
SAMPLES = 48


def sample(*categories: str) -> str:
    """Return characters of some Unicode categories, spread evenly."""
    found = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) in categories]
    return "".join(found[:: max(1, len(found) // SAMPLES)])


def nested(depth: int, inner: object = "bottom") -> JSON:
    """Return an object with this many levels."""
    value = inner
    for level in range(depth - 1):
        value = [value] if level % 2 else {"in": value}
    return {"top": value}


def rows(*values: object) -> JSON:
    return {"rows": [{"to": f"account {at}", "eur": value} for at, value in enumerate(values)]}


# Shown as they are; nothing in them could mislead.
EXACT: dict[str, JSON] = {
    "HTML": {"<b>k</b>": "<script>alert(1)</script><img src=x onerror=alert(1)>"},
    "entities": {"a": "&lt;b&gt; &#x202e; &amp;amp; <!-- --> ]]> </section>"},
    "closing tags": {"</dd></dl><h1>": "</span></dd></dl></section><h1>Approved</h1>"},
    "templates and scripts": {"a": "{{ 7*7 }} ${7*7} javascript:alert(1) {% raw %}"},
    "an escape that is text": {"a": "\\u202e \\n %0a &#10; U+202E"},
    "quotes": {'"': "'\"`", "class": 'x" onclick="y', "style": "display:none"},
    "a very long word": {"a": "x" * 5000},
    "a very long name": {"k" * 2000: 1},
    "a long word in a table": {"rows": [{"a": "w" * 300, "b": 1}, {"a": "v" * 300, "b": 1}]},
    "500 fields": {f"field {at}": at for at in range(LEAVES_MAX)},
    "a list of 500": {"a": list(range(LEAVES_MAX))},
    "a table of 125 rows": {"r": [{"a": i, "b": "x", "c": None, "d": i} for i in range(124)]},
    "64 KiB": {"a": "word " * ((BYTES_MAX - 8) // 5) + "!"},
    "64 levels": nested(DEPTH_MAX),
    "64 levels of lists": {"a": json.loads("[" * 63 + "]" * 63)},
    "pairs in pairs": {"was": {"was": {"was": {"was": 1, "now": 2}, "now": 3}, "now": 4}, "now": 5},
    "numbers at the edges": {
        "a": [2**53 - 1, -(2**53) + 1, 0.1, 1e-7, 5e-324, 123456789.12345678, 1e15]
    },
    "numbers as texts": {"a": "42", "b": "-0", "c": "1e999", "d": "007", "e": "9" * 400},
    "words as texts": {"a": "true", "b": "nothing (null)", "c": "empty list", "d": "null"},
    "emptiness": {"": "", " x": {}, "empty name": [], "a": [[], {}, "", None]},
    "white space": {" lead": " a ", "tab": "\ta\t\tb", "lines": "a\n\n\nb\r\nc\n", "x": "a  b"},
    "a value that looks like a new row": {"amount": "1\nto\nmallory", "to": "alice"},
    "dates at the edges": {
        "a": ["2024-02-29", "1000-01-01", "9999-12-31T23:59:59.999999999Z", "2026-12-31T00:00"]
    },
    "what is no date": {
        "a": ["2026-02-29", "0000-01-01", "2026-13-01", "2026-11-20T24:00:00Z", "2026-1-1"]
    },
    "a date in words": {"due": "20 November 2026", "raw": "2026-11-20"},
    "two zones": {"a": "2026-11-20T00:30:00+14:00", "b": "2026-11-19T10:30:00Z"},
    "money": {"amount": 1000000, "currency": "EUR", "x": {"amount": 10000000, "currency": "EUR"}},
    "money in texts": {"amount": "0018.900", "currency": "USD"},
    "small money": {"amount": 1e-7, "currency": "BTC"},
    "an amount with a comma": {"amount": "1,000", "currency": "EUR"},
    "a currency in disguise": {"amount": 1, "currency": "EUR ", "x": {"currency": "eur"}},
    "two currencies": {"amount": 5, "currency": "EUR", "x": {"currency": "USD", "amount": 5}},
    "was and now": {"was": 1, "now": 1000, "x": {"was": "a", "now": "a"}},
    "now and was": {"now": 1000, "was": 1},
    "a fake change": {"was": "100", "now": 100, "x": {"was": "→ now", "now": "no change"}},
    "a long change": {"was": "a" * 200, "now": "b" * 200},
    "an odd row": rows(10, 10, 10, 99),
    "a far number": rows(10, 11, 12, 13_000_000),
    "an odd type": rows(10, 10, "10", 10),
    "a fake remark": rows("a differs", "b", "Rows that differ come first."),
    "a fake table": {"rows": [{"Row": 2, "to": "a"}, {"Row": 1, "to": "b"}]},
    "numbers in a table": {
        "r": [{"a": 2**53 - 1, "b": "-1.797e308", "c": 5e-324, "d": "9" * 24} for _ in "12"]
    },
    "keys of JavaScript": {"__proto__": {"a": 1}, "constructor": 1, "toString": [], "length": 0},
    "keys like indices": {"b": 1, "10": 2, "1": 3, "01": 4, "4294967295": 5},
    "ids of the page": {"signed": "main", "outcome": {"id": "approve", "class": "flag odd"}},
    "Hebrew": {"כותרת": "שלום, 100 שקל!", "a": "אבג"},
    "Arabic": {"a": "مرحبا ١٢٣", "b": "تحويل 100"},
    "Chinese and Japanese": {"a": "PC版を更新する", "b": "转账 100 元", "c": "ＡＢＣ株式会社"},
    "Russian and Greek": {"a": "Перевод 100 рублей", "b": "Πληρωμή"},
    "Indic and Thai": {"a": "नमस्ते दुनिया", "b": "สวัสดีชาวโลก", "c": "বাংলা।"},
    "stacked marks": {"a": "ก" + "\u0e49" * 60, "b": "ש" + "\u05b8" * 60},
    "emoji": {"a": "🚀👍🏽🇩🇪", "b": "👩\u200d💻"},
}
# Shown exactly, and pointed at: a part of each remark or chip that has to be there.
FLAGGED: dict[str, tuple[JSON, list[str]]] = {
    "control characters": ({"a": sample("Cc")}, ["U+0000", "U+009F"]),
    "format characters": ({"a": sample("Cf")}, ["U+00AD"]),
    "private use": ({"a": sample("Co")}, ["U+E000"]),
    "unassigned": ({"a": "\u0378\U000e0080\U0003fffe\uffff\ufdd0"}, ["U+0378", "U+FFFF"]),
    "spaces and separators": ({"a": sample("Zs", "Zl", "Zp")}, ["U+00A0", "U+2028", "U+3000"]),
    "tags": ({"a": "x" + "".join(map(chr, range(0xE0020, 0xE0080)))}, ["U+E0041"]),
    "selectors": ({"a": "x\ufe00\U000e0100\u180b"}, ["U+FE00", "U+E0100", "U+180B"]),
    "combining marks": ({"a": "1\u03360\u03360 €"}, ["U+0336"]),
    "a pile of marks": ({"a": "Z" + "\u0301\u0316" * 200}, ["U+0301"]),
    "fillers": ({"a": "\u3164\u115f\uffa0\u2800\ufffc"}, ["U+3164", "U+2800"]),
    "bidi overrides": ({"file": "exe.\u202efdp", "b": "\u2066100\u2069"}, ["U+202E", "U+2066"]),
    "zero width": ({"a": "ad\u200bmin", "b": "pay\u200cpal", "c": "\ufeffx"}, ["U+200B", "U+200C"]),
    "a terminal": ({"a": "\x1b[2J\x1b[31mapproved\x07\x08"}, ["U+001B", "U+0007"]),
    "mathematical letters": ({"a": "\U0001d5c9\U0001d5ba\U0001d5d2"}, ["U+1D5C9"]),
    "historic scripts": ({"a": "\u16a0\u1681\u2c80\U00010330"}, ["U+16A0", "U+2C80"]),
    "a Cyrillic letter in a word": ({"to": "p\u0430ypal.com"}, ["\u0430 U+0430", MIXED]),
    "a Greek letter in a word": ({"to": "g\u03bf\u03bfgle.com"}, ["\u03bf U+03BF ×2", MIXED]),
    "a whole Cyrillic word": ({"to": "\u0440\u0430\u0443"}, ["\u0440 U+0440", MIXED]),
    "a word of Lisu": ({"to": "\ua4d1\ua4ee\ua4ec"}, ["\ua4d1 U+A4D1", MIXED]),
    "a word of Cherokee": ({"to": "\u13a2\u13a1"}, ["\u13a2 U+13A2", MIXED]),
    "full width": ({"to": "\uff50\uff41\uff59"}, ["\uff50 U+FF50", MIXED]),
    "Roman numerals": ({"to": "\u217c\u217cc"}, ["\u217c U+217C ×2", MIXED]),
    "small capitals": ({"to": "\u1d18\u1d00y"}, ["\u1d18 U+1D18", MIXED]),
    "a ligature": ({"to": "\ufb01le"}, ["\ufb01 U+FB01", MIXED]),
    "a currency of mixed scripts": ({"amount": 1, "currency": "\u0415UR"}, [MIXED]),
    "mixed scripts in a table": (rows("x", "\u0445y"), [MIXED]),
    "mixed scripts in a name": ({"\u0430mount": 1, "amount": 2}, ["\u0430 U+0430", MIXED]),
    "Hebrew among numbers": ({"a": "pay 100 אבג 200 now"}, [BACKWARDS]),
    "Arabic among Latin": ({"a": "to مرحبا ١٢ - ٣٤ USD"}, [BACKWARDS]),
    "Hebrew in a word": ({"a": "abאc"}, ["א U+05D0", MIXED]),
    "names in another case": ({"amount": 1, "Amount": 2, "AMOUNT": 3}, [TWIN]),
    "names with 0 and O": ({"item0": 1, "itemO": 2}, [TWIN]),
    "names with l, I and 1": ({"total": 1, "totaI": 2, "tota1": 3}, [TWIN]),
    "names with rn and m": ({"modern": 1, "modem": 2}, [TWIN]),
    "names with a hidden character": ({"to": 1, "to\u2060": 2}, [TWIN, "U+2060"]),
    "no name and a hidden one": ({"": 1, "\u200b": 2}, [TWIN, "U+200B"]),
}
# Refused: the payload as it is sent, and the code.
REFUSED: dict[str, tuple[str, str]] = {
    "a name twice": ('{"a":1,"a":2}', "payload_duplicate_key"),
    "a name twice, escaped": ('{"a":1,"\\u0061":2}', "payload_duplicate_key"),
    "half a character": ('{"a":"\\ud800"}', "payload_lone_surrogate"),
    "NaN": ('{"a":NaN}', "payload_not_a_number"),
    "2^53": ('{"a":9007199254740992}', "payload_number_too_large"),
    "too many digits": ('{"a":0.1234567890123456789}', "payload_number_inexact"),
    "a long exponent": ('{"a":1e' + "9" * 400 + "}", "payload_number_too_long"),
    "501 values": (json.dumps({"a": list(range(501))}), "payload_too_many_values"),
    "64 KiB and a byte": (json.dumps({"a": "x" * (BYTES_MAX - 7)}), "payload_too_large"),
    "65 levels": (json.dumps(nested(DEPTH_MAX + 1, {})), "payload_too_deep"),
    "a list": ("[1]", "payload_not_object"),
}

TREE = """() => {
  const tree = (node) => {
    const copy = [node.tagName.toLowerCase(),
      Object.fromEntries([...node.attributes].map(({ name, value }) => [name, value]))];
    for (const child of node.childNodes) {
      if (child.nodeType !== Node.TEXT_NODE) copy.push(tree(child));
      else if (typeof copy.at(-1) === "string") copy.push(copy.pop() + child.data);
      else copy.push(child.data);
    }
    return copy;
  };
  const texts = document.createTreeWalker(signed, NodeFilter.SHOW_TEXT);
  const wide = document.documentElement.clientWidth;
  const unseen = [];
  while (texts.nextNode()) {
    const node = texts.currentNode;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()];
    const style = getComputedStyle(node.parentElement);
    const scrolls = (at) => at.id !== "signed"
      && (getComputedStyle(at).overflowX === "auto" || scrolls(at.parentElement));
    const isSeen = node.parentElement.checkVisibility({ opacityProperty: true,
      visibilityProperty: true }) && parseFloat(style.fontSize) >= 14;
    const fits = boxes.every(({ left, right }) => left >= -0.5 && right <= wide + 0.5);
    if (node.data.trim() && !(isSeen && boxes.some(({ width }) => width > 0)
      && (fits || scrolls(node.parentElement)))) unseen.push(node.data.slice(0, 80));
  }
  return JSON.stringify({
    region: tree(signed.firstElementChild),
    exact: tree(document.querySelector("#exact > *")),
    unseen,
    sideways: document.documentElement.scrollWidth - wide,
    scripts: document.querySelectorAll("#signed script, #signed img").length,
  });
}"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("hostile") / "data") as server:
        server.person("alex")
        yield server


@pytest.fixture(scope="module")
def key(live: Live) -> str:
    return live.program().key


@pytest.fixture
def program(live: Live, key: str) -> Program:
    return Program(live.url, key)


@pytest.fixture(scope="module")
def visitor(chromium: Browser, live: Live) -> Iterator[Visitor]:
    """Somebody with a small screen, who opens one page after the other."""
    visitor = Visitor(chromium, live.url)
    visitor.page.set_viewport_size(NARROW)
    yield visitor
    visitor.leave()


def look(
    visitor: Visitor, program: Program, payload: JSON, action: str = "Pay"
) -> tuple[Tree, bool]:
    """Ask, open the page, and check what holds for all; return its tree, and whether it is odd."""
    asked = program.ask("alex", payload, action=action)
    visitor.open(asked["url"])
    visitor.page.locator("summary", has_text="exact bytes").click()
    page = json.loads(visitor.page.evaluate(TREE))
    found = program.read(asked["id"])
    text, context = found["payloadText"], found["context"]
    assert page["region"] == render(text, context), "the rule"
    assert page["exact"] == exact(text)
    read = read_back(page["region"])
    assert json.dumps(read) == json.dumps(json.loads(text)), "what is shown is what is signed"
    assert (page["sideways"], page["unseen"], page["scripts"]) == (0, [], 0)
    return page["region"], is_odd(text, context)


def test_there_are_enough() -> None:
    assert len(EXACT) + len(FLAGGED) + len(REFUSED) >= 60
    assert len(FLAGGED) >= 30


@pytest.mark.parametrize("name", EXACT)
def test_it_is_shown_exactly(visitor: Visitor, program: Program, name: str) -> None:
    region, odd = look(visitor, program, EXACT[name])
    assert not odd
    assert not {MIXED, BACKWARDS, TWIN} & set(flags_of(region))


@pytest.mark.parametrize("name", FLAGGED)
def test_it_is_shown_exactly_and_flagged(visitor: Visitor, program: Program, name: str) -> None:
    payload, expected = FLAGGED[name]
    region, odd = look(visitor, program, payload)
    assert odd
    told = " | ".join(flags_of(region) + chips_of(region))
    assert [words for words in expected if words not in told] == []


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(program: Program, name: str) -> None:
    payload, code = REFUSED[name]
    body = f'{{"username":"alex","action":"Pay","payload":{payload}}}'
    answer = program.http.post(
        "/api/confirmations", content=body, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("Pay p\u0430ypal", MIXED),
        ("Pay \u202e001", "U+202E"),
        ("Pay אבג 100", BACKWARDS),
        ("x" * 200, ""),
        ("<h1>Approved</h1>", ""),
        ("Pay  \t", "space ×2"),
    ],
)
def test_a_title_is_under_the_same_rule(
    visitor: Visitor, program: Program, action: str, told: str
) -> None:
    region, _ = look(visitor, program, {"a": 1}, action)
    assert told in " | ".join([*flags_of(region), *chips_of(region), ""])


def test_right_to_left_letters_move_nothing_around_them(visitor: Visitor, program: Program) -> None:
    words = ["pay", "100", "אבג", "200", "דהו", "-", "300", "now"]
    look(visitor, program, {"a": " ".join(words)})
    left = visitor.page.evaluate(
        """(words) => {
          const all = document.querySelector(".fields dd .text");
          const texts = document.createTreeWalker(all, NodeFilter.SHOW_TEXT);
          const found = {};
          while (texts.nextNode()) {
            for (const word of words) {
              const at = texts.currentNode.data.indexOf(word);
              const range = document.createRange();
              if (at < 0) continue;
              range.setStart(texts.currentNode, at);
              range.setEnd(texts.currentNode, at + word.length);
              const { left, top } = range.getBoundingClientRect();
              found[word] ??= top * 1000 + left;
            }
          }
          return words.map((word) => found[word]);
        }""",
        words,
    )
    assert left == sorted(left)
