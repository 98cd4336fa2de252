"""The application of one node: its doors, and behind one of them what speaks MCP.

That part is loaded when the first agent knocks. It is 26 MB and half a second of processor time:
too much before the first answer of a server, and for nothing where no agent ever comes.
"""

import asyncio
import importlib

from starlette.responses import Response
from starlette.types import ASGIApp

from cosignet.server.runtime import Runtime
from cosignet.server.web.call import Agents, Call
from cosignet.server.web.door import build

_SPEAKER = "cosignet.server.mcp.speaker"


class Later:
    """Speaks to agents once the first of them has come."""

    def __init__(self) -> None:
        self._loading: asyncio.Future[Agents] | None = None

    async def answer(self, call: Call) -> Response:
        """Answer one message; the first ones wait until that can be done."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(_load))
        if not self._loading.done():
            # Shielded: the first one may leave while others wait for the same.
            await asyncio.shield(self._loading)
        return await self._loading.result()(call)


def _load() -> Agents:
    return importlib.import_module(_SPEAKER).Speaker().answer


def application(runtime: Runtime) -> ASGIApp:
    """Return the application of one node."""
    return build(runtime, Later().answer)
