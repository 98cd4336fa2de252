"""What is told of a request that has been answered: to the meter always, to the log if it asks."""

import logging
from dataclasses import dataclass

from starlette.types import Scope

from cosignet.core.errors import Refusal
from cosignet.server.logs import LOGGER, fields
from cosignet.server.meter import NO_ROUTE, WAITS, Meter
from cosignet.server.web.call import Call

SLOW_SECONDS = 1.0
"""A request that takes longer, and was not asked to wait, is told at the level `warning`."""
CLIENT_GONE = 499
"""Stands for the status of an answer that nobody was there to take (as in nginx's log)."""
ROUTE, CALL, HELD = "cosignet.route", "cosignet.call", "cosignet.held"
"""Where in a request's scope its route's template stands, its call once there is one, and whether
it was asked to wait elsewhere than in its query."""
log = logging.getLogger(LOGGER)


@dataclass(slots=True)
class Told:
    """One request, from its head to the end of its answer."""

    meter: Meter
    scope: Scope
    request_id: str
    began: float
    code: str | None = None
    """Of what it was refused with."""

    @property
    def route(self) -> str:
        """The template of its route, with a mark where the answer may be held."""
        route: str = self.scope.get(ROUTE, NO_ROUTE)
        held = b"wait=" in self.scope["query_string"] or HELD in self.scope
        return route + WAITS if held else route

    def refused(self, refusal: Refusal) -> None:
        """Note a refusal."""
        self.code = refusal.code
        self.meter.refused(refusal.code)

    def answered(self, status: int) -> None:
        """Count the answer, and log it if that level is written."""
        seconds = self.meter.now() - self.began
        route = self.route
        self.meter.answers.add(route, self.scope["method"], status, seconds)
        is_usual = status < 500 and seconds <= SLOW_SECONDS
        level = logging.INFO if is_usual else _level(status, route)
        if log.isEnabledFor(level):
            self._log(level, route, status, seconds)

    def _log(self, level: int, route: str, status: int, seconds: float) -> None:
        call: Call | None = self.scope.get(CALL)
        key = None if call is None else call.key
        told = fields(
            method=self.scope["method"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            requestId=self.request_id,
            code=self.code,
            keyId=None if key is None else key.id,
            organisationId=None if call is None else call.organisation_id,
        )
        log.log(level, "request", extra=told)


def _level(status: int, route: str) -> int:
    """Return the level of what went wrong, or took long, as it may where it was asked to wait."""
    may_take_long = status < 500 and route.endswith(WAITS)
    return logging.INFO if may_take_long else logging.WARNING
