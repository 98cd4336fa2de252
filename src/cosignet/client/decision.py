"""A decision as a program reads it: by its status, or by what it demands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from cosignet.client.errors import Cancelled, Expired, NotApproved, Rejected, Undecided
from cosignet.client.evidence import Evidence
from cosignet.core.confirmation import Status
from cosignet.core.jsontext import JsonValue, parse_json


@dataclass(frozen=True, slots=True)
class Approval:
    """A verified approval: what was signed, for one run."""

    id: str
    evidence: Evidence
    run_token: str = field(repr=False)
    """Random; whoever consumes with it may repeat that, and nobody else can consume."""

    @property
    def payload(self) -> dict[str, JsonValue]:
        """The payload that was signed, made anew: run this, and not what you had before."""
        return cast("dict[str, JsonValue]", parse_json(self.evidence.payload_text.encode()))


@dataclass(frozen=True)
class Decision(Mapping[str, JsonValue]):
    """What became of a confirmation. `decision["status"]` reads any field of the API's answer.

    An approved one has been verified before it got here; `require_approved` is the way on.
    """

    answer: dict[str, JsonValue] = field(repr=False)
    approval: Approval | None = None

    @property
    def id(self) -> str:
        """The confirmation's id."""
        return str(self.answer["id"])

    @property
    def status(self) -> Status:
        """`pending` means that your own deadline came first."""
        return Status(cast(str, self.answer["status"]))

    def require_approved(self) -> Approval:
        """Return the approval.

        Raises:
            Rejected, Cancelled, Expired, Undecided: it is none.
        """
        if self.approval is None:
            raise self._outcome()(self)
        return self.approval

    def _outcome(self) -> type[NotApproved]:
        if self.status is Status.REJECTED:
            return Rejected
        if self.status is Status.PENDING:
            return Undecided
        return Cancelled if self.answer.get("cancelledAt") else Expired

    def __getitem__(self, name: str) -> JsonValue:
        return self.answer[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.answer)

    def __len__(self) -> int:
        return len(self.answer)
