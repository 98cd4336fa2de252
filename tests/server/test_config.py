"""Settings: strict by name and by value."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cosignet.core.errors import SetupError
from cosignet.core.limits import Limits
from cosignet.core.rate import Rate
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
        "COSIGNET_LOG_FORMAT": "json",
        "COSIGNET_LOG_LEVEL": "info",
        "COSIGNET_METRICS_TOKEN": "0123456789abcdef",
        "COSIGNET_TRUSTED_PROXIES": "10.0.0.7, fd00::/8",
        "COSIGNET_LIMITS": "held_per_key=7",
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COSIGNET_LOG_FORMAT", "xml"),
        ("COSIGNET_LOG_LEVEL", "INFO"),
        ("COSIGNET_LOG_LEVEL", ""),
        ("COSIGNET_METRICS_TOKEN", ""),
        ("COSIGNET_METRICS_TOKEN", "0123456789abcde"),
        ("COSIGNET_METRICS_TOKEN", "0123456789abcdef\n"),
        ("COSIGNET_METRICS_TOKEN", "é" * 16),
    ],
)
def test_a_setting_of_what_the_operator_is_told_is_strict(name: str, value: str) -> None:
    with pytest.raises(SetupError, match=name) as refused:
        read_config({name: value})
    assert name != "COSIGNET_METRICS_TOKEN" or not value or value not in str(refused.value)


def test_nobody_reads_metrics_unless_the_operator_says_so_and_the_token_is_not_shown() -> None:
    assert read_config({}).metrics_token is None
    told = read_config({"COSIGNET_METRICS_TOKEN": "0123456789abcdef"})
    assert told.metrics_token == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(told)


def test_proxies_are_addresses_or_networks() -> None:
    found = read_config({"COSIGNET_TRUSTED_PROXIES": "10.0.0.7, fd00::/8\n172.16.0.0/12"})
    assert [*map(str, found.trusted_proxies)] == ["10.0.0.7/32", "fd00::/8", "172.16.0.0/12"]
    assert read_config({}).trusted_proxies == ()


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy.internal", "10.0.0.0/33", "*", "10.0.0"]
)
def test_proxies_that_are_none_or_everybody_are_refused(text: str) -> None:
    with pytest.raises(SetupError, match="COSIGNET_TRUSTED_PROXIES"):
        read_config({"COSIGNET_TRUSTED_PROXIES": f"192.0.2.1 {text}"})


def test_limits_that_are_named_are_others() -> None:
    found = read_config({"COSIGNET_LIMITS": "held_per_key=7, creations_per_key=100/60"}).limits
    assert found == replace(Limits(), held_per_key=7, creations_per_key=Rate(100, 60))
    assert read_config({}).limits == Limits()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("held_per_keys=7", "Did you mean held_per_key?"),
        ("held_per_node=7", "Did you mean"),
        ("head_seconds=7", "Did you mean"),
        ("held_per_key=7 held_per_key=8", "twice"),
        ("held_per_key", "a number above 0"),
        ("held_per_key=0", "a number above 0"),
        ("held_per_key=-1", "a number above 0"),
        ("held_per_key=٣", "a number above 0"),
        ("held_per_key=1000000001", "a number above 0"),
        ("held_per_key=7/60", "a number above 0"),
        ("creations_per_key=100", "a number and seconds"),
        ("creations_per_key=100/0", "a number and seconds"),
        ("creations_per_key=100/60/1", "a number and seconds"),
        ("creations_per_key=x/60", "a number and seconds"),
    ],
)
def test_limits_that_mean_nothing_are_refused(text: str, told: str) -> None:
    with pytest.raises(SetupError, match=re.escape(told)):
        read_config({"COSIGNET_LIMITS": text})
