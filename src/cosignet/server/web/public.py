"""What anybody may ask: is the process alive, can it do its work, what is this."""

from starlette.responses import Response

from cosignet.server.services import operate
from cosignet.server.services.access import DEFAULT_ORGANISATION
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Call
from cosignet.server.web.rendering import page


async def healthz(call: Call) -> Response:
    """Say that this process answers."""
    return json_answer({"status": "ok"})


async def readyz(call: Call) -> Response:
    """Say whether the database can be written; 503 if not."""
    await operate.ready(call.runtime)
    return json_answer({"status": "ready"})


async def verify(call: Call) -> Response:
    """Check the evidence of a decision, in the browser; its script reads the address."""
    return page("verify.html")


async def home(call: Call) -> Response:
    """Say what this is."""
    return page("home.html", has_owner=await operate.has_owner(call.runtime, DEFAULT_ORGANISATION))
