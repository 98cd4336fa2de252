"""Two lines that gate a function: its real arguments are signed, and it runs with those.

@requires_approval(action="Refund customer", username="finance-ops")
def refund(customer_id: str, amount_usd: int) -> None: ...
"""

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from cosignet.client.asynchronous import AsyncCosignet
from cosignet.client.cosignet import Asked, Cosignet
from cosignet.client.environment import read_settings
from cosignet.client.errors import SetupIncomplete
from cosignet.core.jsontext import JsonValue

Gated = TypeVar("Gated", bound=Callable[..., Any])
Title = str | Callable[[dict[str, JsonValue]], str]


def requires_approval(
    *,
    action: Title,
    username: str | None = None,
    client: Cosignet | None = None,
    unsigned: Collection[str] = (),
    on_created: Callable[[Asked], object] = lambda _: None,
    **options: Any,
) -> Callable[[Gated], Gated]:
    """Let a function run only once somebody has signed its arguments, and then with those.

    The payload is `{"function": "module.name", "arguments": {…}}`, defaults included. Arguments are
    JSON values; each call asks anew, and every refusal is raised instead of running.

    Args:
        action: the title, or a function of the arguments that makes it.
        username: who decides; COSIGNET_USER if not given.
        client: which client asks; one from the environment, made at the first call, if not given.
        unsigned: arguments that are handed on as they are and stand in no payload: `self`, a
            database connection. What they say is not approved by anybody.
        on_created: called with what waits, to show its link to somebody.
        options: `ttl_seconds`, `risk`, `private`, `notify`.
    """
    gate = _Gate(action, username, client, frozenset(unsigned), on_created, options)

    def decorate(function: Gated) -> Gated:
        gated = gate.gated_async if inspect.iscoroutinefunction(function) else gate.gated
        return cast(Gated, gated(function))

    return decorate


@dataclass
class _Call:
    """One call's arguments: those that are signed, by name, and those that are not."""

    signature: inspect.Signature
    bound: inspect.BoundArguments
    unsigned: frozenset[str]

    @property
    def signed(self) -> dict[str, Any]:
        return {
            name: list(cast("tuple[Any, ...]", value)) if self._is_list(name) else value
            for name, value in self.bound.arguments.items()
            if name not in self.unsigned
        }

    def _is_list(self, name: str) -> bool:
        return self.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL

    def with_signed(self, payload: dict[str, JsonValue]) -> inspect.BoundArguments:
        """Return the arguments as they were signed, beside those that were not."""
        signed = cast("dict[str, Any]", payload["arguments"])
        for name, value in signed.items():
            self.bound.arguments[name] = tuple(value) if self._is_list(name) else value
        return self.bound


@dataclass
class _Gate:
    action: Title
    username: str | None
    client: Cosignet | None
    unsigned: frozenset[str]
    on_created: Callable[[Asked], object]
    options: dict[str, Any]

    def gated(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            call, client = self._call(function, args, kwargs), self._client()
            decision = client.request_approval(**self._request(function, call))

            def with_signed(payload: dict[str, JsonValue]) -> Any:
                bound = call.with_signed(payload)
                return function(*bound.args, **bound.kwargs)

            return client.run(decision, with_signed)

        return run

    def gated_async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def run(*args: Any, **kwargs: Any) -> Any:
            call, client = self._call(function, args, kwargs), AsyncCosignet(self._client())
            decision = await client.request_approval(**self._request(function, call))

            async def with_signed(payload: dict[str, JsonValue]) -> Any:
                bound = call.with_signed(payload)
                return await function(*bound.args, **bound.kwargs)

            return await client.run(decision, with_signed)

        return run

    def _call(self, function: Callable[..., Any], args: Any, kwargs: Any) -> _Call:
        signature = inspect.signature(function)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return _Call(signature, bound, self.unsigned)

    def _request(self, function: Callable[..., Any], call: _Call) -> dict[str, Any]:
        username = self.username or read_settings().user
        if username is None:
            raise SetupIncomplete("Nobody is asked. Give username, or set COSIGNET_USER.")
        signed = call.signed
        name = f"{function.__module__}.{function.__qualname__}"
        return {
            "username": username,
            "action": self.action if isinstance(self.action, str) else self.action(signed),
            "payload": {"function": name, "arguments": signed},
            "on_created": self.on_created,
            **self.options,
        }

    def _client(self) -> Cosignet:
        self.client = self.client or Cosignet()
        return self.client
