"""The log, for anybody: C2SP's files as they are, and the same in JSON beside them."""

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from cosignet.core.bundle import Evidence, base64_text, write_bundle, write_pending
from cosignet.core.checkpoint import SIZE_MAX, TlogProof, format_tlog_proof
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldMissing
from cosignet.core.log_errors import NotLogged
from cosignet.core.note import VerifierKey, parse_note
from cosignet.server.secret import ed25519_pem
from cosignet.server.services import evidence
from cosignet.server.services.evidence import HEADS_MAX, Head, PendingEvidence
from cosignet.server.web.call import Call

CHECKPOINT_SECONDS = 2
"""How long a head may be taken for the newest."""
FOREVER = "public, max-age=31536000, immutable"
SHORTLY = f"public, max-age={CHECKPOINT_SECONDS}"
_TEXT = "text/plain; charset=utf-8"


def _json(value: object, *, status: int = 200, cache: str = "no-store") -> Response:
    headers = {"cache-control": cache}
    return Response(orjson.dumps(value), status, headers, media_type="application/json")


def _text(text: str, *, cache: str = "no-store") -> Response:
    return Response(text, headers={"cache-control": cache, "content-type": _TEXT})


async def checkpoint(call: Call) -> Response:
    """Return the newest signed head, as C2SP tlog-checkpoint."""
    return _text((await evidence.head(call.runtime)).note, cache=SHORTLY)


async def tile(call: Call) -> Response:
    """Return a tile or a bundle of entries, as C2SP tlog-tiles says."""
    data = await evidence.tile(call.runtime, call.path("name"))
    # A part of a tile never changes, either; it is the beginning of what comes later.
    headers = {"cache-control": FOREVER}
    return Response(data, headers=headers, media_type="application/octet-stream")


async def key(call: Call) -> Response:
    """Return the log's verifier keys; as text the one that signs now."""
    keys = await evidence.keys(call.runtime)
    if "text/plain" in (call.header(b"accept") or ""):
        answer = _text(keys[-1].text + "\n", cache=SHORTLY)
    else:
        answer = _json(_key(keys), cache=SHORTLY)
    answer.headers["vary"] = "accept"
    return answer


async def tree_head(call: Call) -> Response:
    """Return the newest signed head."""
    return _json(_head(await evidence.head(call.runtime)), cache=SHORTLY)


async def tree_heads(call: Call) -> Response:
    """List signed heads, newest first."""
    limit = call.query_number("limit", default=HEADS_MAX, low=1, high=HEADS_MAX)
    below = call.query_number("cursor", default=SIZE_MAX, low=0, high=SIZE_MAX)
    found = await evidence.heads(call.runtime, below=below, limit=limit + 1)
    shown = found[:limit]
    cursor = str(shown[-1].size) if len(found) > limit else None
    return _json({"items": [_head(one) for one in shown], "nextCursor": cursor})


async def inclusion(call: Call) -> Response:
    """Prove that a leaf is in a tree."""
    index = _number(call, "index")
    asked = None if call.query("treeSize") is None else _number(call, "treeSize")
    size, hashes = await evidence.prove_inclusion(call.runtime, index, asked)
    proof = {"leafIndex": index, "treeSize": size, "hashes": [base64_text(one) for one in hashes]}
    return _json(proof, cache="no-store" if asked is None else FOREVER)


async def consistency(call: Call) -> Response:
    """Prove that a tree begins with an earlier one."""
    first, second = _number(call, "first"), _number(call, "second")
    hashes = await evidence.prove_consistency(call.runtime, first, second)
    proof = {"first": first, "second": second, "hashes": [base64_text(one) for one in hashes]}
    return _json(proof, cache=FOREVER)


async def verification(call: Call) -> Response:
    """Return everything with which a decision is verified, offline, for ever."""
    found = await evidence.bundle(call.runtime, call.path("id"), call.query("kind"))
    if isinstance(found, PendingEvidence):
        return _json(write_pending(found.evidence_id, found.kind), status=202)
    return _json(write_bundle(found))


async def proof(call: Call) -> Response:
    """Return the proof of one leaf as C2SP tlog-proof."""
    found = await evidence.bundle(call.runtime, call.path("id"), call.query("kind"))
    if not isinstance(found, Evidence):
        raise NotLogged("It is recorded, and no signed head covers it yet.")
    return _text(format_tlog_proof(TlogProof(found.leaf.index, found.leaf.hashes, found.note)))


def _number(call: Call, name: str) -> int:
    if call.query(name) is None:
        raise FieldMissing(field=name)
    return call.query_number(name, default=0, low=0, high=SIZE_MAX)


def _key(keys: Sequence[VerifierKey]) -> dict[str, Any]:
    newest = keys[-1]
    return {
        "origin": newest.name,
        "algorithm": "Ed25519",
        "publicKey": base64_text(newest.public_key),
        "publicKeyPem": ed25519_pem(newest.public_key),
        "keyId": newest.key_id.hex(),
        "vkey": newest.text,
        "vkeys": [one.text for one in keys],
    }


def _head(head: Head) -> dict[str, Any]:
    last = parse_note(head.note).signatures[-1]
    return {
        "origin": last.name,
        "treeSize": head.size,
        "rootHash": base64_text(head.root),
        "timestamp": rfc3339(head.signed_at),
        "keyId": last.key_id.hex(),
        "signature": base64_text(last.signature),
        "note": head.note,
    }
