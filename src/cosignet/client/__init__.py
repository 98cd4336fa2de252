"""What runs at the customer: nothing but a decision that was verified here lets an action run.

Python's standard library only. `docs/sdk.md` shows it at work.
"""

from cosignet.client.asynchronous import AsyncCosignet
from cosignet.client.cosignet import Asked, Cosignet
from cosignet.client.decision import Approval, Decision
from cosignet.client.errors import (
    Cancelled,
    CosignetError,
    EvidenceRefused,
    Expired,
    NotApproved,
    Rejected,
    RequestRefused,
    SetupIncomplete,
    Unavailable,
    Undecided,
)
from cosignet.client.gate import requires_approval
from cosignet.client.patience import Timing
from cosignet.client.pins import PinFile, PinnedKeys

__all__ = [
    "Approval",
    "Asked",
    "AsyncCosignet",
    "Cancelled",
    "Cosignet",
    "CosignetError",
    "Decision",
    "EvidenceRefused",
    "Expired",
    "NotApproved",
    "PinFile",
    "PinnedKeys",
    "Rejected",
    "RequestRefused",
    "SetupIncomplete",
    "Timing",
    "Unavailable",
    "Undecided",
    "requires_approval",
]
