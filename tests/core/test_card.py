"""The card rule against trees written by hand, and its table of characters against two others."""

import json
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cosignet.core.card import exact, is_odd, is_plain, moment, render, shown
from cosignet.core.characters import is_hidden
from cosignet.core.errors import Refusal
from cosignet.core.payload import canonical_payload

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = sorted((VECTORS / "card").glob("*.json"))
EVERY_CODE_POINT = range(0x110000)
CONTEXT: str = next(
    inputs["contextText"]
    for inputs in (json.loads(path.read_text())["inputs"] for path in CASES)
    if inputs["contextText"].isascii() and "\\" not in inputs["contextText"]
)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_card_is_shown_as_its_vector_says(path: Path) -> None:
    case = json.loads(path.read_text())
    payload_text, context_text = case["inputs"]["payloadText"], case["inputs"]["contextText"]
    if "want" in case:
        assert render(payload_text, context_text) == case["want"]
        return
    with pytest.raises(Refusal) as refused:
        render(payload_text, context_text)
    assert refused.value.code == case["wantErr"]


def test_there_are_cards_to_compare() -> None:
    assert len(CASES) >= 50


def test_every_code_point_is_hidden_or_not_as_the_published_table_says() -> None:
    table = json.loads((VECTORS / "characters" / "hidden.json").read_text())
    hidden = {
        code for first, last in table["ranges"] for code in range(int(first, 16), int(last, 16) + 1)
    }
    assert [code for code in EVERY_CODE_POINT if is_hidden(code) != (code in hidden)] == []


def test_whatever_this_python_calls_control_format_private_or_space_is_hidden() -> None:
    unseen = {"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"}
    codes = [c for c in EVERY_CODE_POINT if unicodedata.category(chr(c)) in unseen and c != 0x20]
    assert [hex(code) for code in codes if not is_hidden(code)] == []


def test_what_people_write_with_is_not_hidden() -> None:
    everyday = "abcXYZ019_-./:@#%&*()[]{}<>=+'\"`~^|\\$€£¥§±×÷äöüßéñçøåšžłđğıœΑωЖяԱა"
    everyday += "אבגابجदेவணคำ中文字かなカナ한글☎✓→😀🇫🇷"
    assert [c for c in everyday if is_hidden(ord(c))] == []


def test_pieces_of_a_text_never_have_two_literals_side_by_side() -> None:
    pieces = shown("a\nb\n\n c  d\u202e\u202ee \u200b f\n")
    assert not any(isinstance(a, str) and isinstance(b, str) for a, b in pairwise(pieces))
    assert "" not in pieces


def test_a_text_without_anything_odd_is_one_piece() -> None:
    assert shown("one two") == ["one two"]
    assert shown("") == []


def test_the_exact_text_is_under_the_same_rule() -> None:
    chip: Any = ["span", {"class": "chip"}, "U+202E"]
    assert exact('{"a":"\u202e"}') == ["p", {"class": "text"}, '{"a":"', chip, '"}']


def test_a_time_in_words() -> None:
    assert moment("2026-11-20T20:45:25.123Z") == "20 November 2026, 20:45:25 UTC"
    assert moment("yesterday") == "yesterday"
    assert moment("2026-00-20T20:45:25.123Z") == "2026-00-20T20:45:25.123Z"


@given(st.dictionaries(st.text("abcIl1|O0rnm ", max_size=4), st.text(max_size=3), max_size=4))
@example({"a\\": "b"})
@example({"pay": "a\x7fb"})
@example({"to": 'a":"b', "To": 1})
@example({"list": [{"name": 1}, {"name": 2}, {"Name": 3}]})
def test_what_looks_plain_at_a_glance_is_never_odd(payload: dict[str, Any]) -> None:
    text = canonical_payload(payload)
    if is_plain(text, CONTEXT):
        assert not is_odd(text, CONTEXT)


def test_usual_actions_are_plain_at_a_glance() -> None:
    usual = {"service": "api", "replicas": 3, "hosts": [{"name": "a"}, {"name": "b"}], "dry": True}
    assert is_plain(canonical_payload(usual), CONTEXT)
