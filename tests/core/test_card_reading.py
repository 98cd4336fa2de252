"""A card read back gives the payload again; and which cards are odd."""

import json
import random

import pytest
from tests.cards import chips_of, flags_of, read_back, text_of
from tests.core.test_card_differential import a_text, an_object, context

from cosignet.core.card import is_odd, render
from cosignet.core.cardtext import shown
from cosignet.core.characters import IDEOGRAPHIC, LATIN, NO_SCRIPT, is_hidden, script_of
from cosignet.core.jsontext import parse_json, write_json

EVERY_CODE_POINT = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
BLOCK = 4096
MIXED, BACKWARDS = "mixed or look-alike letters", "right-to-left letters"


def payload_and_title(payload: object, title: str = "Pay") -> tuple[str, str]:
    return write_json(parse_json(json.dumps(payload).encode())), context(title)


def test_random_cards_read_back_as_their_payload() -> None:
    chance = random.Random(20261121)
    for _ in range(1500):
        text = write_json(an_object(chance, 4))
        read = read_back(render(text, context("x")))
        assert json.dumps(read) == json.dumps(json.loads(text)), text


def test_random_texts_read_back() -> None:
    chance = random.Random(3)
    for _ in range(3000):
        text = a_text(chance)
        assert text_of(shown(text)) == text


@pytest.mark.parametrize("around", ["{}", "a {} a", "Ж{}Ж", "א{}א"])
def test_code_points_of_planes_0_and_1_read_back_wherever_they_stand(around: str) -> None:
    for start in range(0, 0x20000, BLOCK):
        block = [code for code in EVERY_CODE_POINT[start : start + BLOCK] if code < 0x20000]
        text = "".join(around.format(chr(code)) for code in block)
        assert text_of(shown(text)) == text, hex(block[0])


def test_between_latin_letters_every_code_point_is_shown_as_it_is_or_something_is_said() -> None:
    silent: set[str] = set()
    for code in EVERY_CODE_POINT:
        text = f"a{chr(code)}a"
        pieces = shown(text)
        assert text_of(pieces) == text, hex(code)
        if pieces == [text]:
            assert not is_hidden(code), hex(code)
            silent.add(script_of(code))
        else:
            assert flags_of(["p", {}, *pieces]) or chips_of(["p", {}, *pieces]), hex(code)
    assert silent == {LATIN, NO_SCRIPT, IDEOGRAPHIC}


ORDINARY = [
    {},
    {"a": "Deploy api 1.2.3 to prod-eu (42 hosts), 99.9 % – fine…"},
    {"a": "Grüße, garçon, São Tomé, Đà Nẵng, İstanbul, žluťoučký kůň, Æther, œuvre"},
    {"a": "Обновить сервер до версии 2", "b": "API-ключ", "c": "Αθήνα 2026"},
    {"a": "PC版を更新する", "b": "서버 API", "c": "更新 server 2 台", "d": "ＡＢＣ株式会社"},
    {"a": "שלום, 100 שקל!", "b": "مرحبا ١٢٣", "c": "नमस्ते ५", "d": "สวัสดี"},
    {"a": " two  spaces\tand\r\nlines\n", "b": "1\u00a0000\u202f€", "c": "❤\ufe0f ok"},
    {"a": "👩\u200d💻", "b": "می\u200cخواهم", "c": "क्\u200dष"},
    {"was": 1, "now": 2, "rows": [{"n": 1}, {"n": 1}, {"n": 5}], "n": "42", "t": "true"},
    {"empty name": 1, "fail": 2, "fall": 3},
]
ODD = [
    {"a": "p\u0430ypal"},
    {"p\u0430y": 1},
    {"a": ["x", {"b": "\u0430\u0441\u0435"}]},
    {"rows": [{"a": "p\u0430ypal"}, {"a": "x"}]},
    {"a": "pay אבג"},
    {"a": "x\u202ey"},
    {"a": "x\u200by"},
    {"a": "pay\u200cpal"},
    {"a": "\u200d"},
    {"a": "x\u0301"},
    {"a": "\ue000"},
    {"a": "\x1b[31m"},
    {"a": "\u2028"},
    {"Name": 1, "name": 2},
    {"l": 1, "I": 2},
    {"": 1, "\u200b": 2},
    {"a": "ﬁle"},
]


@pytest.mark.parametrize("payload", ORDINARY)
def test_ordinary_texts_in_many_languages_are_not_odd(payload: object) -> None:
    assert not is_odd(*payload_and_title(payload))


@pytest.mark.parametrize("payload", ODD)
def test_what_could_mislead_is_odd(payload: object) -> None:
    assert is_odd(*payload_and_title(payload))


def test_a_title_can_be_odd() -> None:
    assert is_odd(*payload_and_title({}, "P\u0430y"))
    assert not is_odd(*payload_and_title({}, "Pay"))


def test_flags_say_why() -> None:
    texts = payload_and_title({"a": "p\u0430y אב", "B": 1, "b": 2})
    assert flags_of(render(*texts)) == [
        MIXED,
        BACKWARDS,
        "looks like another name",
        "looks like another name",
    ]
