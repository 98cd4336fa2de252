"""How often who may call: an API key, an address, whoever fails. Each node counts for itself.

An address is only limited where it is known whose it is, and nobody is refused for what others do
who have the same link or name: what failed is counted for the address that has failed.
"""

import math

from cosignet.core.access import ApiKey
from cosignet.core.errors import Conflict, Limited, Refusal, Unavailable
from cosignet.core.rate import Rate
from cosignet.core.request_errors import TooManyAttempts
from cosignet.server.web.call import Call

_ID_CHARACTERS = 36
_INNOCENT = (Conflict, Limited, Unavailable)
"""Refusals that are nobody's failed attempt: somebody was quicker, or it was not looked at."""


def take_for_key(call: Call, key: ApiKey) -> None:
    """Count a call of an API key.

    Raises:
        TooManyRequests: it makes too many.
    """
    call.runtime.take(f"key {key.id}", call.runtime.limits.requests_per_key)


def take_for_address(call: Call) -> None:
    """Count a call of somebody who needs no API key for it.

    Raises:
        TooManyRequests: too many come from there.
    """
    address = call.address
    if address is not None:
        call.runtime.take(f"address {address}", call.runtime.limits.requests_per_address)


def take_for_ceremony(call: Call) -> None:
    """Count a step with a passkey; it may be one that cannot succeed any more.

    Raises:
        TooManyRequests: too many come from that address.
        TooManyAttempts: too many from there have failed lately.
    """
    address = call.address
    if address is None:
        return
    runtime = call.runtime
    runtime.take(f"ceremonies {address}", runtime.limits.ceremonies_per_address)
    now = runtime.monotonic()
    _refuse_after(max(runtime.buckets.wait(*each, now) for each in _failures(call, address)))


def count_failed_ceremony(call: Call, refusal: Refusal) -> None:
    """Count a step with a passkey that was refused, for the address and at this prompt."""
    address = call.address
    if address is None or isinstance(refusal, _INNOCENT):
        return
    now = call.runtime.monotonic()
    for whose, rate in _failures(call, address):
        call.runtime.buckets.take(whose, rate, now)


def take_for_failed_key(call: Call) -> None:
    """Count an API key that was none.

    Raises:
        TooManyAttempts: there were too many of them from that address.
    """
    address = call.address
    if address is None:
        return
    runtime = call.runtime
    rate = runtime.limits.failed_keys_per_address
    _refuse_after(runtime.buckets.take(f"failed keys {address}", rate, runtime.monotonic()))


def _failures(call: Call, address: str) -> tuple[tuple[str, Rate], tuple[str, Rate]]:
    limits = call.runtime.limits
    prompt = call.scope["path_params"].get("id", call.scope["path"])[:_ID_CHARACTERS]
    return (
        (f"failures {address}", limits.failures_per_address),
        (f"failures {address} {prompt}", limits.failures_per_prompt),
    )


def _refuse_after(wait: float) -> None:
    if wait:
        raise TooManyAttempts(retryAfterSeconds=math.ceil(wait))
