"""One call of a tool: who calls, what the client can do, and how it is told meanwhile."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp_types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
)

from cosignet.core.access import ApiKey
from cosignet.core.confirmation import Confirmation
from cosignet.server.mcp.message import Heard
from cosignet.server.mcp.texts import ask_to_open, waits_for
from cosignet.server.runtime import Runtime
from cosignet.server.services import watch
from cosignet.server.web.told import HELD

PROGRESS_SECONDS = 5.0
"""How often somebody who wants to know is told that the human has not decided."""
_OPEN = "open"
"""What the request to open the page is called, within its answer."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool answers: in words, and as the REST API would."""

    words: str
    structured: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of a tool."""

    context: ServerRequestContext[Any, Any]
    params: CallToolRequestParams
    heard: Heard

    @property
    def runtime(self) -> Runtime:
        """The node."""
        return self.heard.call.runtime

    @property
    def key(self) -> ApiKey:
        """Who calls."""
        return self.heard.call.api_key

    def url(self, found: Confirmation) -> str:
        """Return the page on which a confirmation is decided."""
        return f"{self.runtime.public_url}/confirm/{found.id}"

    async def read(self, confirmation_id: str, seconds: int = 0) -> Confirmation:
        """Return a confirmation of the key's organisation, decided or after so many seconds.

        Raises:
            NotFound, Unavailable, TooManyWaiting, NodeFull.
        """
        if not seconds:
            return await watch.get_own(self.runtime, self.key, confirmation_id)
        self.heard.call.scope[HELD] = True
        telling = asyncio.ensure_future(self._tell(confirmation_id, seconds))
        try:
            return await watch.get_own(
                self.runtime, self.key, confirmation_id, wait_seconds=seconds
            )
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling

    async def _tell(self, confirmation_id: str, seconds: int) -> None:
        """Tell whoever wants to know, at once and from time to time, for whom they wait."""
        if not self.heard.wants_progress:
            return
        found = await watch.get_own(self.runtime, self.key, confirmation_id)
        words, passed = waits_for(found, self.url(found)), 0.0
        while not found.decided and passed < seconds:
            await self.context.session.report_progress(passed, seconds, words)
            await asyncio.sleep(PROGRESS_SECONDS)
            passed += PROGRESS_SECONDS

    # --- Where the client can show the page to whoever sits before it (revision 2026-07-28) -------

    @property
    def opens_pages(self) -> bool:
        """Whether the client would ask its human to open a page, and has not done so yet."""
        # Earlier revisions say it in a handshake, of which nothing is kept: None.
        able = self.context.session.client_capabilities
        return (
            able is not None
            and able.elicitation is not None
            and able.elicitation.url is not None
            and self.params.request_state is None
        )

    def to_be_opened(self, found: Confirmation) -> InputRequiredResult:
        """Ask the client to have the page opened, and to come again with what it is about."""
        asked = ElicitRequestURLParams(message=ask_to_open(found), url=self.url(found))
        return InputRequiredResult(
            input_requests={_OPEN: ElicitRequest(params=asked)}, request_state=found.id
        )

    @property
    def was_opened(self) -> bool:
        """Whether nobody has declined to open the page."""
        answer = (self.params.input_responses or {}).get(_OPEN)
        return not isinstance(answer, ElicitResult) or answer.action == "accept"
