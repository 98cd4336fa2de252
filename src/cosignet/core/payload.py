"""The payload: its canonical bytes, their hash, and the bounds that keep it readable.

The bytes are computed once, stored, and served verbatim for ever; nothing re-serialises them.
"""

import hashlib
from typing import cast

from cosignet.core.errors import (
    PayloadNotObject,
    PayloadTooLarge,
    PayloadTooManyValues,
)
from cosignet.core.jsontext import JsonValue, parse_json, write_json

LEAF_VALUES_MAX = 500
"""Values a person is shown at most; an empty object or array counts as one."""
CANONICAL_BYTES_MAX = 64 * 1024
"""Length of the canonical UTF-8 bytes."""


def canonical_payload(value: JsonValue) -> str:
    """Return the canonical text of a payload (contract: SHA-256 is taken over its UTF-8 bytes).

    Raises:
        PayloadRefused: a subclass says which bound or rule, `field` says where.
    """
    if not isinstance(value, dict):
        raise PayloadNotObject(field="payload")
    text = write_json(value, field="payload")
    if len(text.encode()) > CANONICAL_BYTES_MAX:
        raise PayloadTooLarge(field="payload")
    # Each value takes two characters at least, a comma or bracket among them.
    if len(text) > 2 * LEAF_VALUES_MAX and count_leaves(value) > LEAF_VALUES_MAX:
        raise PayloadTooManyValues(field="payload")
    return text


def payload_from_text(data: bytes) -> str:
    """Return the canonical text of a payload given as JSON bytes; raises as `parse_json` does."""
    return canonical_payload(parse_json(data, field="payload"))


def payload_hash(canonical_text: str) -> bytes:
    """Return the 32 bytes an approver signs: SHA-256 over the canonical bytes, verbatim."""
    return hashlib.sha256(canonical_text.encode()).digest()


def count_leaves(value: JsonValue) -> int:
    """Count the values a person would be shown."""
    count = 0
    stack: list[JsonValue] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict | list) and node:
            stack.extend(
                cast("dict[str, JsonValue]", node).values() if isinstance(node, dict) else node
            )
        else:
            count += 1
    return count
