"""Route × role × organisation × state of the key: every row of the table, called by everybody.

Who gets past a guard follows from `ALLOWED` below, and from nothing else. A route that is added to
`web/routes` is in this matrix by that alone.
"""

import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from tests.people import JSON
from tests.security.world import Caller, World, name, subject
from tests.server.rows import opened

from cosignet.core.access import Scope
from cosignet.server import store
from cosignet.server.web.route import Row
from cosignet.server.web.routes import ROUTES

MIGRATIONS = Path(store.__file__).parent / "migrations"
THROUGH = "through"
GUARDS = {
    "unauthenticated",
    "scope_missing",
    "sign_in_needed",
    "cross_site",
    "key_in_query",
    "metrics_token_missing",
}
"""The codes that guards refuse with, and nothing behind them does."""


def _by_key(caller: Caller, row: Row) -> str:
    assert row.guard.scope is not None
    if not caller.scopes:
        return "unauthenticated"
    return THROUGH if {row.guard.scope, Scope.ADMIN} & caller.scopes else "scope_missing"


def _by_agent(caller: Caller, _: Row) -> str:
    if caller.elsewhere:
        return "cross_site"
    return THROUGH if caller.scopes or caller.bearer else "unauthenticated"


def _by_session(caller: Caller, row: Row) -> str:
    if caller.elsewhere and row.method == "POST":
        return "cross_site"
    return "sign_in_needed" if caller.role is None else THROUGH


ALLOWED: dict[str, Callable[[Caller, Row], str]] = {
    "api_key": _by_key,
    "agent": _by_agent,
    "session": _by_session,
    "ceremony": lambda caller, _: "cross_site" if caller.elsewhere else THROUGH,
    "metrics": lambda caller, _: THROUGH if caller.monitors else "metrics_token_missing",
    "page": lambda *_: THROUGH,
    "public": lambda *_: THROUGH,
    "log": lambda *_: THROUGH,
}
"""What a row's guard says to a caller."""

CREATORS_ONLY = {
    "POST /api/confirmations/{id}/cancel",
    "POST /api/confirmations/{id}/consume",
    "POST /api/confirmations/{id}/outcome",
}
"""Behind the guard, these ask for the key that created the confirmation."""
NEEDS_MORE = {
    "POST /confirm/{id}/approve",
    "POST /confirm/{id}/reject",
    "POST /confirm/{id}/reason",
    "POST /confirm/{id}/unlock",
    "POST /register",
    "POST /register/practice",
    "POST /login",
    "POST /account/passkeys/options",
    "POST /account/passkeys",
    "POST /account/passkeys/{id}/revoke",
    "POST /account/approvers/{id}/activate",
    "POST /account/approvers/{id}/invite",
    "POST /account/key",
    "GET /public/log/proofs/inclusion",
    "GET /public/log/proofs/consistency",
}
"""Nobody succeeds here by who they are: a passkey's answer, the page's token, or what is to be
proven, is asked for."""
OF_AN_ORGANISATION = [
    row for row in ROUTES if "{" in row.path and row.path.startswith(("/api/", "/account/"))
]
NOWHERE = {"id": "00000000-0000-4000-8000-000000000000", "code": "c_" + "A" * 43}
VARYING = {"x-request-id", "date"}

every_row = pytest.mark.parametrize("row", ROUTES, ids=name)


def said(answer: httpx2.Response) -> str:
    """Return which guard refused, or that none did."""
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    code = answer.json()["code"] if is_problem else ""
    return code if code in GUARDS else THROUGH


def rows_of(world: World) -> dict[str, list[tuple[object, ...]]]:
    """Return everything that is stored."""
    with opened(world.live.data_dir / "cosignet.db") as rows:
        return {
            table: sorted((tuple(row) for row in rows.execute(f"SELECT * FROM {table}")), key=repr)
            for table in TABLES
        }


TABLES = sorted(
    table
    for file in MIGRATIONS.glob("*.sql")
    for table in re.findall(r"CREATE TABLE (\w+)", file.read_text())
    if not table.endswith("_anew")  # takes another's name in the same file
)


@every_row
def test_who_gets_past_a_guard_is_what_the_table_says_and_who_does_not_changes_nothing(
    world: World, row: Row
) -> None:
    rule = ALLOWED[row.guard.name]
    refused = [caller for caller in world.callers if rule(caller, row) != THROUGH]
    of = {slug: subject(row, home) for slug, home in world.homes.items()}
    bodies = {slug: world.body(row, home) for slug, home in world.homes.items()}
    before = rows_of(world)
    answers = {
        caller.name: world.call(
            caller, row, of[caller.organisation], body=bodies[caller.organisation]
        )
        for caller in refused
    }
    assert rows_of(world) == before
    assert {who: said(answer) for who, answer in answers.items()} == {
        caller.name: rule(caller, row) for caller in refused
    }
    for answer in answers.values():
        assert answer.status_code == (
            403 if said(answer) in ("scope_missing", "cross_site") else 401
        )
        assert set(answer.json()) <= {
            "type", "title", "status", "code", "requestId", "detail", "cure", "scope", "field",
        }  # fmt: skip


@every_row
def test_who_is_let_in_succeeds_where_nothing_more_is_asked(world: World, row: Row) -> None:
    """So that no cell of the matrix is refused for another reason than its guard."""
    allowed = [c for c in world.callers if ALLOWED[row.guard.name](c, row) == THROUGH]
    assert allowed
    succeeded: dict[str, bool] = {}
    expected: dict[str, bool] = {}
    for caller in allowed:
        answer = world.call(caller, row, subject(row, world.homes[caller.organisation]))
        assert said(answer) == THROUGH, (caller.name, answer.text)
        assert answer.status_code < 500
        succeeded[caller.name] = answer.is_success
        expected[caller.name] = name(row) not in NEEDS_MORE and (
            name(row) not in CREATORS_ONLY
            or caller.name in ("the key that asked", "another organisation's key")
        )
    assert succeeded == expected


def told(answer: httpx2.Response) -> tuple[object, ...]:
    """Return all that an answer tells, but for what differs with every request."""
    headers = sorted((k, v) for k, v in answer.headers.multi_items() if k not in VARYING)
    is_json = "json" in answer.headers.get("content-type", "")
    body: JSON | bytes = answer.json() if is_json else answer.content
    if isinstance(body, dict):
        body.pop("requestId", None)
    return answer.status_code, headers, body


@pytest.mark.parametrize("row", OF_AN_ORGANISATION, ids=name)
def test_another_organisations_object_looks_like_one_that_does_not_exist(
    world: World, row: Row
) -> None:
    parameter = row.path.partition("{")[2].partition("}")[0]
    theirs = subject(row, world.away)
    assert theirs is not None
    allowed = [
        caller
        for caller in world.callers
        if ALLOWED[row.guard.name](caller, row) == THROUGH
        and caller.organisation == world.home.slug
    ]
    assert allowed
    before = rows_of(world)
    for caller in allowed:
        foreign = world.call(caller, row, theirs)
        assert told(foreign) == told(world.call(caller, row, NOWHERE[parameter])), caller.name
        # What a session would change is refused before anything is looked up: see below.
        assert foreign.status_code == (404 if row.guard.scope else 409)
    assert rows_of(world) == before
