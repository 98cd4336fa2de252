"""One call: what a guard and an endpoint see of an HTTP request, and how it is read strictly."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias, TypeVar, cast
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from cosignet.core.access import ApiKey, Session
from cosignet.core.access_errors import SignInNeeded
from cosignet.core.address import limited_address
from cosignet.core.errors import (
    BodyNotObject,
    FieldInvalid,
    FieldMissing,
    FieldUnknown,
    NotFound,
    Refusal,
    TooLarge,
    Unauthenticated,
)
from cosignet.core.idempotency import Keeping, Kept, Made, Once
from cosignet.core.jsonpath import excerpt
from cosignet.core.jsontext import JsonValue, parse_json
from cosignet.server.runtime import Runtime
from cosignet.server.web.fields import field, fields

BODY_BYTES_MAX = 512 * 1024
"""Room for 64 KiB of canonical payload in any spelling: `\\u0041` takes six bytes for one."""
CEREMONY_BYTES_MAX = 64 * 1024
"""A passkey's answer is a few kilobytes; these bodies come from people who have no key."""
_FORM_FIELDS = 10
_DIGITS_MAX = 16
_NUL = "\0"
_NO_NUL = "the character U+0000 is not accepted"
"""PostgreSQL takes it in no text. A payload may hold it: canonical JSON writes it escaped."""
NO_NUL_PATTERN = "^[^\\u0000]*$"
"""The same, as JSON Schema says it."""
_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class Body(BaseModel):
    """A request body: unknown fields are refused, and no type is guessed."""

    model_config = ConfigDict(extra="forbid", strict=True)
    names: ClassVar[frozenset[str]]
    """Of all fields; pydantic's own answer is slow."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Remember the fields' names."""
        cls.names = frozenset(cls.model_fields)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tell what holds for all of them: which texts are taken, and that null says nothing."""
        described = handler.resolve_ref_schema(handler(core_schema))
        required = described.get("required", [])
        properties: dict[str, Any] = described.get("properties", {})
        for name, schema in properties.items():
            if schema.get("type") == "string" and not schema.keys() & {"enum", "format"}:
                schema.setdefault("pattern", NO_NUL_PATTERN)
            if name not in required and {"type": "null"} not in schema.get("anyOf", ()):
                properties[name] = {"anyOf": [schema, {"type": "null"}]}
        return described


class Nothing(Body):
    """A body that says nothing; it may be left out."""


AnyBody = TypeVar("AnyBody", bound=Body)


Agents: TypeAlias = Callable[["Call"], Awaitable[Response]]
"""Speaks to agents, behind the door that lets them in: answers one message, or refuses it."""


@dataclass(slots=True)
class Call:
    """One HTTP request on its way to an endpoint."""

    runtime: Runtime
    scope: Scope
    receive: Receive
    body_bytes_max: int
    key: ApiKey | None = None
    """Set by the guard of routes that need one."""
    session: Session | None = None
    """Likewise."""
    once: Once | None = None
    """Set where the request carries an Idempotency-Key."""
    kept_body: bytes | None = None
    """The body's bytes, where they are looked at twice."""
    agents: Agents | None = None
    """What speaks MCP to those who call with it."""

    @property
    def request(self) -> Request:
        """The request as Starlette sees it."""
        return Request(self.scope, self.receive)

    @property
    def api_key(self) -> ApiKey:
        """The key the guard let through.

        Raises:
            Unauthenticated: the route's guard does not ask for one.
        """
        if self.key is None:
            raise Unauthenticated
        return self.key

    @property
    def signed_in(self) -> Session:
        """The session the guard let through.

        Raises:
            SignInNeeded: the route's guard does not ask for one.
        """
        if self.session is None:
            raise SignInNeeded
        return self.session

    @property
    def organisation_id(self) -> str | None:
        """Whose this is, once a guard knows."""
        if self.key is not None:
            return self.key.organisation_id
        return None if self.session is None else self.session.approver.organisation_id

    @property
    def wants_page(self) -> bool:
        """Whether a person reads the answer, and no script."""
        return "text/html" in (self.header(b"accept") or "")

    def path(self, name: str) -> str:
        """Return a part of the path.

        Raises:
            NotFound: nothing can have that name.
        """
        part = cast(str, self.scope["path_params"][name])
        if _NUL in part:
            raise NotFound
        return part

    @property
    def query_parameters(self) -> Mapping[str, str]:
        """Every query parameter; most calls have none, and nothing is parsed for those."""
        return self.request.query_params if self.scope["query_string"] else _NO_PARAMETERS

    def query(self, name: str) -> str | None:
        """Return a query parameter.

        Raises:
            FieldInvalid: it holds U+0000.
        """
        text = self.query_parameters.get(name)
        if text is not None and _NUL in text:
            raise FieldInvalid(_NO_NUL, field=name)
        return text

    def header(self, name: bytes) -> str | None:
        """Return a header, the first one if it is there repeatedly; the name is in lower case."""
        value = field(self.scope, name)
        return None if value is None else value.decode("latin-1")

    def headers(self, name: bytes) -> list[str]:
        """Return a header as often as it is there; the name is in lower case."""
        return [value.decode("latin-1") for value in fields(self.scope, name)]

    @property
    def address(self) -> str | None:
        """The address that this call is limited as; None: nobody's."""
        peer = self.scope["client"]
        trusted = self.runtime.trusted_proxies
        if peer is None or not trusted:
            return None if peer is None else limited_address(peer[0])
        return limited_address(
            peer[0],
            forwarded_for=self.headers(b"x-forwarded-for"),
            forwarded=self.headers(b"forwarded"),
            trusted=trusted,
        )

    def query_number(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return a query parameter that is a whole number within bounds.

        Raises:
            FieldInvalid: it is something else.
        """
        text = self.query(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX) or not (
            low <= int(text) <= high
        ):
            raise FieldInvalid(f"a whole number from {low} to {high}", field=name)
        return int(text)

    async def body(self, model: type[AnyBody]) -> AnyBody:
        """Read the body as one JSON object of a model.

        Raises:
            TooLarge, InvalidInput: the refusal names the field.
        """
        raw = await self.raw_body() if self.kept_body is None else self.kept_body
        value = parse_json(raw or b"{}")  # no body at all says as much as an empty object
        if not isinstance(value, dict):
            raise BodyNotObject
        # Nothing else is read as U+0000 (RFC 8259, section 7).
        return read_fields(value, model, may_hold_nul=b"\\u0000" in raw)

    async def keep_body(self) -> bytes:
        """Read the body's bytes, and let them be read again."""
        self.kept_body = await self.raw_body()
        return self.kept_body

    def keeping(self, answer: Callable[[Made], Kept]) -> Keeping[Made] | None:
        """Return what has to be kept of what this call makes; None without an Idempotency-Key."""
        return None if self.once is None else Keeping(self.once, answer)

    async def form(self) -> dict[str, str]:
        """Read the body as a form, as browsers without script send it."""
        text = (await self.raw_body()).decode("utf-8", "replace")
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FORM_FIELDS))
        except ValueError:
            raise FieldInvalid("too many fields") from None

    async def raw_body(self) -> bytes:
        """Read the body's bytes, never more than allowed.

        Raises:
            TooLarge: it is longer.
            ClientDisconnect: it never came to its end.
        """
        chunks: list[bytes] = []
        left = self.body_bytes_max
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(message["body"])
            left -= len(chunks[-1])
            if left < 0:
                raise TooLarge(f"more than {self.body_bytes_max} bytes")
            more = message["more_body"]
        return b"".join(chunks)


def read_fields(
    value: dict[str, JsonValue], model: type[AnyBody], *, may_hold_nul: bool = True
) -> AnyBody:
    """Read a parsed object as a model; raises InvalidInput, which names the field."""
    if unknown := value.keys() - model.names:
        raise FieldUnknown(field=excerpt(next(name for name in value if name in unknown)))
    for name, item in value.items() if may_hold_nul else ():
        if isinstance(item, str) and _NUL in item:
            raise FieldInvalid(_NO_NUL, field=name)
    if None in value.values():
        value = _without_nulls(value, model)
    try:  # not `model_validate`, which takes half as long again for options that nobody gives
        return model.__pydantic_validator__.validate_python(value)
    except ValidationError as error:
        raise refusal_of(error) from None


def _without_nulls(value: dict[str, JsonValue], model: type[Body]) -> dict[str, JsonValue]:
    """Take away optional fields that are null: clients say so what they do not say."""
    optional = {name for name, field in model.model_fields.items() if not field.is_required()}
    return {k: item for k, item in value.items() if item is not None or k not in optional}


def refusal_of(error: ValidationError) -> Refusal:
    """Return the first thing a model found wrong, as a refusal that names the field."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Bodies are flat; what else stands in a location is pydantic's own name for a union's branch.
    name, *inner = first["loc"]
    field = f"{name}" + "".join(f"[{part}]" for part in inner if isinstance(part, int))
    kinds = {"missing": FieldMissing, "extra_forbidden": FieldUnknown}
    if first["type"] in kinds:
        return kinds[first["type"]](field=field)
    return FieldInvalid(first["msg"].removeprefix("Value error, "), field=field)


def optional_json(value: object) -> JsonValue:
    """Say that a part of a parsed body is JSON, which the strict parser has made sure of."""
    return cast(JsonValue, value)
