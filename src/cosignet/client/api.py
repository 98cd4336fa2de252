"""HTTP from the customer's side: no redirects, no proxies, nothing that is not asked for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from cosignet.client.environment import Access
from cosignet.core.errors import SetupError

TIMEOUT_SECONDS = 40.0
"""More patient than the longest wait that the server takes."""


class Unreachable(Exception):
    """There was no answer."""


class Refused(Exception):
    """The server has refused it, in these words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body."""

    status: int
    body: bytes


def send(method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """Send one request over a connection of its own.

    Raises:
        SetupError: it is no http or https URL.
        Unreachable: there was no answer.
    """
    parts = urlsplit(url)
    kinds = {"http": HTTPConnection, "https": HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname:
        raise SetupError(f"{url!r} is no http or https URL.")
    connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except (OSError, HTTPException) as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    finally:
        connection.close()


def get(access: Access, path: str, **query: str | int) -> dict[str, Any]:
    """Read something as JSON.

    Raises:
        Unreachable: there was no answer.
        Refused: the answer is no success.
    """
    url = f"{access.base_url}{path}" + (f"?{urlencode(query)}" if query else "")
    answer = send("GET", url, headers={"X-Api-Key": access.key})
    try:
        said = json.loads(answer.body)
    except ValueError:
        raise Unreachable("the answer is not JSON") from None
    if not 200 <= answer.status < 300:
        raise Refused(f"{said.get('title', '')} {said.get('cure', '')}".strip())
    return said
