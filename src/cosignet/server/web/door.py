"""From HTTP to an endpoint and back: guard first, refusals become answers, nothing else leaks."""

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cosignet.core.access_errors import SignInNeeded
from cosignet.core.checkpoint import LOG_PATH
from cosignet.core.errors import FieldUnknown, NotSupported, Refusal
from cosignet.core.idempotency import IDEMPOTENCY_KEY_HEADER
from cosignet.server.logs import LOGGER, fields
from cosignet.server.runtime import Runtime
from cosignet.server.web.answers import JsonAnswer
from cosignet.server.web.call import BODY_BYTES_MAX, CEREMONY_BYTES_MAX, Agents, Call
from cosignet.server.web.errors import Defect, headers_of, problem, status_of
from cosignet.server.web.exchange import written
from cosignet.server.web.fields import field, note_fields
from cosignet.server.web.guards import PAGE, refuse_key_in_query
from cosignet.server.web.headers import Headers, data_headers, log_headers, page_headers
from cosignet.server.web.host import Hosts
from cosignet.server.web.idempotency import answer_once
from cosignet.server.web.rendering import page
from cosignet.server.web.request_id import REQUEST_ID_FIELD, request_id_of
from cosignet.server.web.route import Row
from cosignet.server.web.router import Router
from cosignet.server.web.routes import ROUTES
from cosignet.server.web.static_files import static_files
from cosignet.server.web.told import CALL, CLIENT_GONE, Told

log = logging.getLogger(LOGGER)
_LOG = f"{LOG_PATH}/"
_DATA_TYPES = (b"application/json", b"application/problem+json")
_IDEMPOTENCY_KEY = IDEMPOTENCY_KEY_HEADER.lower().encode()


class Door:
    """One route: its guard, its query and body, its endpoint."""

    def __init__(self, row: Row, runtime: Runtime, agents: Agents | None) -> None:
        self._row = row
        self._agents = agents
        self._body = row.parsed
        self._body_bytes_max = BODY_BYTES_MAX if row.guard.takes_key else CEREMONY_BYTES_MAX
        self._runtime = runtime
        self._is_at_home = row.guard is not PAGE or runtime.relying_party.id != "localhost"

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Answer one request, or raise the refusal."""
        call = scope[CALL] = Call(self._runtime, scope, receive, self._body_bytes_max)
        call.agents = self._agents
        row = self._row
        try:
            if scope["query_string"]:
                refuse_key_in_query(call, row.guard)
            if not self._is_at_home and (elsewhere := self._elsewhere(call)):
                return elsewhere
            await row.guard.check(call)
            # Mail and chat programs add parameters of their own to the links people open.
            if scope["query_string"] and row.answer is not None:
                self._check_query(call)
            if call.key is not None and field(scope, _IDEMPOTENCY_KEY) is not None:
                return await self._once(call)
            if self._body is None:
                return await row.endpoint(call)
            return await row.endpoint(call, await call.body(self._body))
        except Refusal as refusal:
            row.guard.refused(call, refusal)
            raise

    async def _once(self, call: Call) -> Response:
        body = self._body
        if self._row.replayed is None or body is None:
            # Saying nothing would let somebody rely on a promise that is not made.
            raise NotSupported("This creates nothing.", field=IDEMPOTENCY_KEY_HEADER)

        async def create() -> Response:
            return await self._row.endpoint(call, await call.body(body))

        return await answer_once(call, create)

    def _check_query(self, call: Call) -> None:
        for name in call.query_parameters:
            if name not in self._row.query:
                raise FieldUnknown(field=name)

    def _elsewhere(self, call: Call) -> Response | None:
        # A passkey for localhost does not work on 127.0.0.1; people get there all the same.
        request = call.request
        if request.url.hostname not in ("127.0.0.1", "::1"):
            return None
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(self._runtime.public_url + request.url.path + query, 307)


class Entrance:
    """The ASGI application: a request id, security headers, and an answer to everything."""

    def __init__(self, router: Router, runtime: Runtime) -> None:
        self._router = router
        self._runtime = runtime
        self._hosts = Hosts(runtime.public_url)
        self._page_headers = page_headers(runtime.public_url)
        self._data_headers = data_headers(runtime.public_url)
        self._data_lines = written(self._data_headers.items())
        self._log_headers = log_headers(runtime.public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; nothing but HTTP is served."""
        if scope["type"] != "http":
            return
        meter = self._runtime.meter
        note_fields(scope)
        request_id = request_id_of(scope, self._runtime.random)
        told = Told(meter, scope, request_id, meter.now())
        try:
            self._hosts.check(scope)
            response = await self._router.find(scope)(scope, receive)
        except ClientDisconnect:
            told.answered(CLIENT_GONE)
            return
        except Exception as error:
            refusal = _refusal(error, request_id)
            told.refused(refusal)
            response = _refused(Request(scope), refusal, request_id)
        self._complete(scope, response, request_id)
        await response(scope, receive, send)
        told.answered(response.status_code)

    def _complete(self, scope: Scope, response: Response, request_id: str) -> None:
        """Add the headers that every answer has, but for those it has set itself."""
        path = scope["path"]
        if type(response) is JsonAnswer and not path.startswith(_LOG):  # it has set none of them
            response.lines = self._data_lines
        else:
            own = dict(response.raw_headers)
            every = self._headers(path, own)
            response.raw_headers += [pair for pair in every.items() if pair[0] not in own]
        response.raw_headers.append((REQUEST_ID_FIELD, request_id.encode()))

    def _headers(self, path: str, own: Headers) -> Headers:
        if path.startswith(_LOG):
            return self._log_headers
        is_data = own.get(b"content-type") in _DATA_TYPES
        return self._data_headers if is_data else self._page_headers


def _refusal(error: Exception, request_id: str) -> Refusal:
    if isinstance(error, Refusal):
        return error
    log.error("a defect", exc_info=error, extra=fields(requestId=request_id))
    return Defect()


def _refused(request: Request, refusal: Refusal, request_id: str) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "")
    if not wants_page or request.url.path.startswith(("/api/", _LOG)):
        return problem(refusal, request_id=request_id)
    if isinstance(refusal, SignInNeeded):
        return RedirectResponse(f"/login?next={request.url.path}", 303)
    answer = page(
        "message.html",
        status_of(refusal),
        title=refusal.title(),
        text=refusal.cure(),
        kind="calm",
        details=[("Request", request_id)],
    )
    answer.headers.update(headers_of(refusal))
    return answer


def build(runtime: Runtime, agents: Agents | None = None) -> ASGIApp:
    """Return the web application of one node; without `agents`, which speak MCP to them, it has
    none."""
    router = Router()
    for row in ROUTES:
        router.add(row.method, row.path, Door(row, runtime, agents).answer)
    for file in static_files():
        router.add("GET", f"/static/{file.name}", file.answer, template="/static/{name}")
    return Entrance(router, runtime)
