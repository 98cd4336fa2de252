"""Settings: strict by name and by value."""

from pathlib import Path

import pytest

from cosignet.core.errors import SetupError
from cosignet.server.config import SETTINGS, parse_public_url, read_config


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        ("http://localhost:8000", "http://localhost:8000", "localhost"),
        ("http://localhost:8000/", "http://localhost:8000", "localhost"),
        ("http://localhost:80", "http://localhost", "localhost"),
        ("https://Approve.Example", "https://approve.example", "approve.example"),
        ("https://approve.example:443", "https://approve.example", "approve.example"),
        ("https://approve.example:8443", "https://approve.example:8443", "approve.example"),
    ],
)
def test_a_public_url_gives_origin_and_rp_id(url: str, origin: str, host: str) -> None:
    assert parse_public_url(url) == (origin, host)


@pytest.mark.parametrize(
    "url",
    [
        "http://approve.example",
        "http://127.0.0.1:8000",
        "https://192.0.2.7",
        "https://[2001:db8::7]",
        "http://[::1]:8000",
        "https://user@approve.example",
        "https://approve.example/path",
        "https://approve.example?x=1",
        "https://approve.example#x",
        "https://approve.example:port",
        "ftp://approve.example",
        "approve.example",
        "https://",
        "",
        "https://bücher.example",
        "http://localhost.evil.example",
        "https://example.com.",
        "https://127.1",
        "https://0x7f.1",
        "https://2130706433",
        "https://exa mple.com",
        "https://a;id.com",
        "https://approve.example:0",
    ],
)
def test_a_public_url_passkeys_cannot_be_bound_to_is_refused(url: str) -> None:
    with pytest.raises(SetupError, match="COSIGNET_PUBLIC_URL"):
        parse_public_url(url)


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SetupError, match="Did you mean COSIGNET_PUBLIC_URL"):
        read_config({"COSIGNET_PUBLIC_ULR": "https://approve.example"})


def test_settings_of_clients_are_none_of_the_servers_business() -> None:
    read_config({"COSIGNET_API_KEY": "x", "COSIGNET_BASE_URL": "y", "COSIGNET_USER": "z"})


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_can_stand_in_a_file(name: str, tmp_path: Path) -> None:
    value = {
        "COSIGNET_PUBLIC_URL": "https://approve.example",
        "COSIGNET_API_INVITES": "activate",
        "COSIGNET_ALLOW_PRIVATE_WEBHOOKS": "yes",
    }.get(name, "sqlite:////var/lib/x")
    file = tmp_path / "value"
    file.write_text(f"{value}\n")
    assert read_config({f"{name}_FILE": str(file)}) == read_config({name: value})
    with pytest.raises(SetupError, match="not both"):
        read_config({f"{name}_FILE": str(file), name: value})
    with pytest.raises(SetupError, match="cannot be read"):
        read_config({f"{name}_FILE": str(tmp_path / "none")})


def test_api_invites_are_trusted_on_localhost_alone_unless_somebody_says_so() -> None:
    https = {"COSIGNET_PUBLIC_URL": "https://approve.example"}
    assert read_config({}).trust_api_invites
    assert not read_config(https).trust_api_invites
    assert read_config(https | {"COSIGNET_API_INVITES": "trusted"}).trust_api_invites
    assert not read_config({"COSIGNET_API_INVITES": "activate"}).trust_api_invites
    with pytest.raises(SetupError, match="COSIGNET_API_INVITES"):
        read_config({"COSIGNET_API_INVITES": "yes"})
