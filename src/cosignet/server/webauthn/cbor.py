"""A small CBOR reader for what passkeys write (RFC 8949; CTAP 2.2, section 8).

It takes the CTAP2 canonical form's values: integers, byte and text strings, arrays, maps with
integer or text keys, true, false and null; definite lengths in their shortest spelling, no
duplicate keys, at most four levels. So no value has two meanings, and no input makes it recurse
or allocate beyond its own length. The order of keys is not checked: nothing we keep depends on
it, and some software passkeys write their own order.
"""

from typing import TypeAlias

from cosignet.server.webauthn.malformed import (
    CborDuplicateKey,
    CborIndefinite,
    CborKeyRefused,
    CborNotShortest,
    CborTextNotUtf8,
    CborTooDeep,
    CborTruncated,
    CborTypeRefused,
)

CborValue: TypeAlias = (
    "int | bytes | str | bool | list[CborValue] | dict[int | str, CborValue] | None"
)

DEPTH_MAX = 4
"""Nested arrays and maps (CTAP 2.2, section 8, message encoding)."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)
_SIMPLE: dict[int, CborValue] = {0xF4: False, 0xF5: True, 0xF6: None}


def read_cbor(data: bytes, start: int = 0) -> tuple[CborValue, int]:
    """Read the value that begins at `start`; return it and the offset after its last byte.

    Raises:
        CeremonyMalformed: a `Cbor…` subclass says what is not in the canonical form.
    """
    reader = _Reader(data, start)
    value = reader.value(0)
    return value, reader.offset


class _Reader:
    def __init__(self, data: bytes, offset: int) -> None:
        self.data = data
        self.offset = offset

    def value(self, depth: int) -> CborValue:
        initial = self._take(1)[0]
        if initial in _SIMPLE:
            return _SIMPLE[initial]
        major = initial >> 5
        if major > _MAP:
            raise CborTypeRefused(f"initial byte 0x{initial:02x}")
        argument = self._argument(initial & 0x1F)
        if major == _UNSIGNED:
            return argument
        if major == _NEGATIVE:
            return -1 - argument
        if major == _BYTES:
            return self._take(argument)
        if major == _TEXT:
            return self._text(argument)
        # Every item is a byte at least: a count beyond what is left is refused before the loop.
        self._require(argument)
        if depth >= DEPTH_MAX:
            raise CborTooDeep
        if major == _ARRAY:
            return [self.value(depth + 1) for _ in range(argument)]
        return self._map(argument, depth + 1)

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise CborIndefinite
        width = 1 << (info - 24)
        argument = int.from_bytes(self._take(width), "big")
        if argument < (24, 1 << 8, 1 << 16, 1 << 32)[info - 24]:
            raise CborNotShortest
        return argument

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise CborTextNotUtf8 from None

    def _map(self, count: int, depth: int) -> dict[int | str, CborValue]:
        members: dict[int | str, CborValue] = {}
        for _ in range(count):
            key = self.value(depth)
            # bool is an int in Python, and True would meet 1 as a key: not here.
            if isinstance(key, bool) or not isinstance(key, int | str):
                raise CborKeyRefused
            if key in members:
                raise CborDuplicateKey(f"{key!r}"[:40])
            members[key] = self.value(depth)
        return members

    def _take(self, length: int) -> bytes:
        self._require(length)
        start, self.offset = self.offset, self.offset + length
        return self.data[start : self.offset]

    def _require(self, length: int) -> None:
        if length > len(self.data) - self.offset:
            raise CborTruncated
