"""Payloads beyond the vectors: where a refusal points, exact bounds, properties, hostile texts."""

import enum
import json
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignet.core.errors import (
    BodyNotJson,
    PayloadByteOrderMark,
    PayloadDuplicateKey,
    PayloadLoneSurrogate,
    PayloadNotANumber,
    PayloadNotUtf8,
    PayloadNumberInexact,
    PayloadNumberTooLarge,
    PayloadNumberTooLong,
    PayloadRefused,
    PayloadTooDeep,
    PayloadTooLarge,
    PayloadTooManyValues,
    Refusal,
)
from cosignet.core.jsontext import NUMBER_MAX, JsonValue, es_order, parse_json, write_json
from cosignet.core.payload import canonical_payload, count_leaves, payload_from_text

prop = settings(deadline=None, derandomize=True, database=None, max_examples=300)
few = settings(prop, max_examples=150)

# Strategies: what is accepted, as values.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
keys = texts | st.integers(0, 2**33).map(str) | st.sampled_from(["__proto__", "01", "-1", ""])
fractions = st.floats(-NUMBER_MAX, NUMBER_MAX, allow_nan=False).filter(
    lambda number: Decimal(repr(number)).copy_abs() <= NUMBER_MAX
)
scalars = st.none() | st.booleans() | st.integers(-NUMBER_MAX, NUMBER_MAX) | fractions | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
payloads = st.dictionaries(keys, values, max_size=3)


def refusal(read: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read()
    return refused.value


def refused(text: str | bytes) -> Refusal:
    data = text if isinstance(text, bytes) else text.encode()
    return refusal(lambda: payload_from_text(data))


# --- Properties -----------------------------------------------------------------------------------


@few
@given(payloads)
def test_what_was_written_is_read_and_written_the_same(payload: dict[str, JsonValue]) -> None:
    text = canonical_payload(payload)
    assert payload_from_text(text.encode()) == text
    assert write_json(parse_json(text.encode())) == text


@few
@given(payloads)
def test_what_was_written_says_what_was_meant(payload: dict[str, JsonValue]) -> None:
    assert json.loads(canonical_payload(payload)) == payload


@few
@given(payloads, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_another_spelling_has_the_same_bytes(
    payload: dict[str, JsonValue], indent: int | str | None, ascii_only: bool
) -> None:
    other = json.dumps(payload, indent=indent, ensure_ascii=ascii_only)
    assert payload_from_text(other.encode()) == canonical_payload(payload)


@prop
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refused(data)


@prop
@given(st.text(alphabet='{}[]":,\\u0129dDeE.+-truefalsn \n\t\x00é😀/', max_size=40))
def test_arbitrary_texts_are_read_or_refused(text: str) -> None:
    read_or_refused(text.encode())
    read_or_refused(f'{{"a":{text}}}'.encode())
    read_or_refused(f'{{"{text}":1}}'.encode())


def read_or_refused(data: bytes) -> None:
    try:
        text = write_json(parse_json(data))
    except Refusal as error:
        assert error.code
        f"{error.detail}{error.field}".encode()
        return
    assert json.loads(text) == json.loads(data)


@few
@given(payloads, st.data())
def test_a_text_that_lost_or_changed_a_byte_is_read_or_refused(
    payload: dict[str, JsonValue], data: st.DataObject
) -> None:
    text = bytearray(canonical_payload(payload).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at : at + 1] = data.draw(st.binary(max_size=2))
    read_or_refused(bytes(text))


@prop
@given(st.integers(-(10**22), 10**22), st.integers(0, 30), st.integers(-30, 30))
def test_a_number_is_accepted_exactly_if_its_shortest_form_is_its_value(
    digits: int, point: int, exponent: int
) -> None:
    figures = str(abs(digits)).rjust(point + 1, "0")
    cut = len(figures) - point
    literal = f"{'-' * (digits < 0)}{figures[:cut]}.{figures[cut:] or 0}e{exponent}"
    exact = Fraction(digits) / 10**point * Fraction(10) ** exponent
    data = f'{{"n":{literal}}}'.encode()
    if abs(exact) > NUMBER_MAX:
        assert type(refused(data)) is PayloadNumberTooLarge
    elif Fraction(repr(float(exact))) != exact:
        assert type(refused(data)) is PayloadNumberInexact
    else:
        assert json.loads(payload_from_text(data)) == {"n": float(exact)}


@prop
@given(st.integers(1, 10**40), st.sampled_from([1, -1]))
def test_every_integer_beyond_the_bound_is_refused(beyond: int, sign: int) -> None:
    number = sign * (NUMBER_MAX + beyond)
    assert type(refused(f'{{"n":{number}}}')) is PayloadNumberTooLarge
    assert type(refusal(lambda: canonical_payload({"n": number}))) is PayloadNumberTooLarge


@few
@given(payloads.filter(bool), st.data())
def test_a_key_that_comes_twice_is_refused(
    payload: dict[str, JsonValue], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(payload)))
    text = canonical_payload(payload)
    twice = f"{text[:-1]},{json.dumps(key)}:1}}"
    assert type(refused(twice)) is PayloadDuplicateKey
    assert type(refused(f'{{"x":[{twice}]}}')) is PayloadDuplicateKey


@prop
@given(texts, st.characters(categories=["Cs"]), texts, st.booleans())
def test_half_a_surrogate_pair_is_refused(before: str, half: str, after: str, is_key: bool) -> None:
    text = json.dumps(f"{before}{half}{after}")
    payload = f'{{{text}:"a"}}' if is_key else f'{{"a":[{text}]}}'
    assert type(refused(payload)) is PayloadLoneSurrogate
    assert type(refusal(lambda: write_json([before, half, after]))) is PayloadLoneSurrogate


@prop
@given(st.lists(keys, unique=True))
def test_keys_are_ordered_as_ecmascript_does(names: list[str]) -> None:
    ordered = es_order(names)
    is_index = [name.isascii() and name.isdigit() and str(int(name)) == name for name in ordered]
    small = [i for i, name in zip(is_index, ordered, strict=True) if i and int(name) < 2**32 - 1]
    numbers = [int(name) for name in ordered[: len(small)]]
    assert numbers == sorted(numbers)
    assert sorted(ordered) == sorted(names)
    rest = ordered[len(small) :]
    assert rest == [name for name in names if name in set(rest)]


# --- Where a refusal points -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "field"),
    [
        ('{"a":1e400}', PayloadNumberTooLarge, "payload.a"),
        ('{"a":{"b":[0,{"c":9007199254740992}]}}', PayloadNumberTooLarge, "payload.a.b[1].c"),
        ('{"a":[[1],[2,0.12345678901234567890]]}', PayloadNumberInexact, "payload.a[1][1]"),
        ('{"a":[1e999]}', PayloadNumberTooLong, "payload.a[0]"),
        ('{"a":{"b":NaN}}', PayloadNotANumber, "payload.a.b"),
        ('{"a":{"b":1,"c":2,"b":3}}', PayloadDuplicateKey, "payload.a.b"),
        ('{"a":["x","\\ud800"]}', PayloadLoneSurrogate, "payload.a[1]"),
        ('{"a":{"\\ud800":1}}', PayloadLoneSurrogate, "payload.a"),
        ('{"":1e400}', PayloadNumberTooLarge, 'payload[""]'),
        ('{"a.b":{"c d":1e400}}', PayloadNumberTooLarge, 'payload["a.b"]["c d"]'),
        ('{".":{"[0]":1e400}}', PayloadNumberTooLarge, 'payload["."]["[0]"]'),
        ('{"0":[1e400]}', PayloadNumberTooLarge, "payload.0[0]"),
        ('{"\\n\\u202e\\"":1e400}', PayloadNumberTooLarge, 'payload["\\n\u202e\\""]'),
        ('{"\\ud800":1e400}', PayloadNumberTooLarge, "payload.?"),
        ('{"\\ud800":1,"\\ud800":2}', PayloadDuplicateKey, "payload.?"),
        ('{"ключ":1e400}', PayloadNumberTooLarge, "payload.ключ"),
        ('{"a":1e400,"b":1e999}', PayloadNumberTooLarge, "payload.a"),
        ('{"b":[1e999],"a":1e400}', PayloadNumberTooLong, "payload.b[0]"),
        ("[1]", PayloadRefused, "payload"),
        ('{"a":"' + "x" * 70_000 + '"}', PayloadTooLarge, "payload"),
        ('{"a":[' + "0," * 500 + "0]}", PayloadTooManyValues, "payload"),
        ('{"a":' + "[" * 64 + "]" * 64 + "}", PayloadTooDeep, "payload.a" + "[0]" * 63),
    ],
)
def test_a_refusal_names_the_place(text: str, kind: type[Refusal], field: str) -> None:
    found = refused(text)
    assert isinstance(found, kind)
    assert found.field == field


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_a_text_that_is_refused_as_a_whole_has_no_place(data: bytes) -> None:
    assert refused(data).field is None


def test_a_text_that_is_no_json_says_at_which_line_and_column() -> None:
    found = refused('{\n  "a": 1,\n  "b": tru\n}')
    assert isinstance(found, BodyNotJson)
    assert "line 3, column 8" in found.detail


@pytest.mark.parametrize("space", ["", " ", "\t", "\n", "\r", " \r\n\t "])
def test_only_white_space_stands_around_a_value(space: str) -> None:
    assert parse_json(f"{space}[1]{space}".encode()) == [1]
    for other in [chr(number) for number in range(0x100) if chr(number) not in " \t\n\r"]:
        assert isinstance(refused(f"{space}[1]{other}{space}".encode()), BodyNotJson), other
        assert isinstance(refused(f"{space}{other}[1]{space}".encode()), BodyNotJson), other


def test_bytes_that_are_no_utf_8_say_at_which_byte() -> None:
    found = refused(b'{"a":"\xff"}')
    assert isinstance(found, PayloadNotUtf8)
    assert found.detail == "at byte 6"


def test_the_path_starts_at_the_field_that_was_named_or_at_the_text() -> None:
    assert refusal(lambda: parse_json(b'{"a":[1e400]}')).field == "a[0]"
    assert refusal(lambda: parse_json(b"[[1e400]]")).field == "[0][0]"
    assert refusal(lambda: parse_json(b"1e400")).field is None
    assert refusal(lambda: parse_json(b"1e400", field="credential")).field == "credential"
    assert refusal(lambda: write_json({"a": [2**53]})).field == "a[0]"
    assert refusal(lambda: write_json({"a": ["\ud800"]}, field="x")).field == "x.a[0]"


def test_every_refusal_says_what_happened_and_the_cure() -> None:
    for kind in [BodyNotJson, *PayloadRefused.__subclasses__()]:
        assert kind.title().endswith(".")
        assert kind.cure().endswith("."), kind
        assert kind.code != PayloadRefused.code


# --- Hostile texts ----------------------------------------------------------------------------


def test_a_refusal_is_short_whatever_the_text_was() -> None:
    long = "k" * 100_000
    for text in (
        f'{{"{long}":1e400}}',
        f'{{"{long}":1,"{long}":2}}',
        f'{{"a":0.{"1" * 100_000}}}',
        f'{{"a":{"9" * 100_000}}}',
    ):
        found = refused(text)
        assert len(found.detail) < 100
        assert len(found.field or "") < 100


@pytest.mark.parametrize("last", ["1e400", '"\\ud800"', "NaN", "1"])
def test_a_long_list_under_a_long_key_takes_no_memory(last: str) -> None:
    # Spelled out for every item, the paths in these 48 kilobytes would be 280 megabytes.
    text = f'{{"{"k" * 20_000}":[{"0," * 14_000}{last}]}}'
    tracemalloc.start()
    try:
        assert isinstance(refused(text), PayloadRefused)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("levels", [65, 500, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_texts_are_refused_at_every_depth(levels: int, opening: str, closing: str) -> None:
    text = f'{{"x":{opening * levels}1{closing * levels}}}'
    assert type(refused(text)) is PayloadTooDeep


def test_a_byte_order_mark_goes_before_everything() -> None:
    assert type(refused(b"\xef\xbb\xbf\xff")) is PayloadByteOrderMark
    assert type(refused(b"\xef\xbb\xbf")) is PayloadByteOrderMark
    assert type(refused(b"\xef\xbb")) is PayloadNotUtf8


# --- What is read, before it is written ---------------------------------------------------------


@pytest.mark.parametrize("literal", ["1.0", "1e2", "-0.0", "100e-2", "9007199254740991.0"])
def test_a_whole_number_is_an_int_however_it_was_written(literal: str) -> None:
    assert type(parse_json(literal.encode())) is int


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused_wherever_json_is_read(literal: str) -> None:
    assert type(refusal(lambda: parse_json(literal.encode()))) is PayloadNotANumber
    assert type(refusal(lambda: parse_json(f'{{"a":[{literal}]}}'.encode()))) is PayloadNotANumber


# --- Values from Python -----------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    "value",
    [
        *[(1, 2), {1, 2}, b"x", Decimal(1), Fraction(1, 2), 1j, Colour.RED, object()],
        *[{1: 2}, {None: 1}, {"1": 2, 3: 4}, {3: 4, "1": 2}, {"a": 1, True: 2}],
    ],
)
def test_what_is_no_json_value_is_refused(value: Any) -> None:
    found = refusal(lambda: canonical_payload({"a": value}))
    assert isinstance(found, PayloadRefused)
    assert found.field == "payload.a"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_floats_that_are_no_numbers_are_refused(number: float) -> None:
    found = refusal(lambda: canonical_payload({"a": [number]}))
    assert isinstance(found, PayloadNotANumber)
    assert found.field == "payload.a[0]"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (True, "true"),
        (-0.0, "0"),
        (1.0, "1"),
        (1e15, "1000000000000000"),
        (9007199254740991.0, "9007199254740991"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (9.5e-7, "9.5e-7"),
        (0.00001234, "0.00001234"),
        (5e-324, "5e-324"),
    ],
)
def test_numbers_are_written_as_ecmascript_writes_them(number: float, text: str) -> None:
    assert write_json(number) == text


@pytest.mark.parametrize("number", [2**53, -(2**53), 2.0**53, 1e16, 1e300, 10**400])
def test_numbers_beyond_the_bound_are_not_written(number: float) -> None:
    assert type(refusal(lambda: write_json(number))) is PayloadNumberTooLarge


def test_a_value_that_holds_itself_is_too_deep() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert type(refusal(lambda: canonical_payload({"a": loop}))) is PayloadTooDeep


def test_surrogates_that_python_keeps_apart_are_refused() -> None:
    assert type(refusal(lambda: write_json("\ud83d\ude00"))) is PayloadLoneSurrogate


@pytest.mark.parametrize(
    ("value", "count"),
    [({}, 1), ([], 1), (None, 1), ({"a": {}}, 1), ({"a": [[], {}]}, 2), ({"a": 1, "b": [2, 3]}, 3)],
)
def test_leaves_are_counted_as_they_are_shown(value: JsonValue, count: int) -> None:
    assert count_leaves(value) == count
