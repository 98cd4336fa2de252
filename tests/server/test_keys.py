"""`/api/keys`: shown once, stored as a hash, ended at once."""

from pathlib import Path
from typing import Any

import pytest
from tests.live import Live
from tests.people import Program

from cosignet.core.access import Scope
from cosignet.server.web import schemas


def test_a_key_is_shown_once_and_never_listed(admin: Program) -> None:
    minted = admin.post("/api/keys", {"name": "agent"}).json()
    schemas.MintedKey.model_validate(minted)
    assert minted["key"].startswith(minted["prefix"])
    listed = admin.get("/api/keys")
    schemas.Keys.model_validate(listed.json())
    assert minted["key"] not in listed.text
    assert minted["id"] in listed.text


def test_a_new_key_has_the_three_default_scopes(admin: Program) -> None:
    minted = admin.post("/api/keys", {"name": "agent"}).json()
    assert minted["scopes"] == [
        "confirmations:consume",
        "confirmations:create",
        "confirmations:read",
    ]


def test_another_organisations_keys_are_out_of_reach(live: Live, admin: Program) -> None:
    other = live.stranger(Scope.ADMIN)
    minted = admin.post("/api/keys", {"name": "agent"}).json()
    assert other.post(f"/api/keys/{minted['id']}/revoke").status_code == 404
    assert [key["name"] for key in other.get("/api/keys").json()["items"]] == ["stranger"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "scopes": "admin"}, "scopes"),
        ({"name": "x", "key": "mine"}, "key"),
    ],
)
def test_a_key_out_of_bounds_names_the_field(
    admin: Program, fields: dict[str, Any], field: str
) -> None:
    answer = admin.post("/api/keys", fields)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_no_secret_lies_in_the_data_directory_in_the_clear(live: Live, admin: Program) -> None:
    key = admin.post("/api/keys", {"name": "agent"}).json()["key"]
    invite = admin.post("/api/invites", {}).json()["code"]
    for path in Path(live.data_dir).iterdir():
        stored = path.read_bytes()
        for secret in (key, invite, admin.key):
            assert secret.encode() not in stored, path.name
