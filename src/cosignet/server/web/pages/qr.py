"""`/confirm/:id/qr.svg`: the page's own address as a picture, for the device with the passkey."""

import io
import re

import segno
from starlette.responses import Response

from cosignet.core.errors import NotFound
from cosignet.server.web.call import Call

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What a confirmation's id looks like (RFC 9562, section 4)."""
QUIET_MODULES = 4
"""The light margin that readers need around the code (ISO/IEC 18004, section 6.3.8)."""


async def show(call: Call) -> Response:
    """Draw the address; whether anything is there is for the page behind it to say.

    Raises:
        NotFound: no confirmation can have this id.
    """
    confirmation_id = call.path("id")
    if not ID.fullmatch(confirmation_id):
        raise NotFound
    picture = draw(f"{call.runtime.public_url}/confirm/{confirmation_id}")
    return Response(picture, media_type="image/svg+xml")


def draw(text: str) -> bytes:
    """Return a QR code (ISO/IEC 18004, error correction M) as SVG, dark on light in any scheme."""
    picture = io.BytesIO()
    segno.make_qr(text, error="m").save(
        picture, kind="svg", border=QUIET_MODULES, xmldecl=False, omitsize=True, light="#fff"
    )
    return picture.getvalue()
