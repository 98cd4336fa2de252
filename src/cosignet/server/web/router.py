"""Finding what answers a path: segment by segment, in as many steps as the path has."""

from starlette.types import ASGIApp, Receive, Scope, Send

from cosignet.core.errors import NotFound
from cosignet.server.web.errors import MethodNotAllowed


class _Place:
    """Where some segments lead."""

    def __init__(self) -> None:
        self.methods: dict[str, ASGIApp] = {}
        self.fixed: dict[str, _Place] = {}
        self.parameter = ""
        """The name of the next segment where it is none of the fixed ones; empty: there is none."""
        self.behind: _Place | None = None
        """Where that one leads."""

    def next(self, segment: str, parameters: dict[str, str]) -> "_Place":
        found = self.fixed.get(segment)
        if found is not None:
            return found
        if self.behind is None or not segment:
            raise NotFound
        parameters[self.parameter] = segment
        return self.behind


class Router:
    """The ASGI application that passes a request on to the route of its path and method."""

    def __init__(self) -> None:
        self._root = _Place()

    def add(self, method: str, path: str, application: ASGIApp) -> None:
        """Add a route; a segment `{name}` of its path takes any text but the empty one."""
        place = self._root
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                place.parameter = segment[1:-1]
                place.behind = place.behind or _Place()
                place = place.behind
            else:
                place = place.fixed.setdefault(segment, _Place())
        place.methods[method] = application
        if method == "GET":
            place.methods["HEAD"] = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on.

        Raises:
            NotFound: there is no such path.
            MethodNotAllowed: it has other methods.
        """
        parameters: dict[str, str] = {}
        place = self._root
        for segment in scope["path"].split("/")[1:]:
            place = place.next(segment, parameters)
        if not place.methods:
            raise NotFound
        application = place.methods.get(scope["method"])
        if application is None:
            raise MethodNotAllowed(", ".join(sorted(place.methods)))
        scope["path_params"] = parameters
        await application(scope, receive, send)
