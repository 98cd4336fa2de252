"""What the log answers, for the API's description; see `schemas.py`."""

from typing import Any, Literal

from pydantic import Field

from cosignet.server.web.schemas import Answer


class LogKey(Answer):
    """The log's verifier keys. Do not trust one because the log itself told it."""

    origin: str
    algorithm: Literal["Ed25519"]
    public_key: str = Field(description="32 bytes, base64.")
    public_key_pem: str
    key_id: str = Field(description="4 bytes, hexadecimal.")
    vkey: str = Field(description="NAME+ID+KEY (C2SP signed-note).")
    vkeys: list[str] = Field(description="All there ever were, oldest first.")


class TreeHead(Answer):
    """A signed head of the log."""

    origin: str
    tree_size: int
    root_hash: str = Field(description="Base64.")
    timestamp: str = Field(description="When it was signed; not signed itself.")
    key_id: str
    signature: str = Field(description="Ed25519 over the note's text, base64.")
    note: str = Field(description="The checkpoint, verbatim.")


class TreeHeads(Answer):
    """Some signed heads, newest first."""

    items: list[TreeHead]
    next_cursor: str | None


class InclusionProof(Answer):
    """A leaf's place in a tree (RFC 6962, section 2.1.1); hashes in base64."""

    leaf_index: int
    tree_size: int
    hashes: list[str]


class ConsistencyProof(Answer):
    """One tree begins with another (RFC 6962, section 2.1.2); hashes in base64."""

    first: int
    second: int
    hashes: list[str]


class Bundle(Answer):
    """Everything about one leaf; 202 with the first four members until a head covers it."""

    version: Literal[1]
    evidence_id: str
    kind: Literal["approval", "rejection", "consumption", "outcome"]
    state: Literal["pending", "included", "witnessed", "anchored"]
    log: dict[str, Any] | None = None
    entry: dict[str, Any] | None = None
    opening: str | None = None
    payload_hash: str | None = None
    signatures: list[dict[str, Any]] | None = None
    inclusion: dict[str, Any] | None = None
    checkpoint: str | None = None
    tlog_proof: str | None = None
    consistency: list[dict[str, Any]] | None = None
    witnesses: list[dict[str, Any]] | None = None
    anchors: list[dict[str, Any]] | None = None
