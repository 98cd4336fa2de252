"""Whose request it is: what counts of what proxies forward, and what is only said."""

import pytest

from cosignet.core import address
from cosignet.core.address import HOPS_MAX, limited_address, parse_networks

PROXIES = parse_networks("10.0.0.0/24 fd00::/64, 192.0.2.9")
PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "limited_as"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("10.0.1.0", "10.0.1.0"),
        ("", None),
        ("/run/socket", None),
        ("1" * 100, None),
    ],
)
def test_who_comes_past_the_proxies_is_limited_as_they_come(
    peer: str, limited_as: str | None
) -> None:
    said = ["203.0.113.5"]
    found = limited_address(
        peer, forwarded_for=said, forwarded=["for=203.0.113.5"], trusted=PROXIES
    )
    assert found == limited_as


@pytest.mark.parametrize(
    ("peer", "limited_as"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("2a00:1450:1:2::7", "2a00:1450:1:2::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("::ffff:10.0.0.1", None),
        ("172.17.0.1", None),
        ("fd00::1", None),
    ],
)
def test_where_no_proxy_is_named_nobody_is_believed_and_what_may_be_one_is_nobody(
    peer: str, limited_as: str | None
) -> None:
    said = ["203.0.113.5"]
    assert limited_address(peer, forwarded_for=said, forwarded=["for=203.0.113.5"]) == limited_as


@pytest.mark.parametrize(
    ("lines", "limited_as"),
    [
        (["203.0.113.5"], "203.0.113.5"),
        (["203.0.113.5:4711"], "203.0.113.5"),
        (["2001:db8::7"], "2001:db8::/64"),
        (["[2001:db8::7]:4711"], "2001:db8::/64"),
        (["::ffff:203.0.113.5"], "203.0.113.5"),
        (["9.9.9.9, 203.0.113.5"], "203.0.113.5"),
        (["9.9.9.9", "203.0.113.5"], "203.0.113.5"),
        (["9.9.9.9, 203.0.113.5, 10.0.0.2,192.0.2.9"], "203.0.113.5"),
        (["9.9.9.9, 203.0.113.5, 10.0.1.2"], "10.0.1.2"),
        (["10.0.0.7, 10.0.0.2"], "10.0.0.7"),
        (["unknown, 203.0.113.5"], "203.0.113.5"),
        (["203.0.113.5, unknown"], PROXY),
        (["203.0.113.5,"], PROXY),
        ([""], PROXY),
        (["203.0.113"], PROXY),
        (["0x7f000001"], PROXY),
        (["203.0.113.05"], PROXY),
        (["fe80::1%eth0"], PROXY),
        (["203.0.113.5" + " " * 5000 + "6"], PROXY),
        (["203.0.113.5, " + "10.0.0.2, " * HOPS_MAX + "10.0.0.3"], "10.0.0.2"),
        (["9.9.9.9, " * 1000 + "203.0.113.5"], "203.0.113.5"),
        ([], None),
    ],
)
def test_the_last_address_that_is_no_proxys_counts(
    lines: list[str], limited_as: str | None
) -> None:
    assert limited_address(PROXY, forwarded_for=lines, trusted=PROXIES) == limited_as


@pytest.mark.parametrize(
    ("lines", "limited_as"),
    [
        (["for=203.0.113.5"], "203.0.113.5"),
        (["For=203.0.113.5;proto=https;by=10.0.0.1"], "203.0.113.5"),
        (['proto=https;for="203.0.113.5:4711"'], "203.0.113.5"),
        (['for="[2001:db8::7]:4711"'], "2001:db8::/64"),
        (["for=9.9.9.9, for=203.0.113.5;proto=http"], "203.0.113.5"),
        (["for=203.0.113.5, for=10.0.0.2"], "203.0.113.5"),
        (['for=9.9.9.9;x="', "for=203.0.113.5"], "203.0.113.5"),
        (['for=9.9.9.9;x=", for="203.0.113.5"'], "203.0.113.5"),
        (["for=9.9.9.9;x=\\, for=203.0.113.5"], "203.0.113.5"),
        (["for=203.0.113.5, for=_hidden"], PROXY),
        (["for=203.0.113.5, for=unknown"], PROXY),
        (["for=203.0.113.5, proto=https"], PROXY),
        (["for=9.9.9.9;for=203.0.113.5"], PROXY),
        (['for="203.0.113.5'], PROXY),
        (["xfor=203.0.113.5"], PROXY),
        ([";" * 16_000], PROXY),
        (["for=203.0.113.5;x=" + "y" * 600], PROXY),
    ],
)
def test_of_forwarded_the_same_counts(lines: list[str], limited_as: str) -> None:
    assert limited_address(PROXY, forwarded=lines, trusted=PROXIES) == limited_as


@pytest.mark.parametrize(
    ("forwarded_for", "forwarded", "limited_as"),
    [
        ("9.9.9.9, 203.0.113.5", "for=203.0.113.5", "203.0.113.5"),
        ("203.0.113.5", "for=9.9.9.9", PROXY),
        ("9.9.9.9", "for=203.0.113.5", PROXY),
        ("203.0.113.5", "for=unknown", PROXY),
        ("unknown", "for=203.0.113.5", PROXY),
    ],
)
def test_a_proxy_that_writes_one_header_does_not_vouch_for_the_other(
    forwarded_for: str, forwarded: str, limited_as: str
) -> None:
    found = limited_address(
        PROXY, forwarded_for=[forwarded_for], forwarded=[forwarded], trusted=PROXIES
    )
    assert found == limited_as


def test_what_is_too_long_for_an_address_is_not_kept_in_memory() -> None:
    before = address._parsed.cache_info().currsize
    for lie in ("1" * 5000, "[" + ":" * 5000 + "]"):
        assert limited_address(PROXY, forwarded_for=[lie], trusted=PROXIES) == PROXY
    assert address._parsed.cache_info().currsize == before
