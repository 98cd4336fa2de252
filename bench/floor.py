"""The floors: bare Starlette, served exactly as Cosignet is, doing only what cannot be left out.

    python -m bench.floor PORT KIND ANSWER [KEY]

KIND is `parse`, `constant`, `hold` or `verify`; ANSWER a file with the constant answer; KEY, for
`verify`, a file with the public key (DER). Routes and bodies are those of Cosignet, so that the
same bytes can be sent to both.
"""

import asyncio
import base64
import hashlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cosignet.server.app import uvicorn_for

Endpoint = Callable[[Request], Awaitable[Response]]


def parsing(answer: bytes) -> Endpoint:
    """Read the body as JSON."""

    async def endpoint(request: Request) -> Response:
        await request.json()
        return Response(answer, 201, media_type="application/json")

    return endpoint


def constant(answer: bytes) -> Endpoint:
    """Read nothing."""

    async def endpoint(_: Request) -> Response:
        return Response(answer, media_type="application/json")

    return endpoint


def holding(answer: bytes) -> Endpoint:
    """Sleep as long as is asked for."""

    async def endpoint(request: Request) -> Response:
        await asyncio.sleep(float(request.query_params["wait"]))
        return Response(answer, media_type="application/json")

    return endpoint


def verifying(answer: bytes, key: EllipticCurvePublicKey) -> Endpoint:
    """Read the body as JSON and verify the one signature in it."""

    async def endpoint(request: Request) -> Response:
        response = (await request.json())["credential"]["response"]
        client_data, data, signature = (
            base64.urlsafe_b64decode(response[name] + "==")
            for name in ("clientDataJSON", "authenticatorData", "signature")
        )
        key.verify(signature, data + hashlib.sha256(client_data).digest(), ECDSA(SHA256()))
        return Response(answer, media_type="application/json")

    return endpoint


def application(kind: str, answer: bytes, key: bytes) -> Starlette:
    """Return a floor with the one route it needs."""
    if kind == "parse":
        route = Route("/api/confirmations", parsing(answer), methods=["POST"])
    elif kind == "constant":
        route = Route("/api/confirmations/{id}", constant(answer))
    elif kind == "hold":
        route = Route("/api/confirmations/{id}", holding(answer))
    else:
        loaded = load_der_public_key(key)
        assert isinstance(loaded, EllipticCurvePublicKey)
        route = Route("/confirm/{id}/approve", verifying(answer, loaded), methods=["POST"])
    return Starlette(routes=[Route("/healthz", constant(b"{}")), route])


def main(port: str, kind: str, answer: str, key: str = "") -> None:
    """Serve a floor until terminated."""
    key_bytes = Path(key).read_bytes() if key else b""
    served = application(kind, Path(answer).read_bytes(), key_bytes)
    uvicorn.Server(uvicorn_for(served, "127.0.0.1", int(port))).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
