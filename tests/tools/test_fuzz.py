"""What `make fuzz` begins with: every seed is read or refused, and a finding is one."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools.fuzz import targets
from tools.fuzz.seeds import seeds
from tools.fuzz.targets import TARGETS, Wrong, run

from cosignet.core.errors import Refusal
from cosignet.core.jsontext import parse_json
from cosignet.server.webauthn import cbor


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_read_or_refused_and_some_are_read(name: str) -> None:
    read = 0
    for seed in seeds(name):
        try:
            TARGETS[name](seed)
            read += 1
        except Refusal:
            continue
    assert read


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_a_seed_with_a_piece_exchanged_is_read_or_refused(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(seeds(name)))
    at, length = data.draw(st.integers(0, len(seed))), data.draw(st.integers(0, 8))
    run(TARGETS[name], seed[:at] + data.draw(st.binary(max_size=8)) + seed[at + length :])


@pytest.mark.parametrize(
    ("name", "member", "broken"),
    [
        ("payload", "payload_from_text", lambda data: '{"a":1}'),
        ("payload", "payload_hash", lambda text: b""),
        ("card", "render", lambda *_: [][0]),
        ("context", "parse_context", lambda text: targets.parse_json),
        ("client_data", "verify_client_data", lambda data, **_: None),
        ("attestation", "verify_attestation", lambda *_, **__: cbor),
        ("authenticator_data", "verify_assertion", lambda *_, **__: None),
        ("cbor", "read_cbor", lambda data: (1, len(data))),
        ("credential", "parse_assertion", lambda value: value["nothing"]),
    ],
)
def test_a_reader_that_goes_wrong_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, member: str, broken: Callable[..., object]
) -> None:
    own = seeds(name)
    monkeypatch.setattr(targets, member, broken)
    others = [seed + b" " for seed in own if name == "authenticator_data"]
    with pytest.raises((Wrong, LookupError, AttributeError, ValueError)):
        for seed in own + others:
            run(TARGETS[name], seed)


def test_a_refusal_is_no_finding() -> None:
    run(lambda data: parse_json(data) and None, b"\xff")
