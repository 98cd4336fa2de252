"""What keeps an action from running. Four kinds, never mixed up:

- `NotApproved`: somebody decided otherwise, or nobody did in time. An outcome.
- `Unavailable`: the state cannot be known now. An operational condition; nothing was decided.
- `EvidenceRefused`: somebody says "approved" and does not prove it. An incident.
- `RequestRefused`: the server will not do what was asked. A mistake in code or configuration.
"""

from typing import Any

from cosignet.core.characters import visible


class CosignetError(Exception):
    """The action may not run. A terminal obeys nothing in its words, whoever wrote them."""

    def __init__(self, words: str) -> None:
        super().__init__(visible(words))


class SetupIncomplete(CosignetError):
    """A setting that the client needs is missing or unusable; the text names it and the cure."""


class Unavailable(CosignetError):
    """Cosignet could not be asked, or gave no usable answer. Nothing is known to be approved."""

    def __init__(self, reason: str, *, failures: int = 1) -> None:
        super().__init__(f"Cosignet is unavailable: {reason}. The action was not run.")
        self.reason = reason
        self.failures = failures
        """How many times in a row it failed."""


class RequestRefused(CosignetError):
    """The server answered with a refusal (RFC 9457); trying again changes nothing."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", f"http_{status}"))
        self.field = problem.get("field")
        words = [problem.get(name) for name in ("title", "detail", "cure")]
        said = " ".join(word for word in words if isinstance(word, str))
        where = f"{self.field}: " if isinstance(self.field, str) else ""
        super().__init__(f"{where}{said or f'HTTP {status}'} ({self.code})")


class EvidenceRefused(CosignetError):
    """The server says approved, and what it shows does not prove that. Tell your operator."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"This approval is not believed: {detail} ({code})")
        self.code = code
        """Stable; which check failed."""


class NotApproved(CosignetError):
    """Nobody approved. `decision` says the rest."""

    def __init__(self, decision: Any) -> None:
        super().__init__(f"{type(self).__doc__} ({decision.id})")
        self.decision = decision


class Rejected(NotApproved):
    """A person rejected this. Do not run it, and tell whoever asked."""


class Expired(NotApproved):
    """Nobody decided in time. Ask again if it is still needed."""


class Cancelled(NotApproved):
    """Whoever asked took it back. Nothing runs."""


class Undecided(Expired):
    """Your own deadline came before a decision. Ask again if it is still needed."""
