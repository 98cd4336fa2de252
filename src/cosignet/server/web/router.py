"""Finding what answers a path: at once, or segment by segment where parts of it vary."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.responses import Response
from starlette.types import Receive, Scope

from cosignet.core.errors import NotFound
from cosignet.server.web.errors import MethodNotAllowed
from cosignet.server.web.told import ROUTE

Answerer: TypeAlias = Callable[[Scope, Receive], Awaitable[Response]]
"""What stands behind a route: answers a request, or raises the refusal."""


class _Place:
    """Where some segments lead."""

    def __init__(self) -> None:
        self.methods: dict[str, Answerer] = {}
        self.fixed: dict[str, _Place] = {}
        self.parameter = ""
        """The name of the next segment where it is none of the fixed ones; empty: there is none."""
        self.behind: _Place | None = None
        """Where that one leads."""
        self.takes_rest = False
        """Whether it leads here however many segments follow."""
        self.template = ""
        """What a path that leads here is called."""

    def next(self, segment: str, parameters: dict[str, str]) -> "_Place":
        found = self.fixed.get(segment)
        if found is not None:
            return found
        if self.behind is None or not segment:
            raise NotFound
        parameters[self.parameter] = segment
        return self.behind


class Router:
    """Finds the route of a request's path and method."""

    def __init__(self) -> None:
        self._root = _Place()
        self._fixed: dict[str, _Place] = {}
        """Where paths lead in which nothing varies."""

    def add(
        self, method: str, path: str, answerer: Answerer, *, template: str | None = None
    ) -> None:
        """Add a route; a segment `{name}` of its path takes any text but the empty one.

        A last segment `{name*}` takes the whole rest of the path. Requests on it are told as those
        of `template`, or of the path as it is written here.
        """
        place = self._root
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                place.parameter = segment.strip("{*}")
                place.behind = place.behind or _Place()
                place = place.behind
                place.takes_rest = segment.endswith("*}")
            else:
                place = place.fixed.setdefault(segment, _Place())
        if "{" not in path:
            self._fixed[path] = place
        place.template = template or path
        place.methods[method] = answerer
        if method == "GET":
            place.methods["HEAD"] = answerer

    def find(self, scope: Scope) -> Answerer:
        """Return what answers a request, and note the route's name and what its path holds.

        Raises:
            NotFound: there is no such path.
            MethodNotAllowed: it has other methods.
        """
        parameters: dict[str, str] = {}
        place = self._fixed.get(scope["path"]) or self._led_to(scope["path"], parameters)
        scope[ROUTE] = place.template
        answerer = place.methods.get(scope["method"])
        if answerer is None:
            raise MethodNotAllowed(", ".join(sorted(place.methods)))
        scope["path_params"] = parameters
        return answerer

    def _led_to(self, path: str, parameters: dict[str, str]) -> _Place:
        place = self._root
        segments = path.split("/")[1:]
        for at, segment in enumerate(segments):
            before, place = place, place.next(segment, parameters)
            if place.takes_rest:
                parameters[before.parameter] = "/".join(segments[at:])
                break
        if not place.methods:
            raise NotFound
        return place
