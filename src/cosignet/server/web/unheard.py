"""An answer, in bytes, to a request that did not get as far as the application."""

from http import HTTPStatus

from cosignet.core.errors import Refusal
from cosignet.server.runtime import Runtime
from cosignet.server.web.errors import problem, status_of
from cosignet.server.web.headers import data_headers
from cosignet.server.web.request_id import REQUEST_ID_FIELD, mint_request_id


def refusal_in_bytes(rt: Runtime, refusal: Refusal) -> bytes:
    """Write a problem document with all headers, after which the connection is closed."""
    request_id = mint_request_id(rt.random)
    answer = problem(refusal, request_id=request_id)
    status = HTTPStatus(status_of(refusal))
    headers = dict(answer.raw_headers) | data_headers(rt.public_url)
    headers |= {REQUEST_ID_FIELD: request_id.encode(), b"connection": b"close"}
    lines = [f"HTTP/1.1 {status} {status.phrase}".encode()]
    lines += [name + b": " + value for name, value in headers.items()]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])
