"""`/metrics`: what this node's operator watches, as Prometheus reads it."""

from starlette.responses import Response

from cosignet.server.services import operate
from cosignet.server.web.call import Call


async def metrics(call: Call) -> Response:
    """Tell the figures of this node, all its processes included, as Prometheus reads them."""
    body, media_type = await operate.expose(call.runtime, accept=call.header(b"accept") or "")
    return Response(body, headers={"content-type": media_type})
