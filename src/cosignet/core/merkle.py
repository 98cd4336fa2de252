"""The tree over the log's entries: hashes, which of them prove what, and checking such proofs.

Hashing and proofs are RFC 6962, section 2.1, with SHA-256; checking is RFC 9162, sections 2.1.3.2
and 2.1.4.2. Whoever proves asks for the hashes of complete subtrees only, by level and number: the
one at level 3 with number 2 is over the leaves 16 to 23. How they are stored is not known here.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import NamedTuple, TypeAlias

from cosignet.core.log_errors import ProofWrong

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""
_NODE = hashlib.sha256(b"\x01")
_PAIR_BYTES = 2 * HASH_BYTES


class Subtree(NamedTuple):
    """A complete subtree: 2^level leaves, beginning with leaf number · 2^level."""

    level: int
    number: int


HashOf: TypeAlias = Callable[[Subtree], bytes]
"""Gives the hash of a complete subtree."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete_subtrees(start: int, end: int) -> list[Subtree]:
    """Return the complete subtrees that leaves `start` to `end` (exclusive) consist of, in order.

    `start` is a multiple of the smallest power of two that is not below `end - start`, as in all
    subtrees of RFC 6962.
    """
    found: list[Subtree] = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append(Subtree(level, start >> level))
        start += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over neighbours that get smaller to the right; of none, the empty root's."""
    if not hashes:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes))


def fold_complete(hashes: bytes) -> bytes:
    """Return the hash over 1, 2, 4, 8 … hashes that lie side by side."""
    while len(hashes) > HASH_BYTES:
        hashes = row_above(hashes)
    return hashes


def row_above(hashes: bytes) -> bytes:
    """Return the hashes over each two that lie side by side, as far as there are two."""
    above: list[bytes] = []
    for end in range(_PAIR_BYTES, len(hashes) + 1, _PAIR_BYTES):
        # What `node_hash` does. A copy costs less than a new beginning: proofs wait for this loop.
        node = _NODE.copy()
        node.update(hashes[end - _PAIR_BYTES : end])
        above.append(node.digest())
    return b"".join(above)


def grown_peaks(size: int, peaks: Sequence[bytes], leaves: Iterable[bytes]) -> list[bytes]:
    """Return the hashes that a root is folded from, after adding leaves one by one.

    `peaks` are those of `root_subtrees(size)`. Nothing else is needed, in particular no tile.
    """
    found = list(peaks)
    for leaf in leaves:
        node, count = leaf, size
        while count & 1:
            node = node_hash(found.pop(), node)
            count >>= 1
        found.append(node)
        size += 1
    return found


def root_subtrees(size: int) -> list[Subtree]:
    """Return what the root of a tree consists of."""
    return complete_subtrees(0, size)


def inclusion_subtrees(index: int, size: int) -> list[list[Subtree]]:
    """Return what each hash of an inclusion proof consists of, from the leaf's sibling upwards."""
    return [complete_subtrees(*span) for span in _inclusion_spans(index, size)]


def consistency_subtrees(first: int, second: int) -> list[list[Subtree]]:
    """Return what each hash of a consistency proof consists of, in its order."""
    return [complete_subtrees(*span) for span in _consistency_spans(first, second)]


def hashes_over(groups: Sequence[Sequence[Subtree]], hash_of: HashOf) -> list[bytes]:
    """Return one hash for each group of neighbours."""
    return [fold([hash_of(subtree) for subtree in group]) for group in groups]


def root(size: int, hash_of: HashOf) -> bytes:
    """Return the root of the tree over the first `size` leaves."""
    [found] = hashes_over([root_subtrees(size)], hash_of)
    return found


def prove_inclusion(index: int, size: int, hash_of: HashOf) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves."""
    return hashes_over(inclusion_subtrees(index, size), hash_of)


def prove_consistency(first: int, second: int, hash_of: HashOf) -> list[bytes]:
    """Return the proof that the tree of `second` leaves begins with that of `first`."""
    return hashes_over(consistency_subtrees(first, second), hash_of)


def root_of_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, section 2.1.3.2).

    `leaf` is the leaf's hash.

    Raises:
        ProofWrong: a proof for such a place has another length.
    """
    _require_hashes(leaf, *proof)
    if not 0 <= index < size:
        raise ProofWrong("there is no such leaf in a tree of this size")
    fn, sn, found = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise ProofWrong("the inclusion proof is too long")
        if fn & 1 or fn == sn:
            found = node_hash(sibling, found)
            fn, sn = _up_to_right_child(fn, sn)
        else:
            found = node_hash(found, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofWrong("the inclusion proof is too short")
    return found


def verify_inclusion(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Check that a leaf, given by its hash, is number `index` of the tree with that root.

    Raises:
        ProofWrong: that is not proven.
    """
    if root_of_inclusion(leaf, index=index, size=size, proof=proof) != expected_root:
        raise ProofWrong("the inclusion proof leads to another root")


def verify_consistency(
    *,
    first: int,
    second: int,
    first_root: bytes,
    second_root: bytes,
    proof: Sequence[bytes],
) -> None:
    """Check that a tree begins with an earlier, not empty one (RFC 9162, section 2.1.4.2).

    Raises:
        ProofWrong: that is not proven.
    """
    if not 0 < first <= second:
        raise ProofWrong("there is nothing to prove between these sizes")
    if first == second:
        if proof or first_root != second_root:
            raise ProofWrong("there are two roots for one size")
        return
    if not proof:
        raise ProofWrong("the consistency proof is too short")
    _require_hashes(first_root, second_root, *proof)
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if _roots_of_consistency(first, second, path) != (first_root, second_root):
        raise ProofWrong("the consistency proof leads to other roots")


def _require_hashes(*hashes: bytes) -> None:
    # Of other lengths two could be cut in another place, and hash alike.
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofWrong("a hash has not 32 bytes")


def _roots_of_consistency(first: int, second: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise ProofWrong("the consistency proof is too long")
        if fn & 1 or fn == sn:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            fn, sn = _up_to_right_child(fn, sn)
        else:
            new = node_hash(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofWrong("the consistency proof is too short")
    return old, new


def _up_to_right_child(fn: int, sn: int) -> tuple[int, int]:
    """Go up where a node has no sibling, which only happens along the right edge."""
    while fn and not fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return fn, sn


def _largest_power_below(count: int) -> int:
    """Return the largest power of two that is smaller than `count`, which is 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)


def _inclusion_spans(index: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield `PATH(index, D[size])` of RFC 6962, section 2.1.1, as ranges of leaves."""
    start, end, spans = 0, size, list[tuple[int, int]]()
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return reversed(spans)


def _consistency_spans(first: int, second: int) -> Iterator[tuple[int, int]]:
    """Yield `PROOF(first, D[second])` of RFC 6962, section 2.1.2, as ranges of leaves."""
    start, end, spans = 0, second, list[tuple[int, int]]()
    while first < end:
        middle = start + _largest_power_below(end - start)
        if first <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:
        # The old tree's last part; as long as it is the old tree itself, the verifier has its root.
        spans.append((start, end))
    return reversed(spans)
