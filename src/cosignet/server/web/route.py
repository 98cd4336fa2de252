"""One row of the route table."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel
from starlette.responses import Response

from cosignet.server.web.call import Body
from cosignet.server.web.guards import Guard

Endpoint: TypeAlias = Callable[..., Awaitable[Response]]
"""Takes a Call, and a Body of the type it annotates if it wants one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One route; query parameters that are not named here are refused."""

    method: str
    path: str
    guard: Guard
    endpoint: Endpoint
    answer: type[BaseModel] | None = None
    """None: a page, or what `media` says."""
    status: int = 200
    query: tuple[str, ...] = ()
    replayed: type[BaseModel] | None = None
    """The answer to a request that comes again with its Idempotency-Key; None: takes no such key.
    """
    reads: type[Body] | None = None
    """The body of an endpoint that reads it itself."""
    later: bool = False
    """Whether it may answer 202, as the same model, until there is more to say."""
    media: str = "text/html"
    """The media type of what is no JSON of a model."""

    @property
    def parsed(self) -> type[Body] | None:
        """The body model that the door parses: the type of the endpoint's second parameter."""
        parameters: list[Any] = list(inspect.signature(self.endpoint).parameters.values())
        return parameters[1].annotation if len(parameters) > 1 else None

    @property
    def body(self) -> type[Body] | None:
        """The body model, whoever reads it."""
        return self.reads or self.parsed
