"""Limits: per API key and per address, what is said of addresses, failed attempts at a prompt.

The server's proxy is at 127.0.0.1, and says where whoever asks is. Rates are refilled so slowly
here that only what is taken counts.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from tests.live import Live, Process
from tests.people import JSON, Person, Program, raise_for
from tests.server.test_waiting import hang_up, hold
from tests.server.together import allowing, eventually

from cosignet.core.rate import Buckets, Rate

HOUR = 3600
ONE, THREE = Rate(1, HOUR), Rate(3, HOUR)
PROXIES = {"COSIGNET_TRUSTED_PROXIES": "127.0.0.1, ::1"}
BUCKETS = 1000


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("limits") / "data", PROXIES) as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_has_taken_anything(live: Live) -> None:
    object.__setattr__(live.runtime, "buckets", Buckets(BUCKETS))


def at(address: str) -> dict[str, str]:
    """What a proxy forwards of somebody at an address."""
    return {"X-Forwarded-For": f"203.0.113.99, {address}"}


def assert_limited(answer: httpx2.Response, code: str, *, at_most: int) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    assert 0 < int(answer.headers["retry-after"]) <= at_most


# --- API keys -------------------------------------------------------------------------------------


def test_a_key_that_asks_too_often_is_told_to_wait_and_no_other(
    live: Live, program: Program, colleague: Program
) -> None:
    with allowing(live, requests_per_key=THREE):
        assert [program.get("/api/confirmations").status_code for _ in range(3)] == [200] * 3
        refused = program.get("/api/confirmations")
        assert_limited(refused, "too_many_requests", at_most=HOUR // 3)
        assert program.post("/api/keys", {}).status_code == 429, "whatever it asks"
        assert colleague.get("/api/confirmations").is_success


def test_a_key_that_creates_too_often_can_still_read(
    live: Live, program: Program, alex: Person
) -> None:
    body = {"username": alex.username, "action": "Deploy", "payload": {}}
    with allowing(live, creations_per_key=THREE):
        for _ in range(3):
            asked = program.ask(alex.username)["id"]
        refused = program.post("/api/confirmations", body)
        assert_limited(refused, "too_many_requests", at_most=HOUR // 3)
        assert program.read(asked)["status"] == "pending"
        assert len(program.get("/api/confirmations", username=alex.username).json()["items"]) == 3


def test_keys_that_are_none_are_counted_by_address_and_good_ones_never_refused_for_them(
    live: Live, program: Program
) -> None:
    def guess(address: str) -> httpx2.Response:
        headers = {"X-Api-Key": "cosignet_wrong", **at(address)}
        return program.http.get("/api/confirmations", headers=headers)

    with allowing(live, failed_keys_per_address=THREE):
        assert [guess("198.51.100.7").status_code for _ in range(3)] == [401] * 3
        assert_limited(guess("198.51.100.7"), "too_many_attempts", at_most=HOUR // 3)
        assert guess("198.51.100.8").status_code == 401
        good = program.http.get("/api/confirmations", headers=at("198.51.100.7"))
        assert good.is_success


# --- Addresses ------------------------------------------------------------------------------------


def look(live: Live, address: str, path: str = "/register", **more: str) -> httpx2.Response:
    return Program(live.url, "").http.get(path, headers=at(address) | more)


@pytest.mark.parametrize("path", ["/register", "/login", "/account", "/", "/confirm/none/data"])
def test_whoever_needs_no_key_is_limited_by_address(live: Live, path: str) -> None:
    with allowing(live, requests_per_address=THREE):
        for _ in range(3):
            assert look(live, "198.51.100.7", path).status_code != 429
        refused = look(live, "198.51.100.7", path)
        assert_limited(refused, "too_many_requests", at_most=HOUR // 3)
        assert look(live, "198.51.100.8", path).status_code != 429
        for free in ("/healthz", "/api/openapi.json", "/static/style.css"):
            assert look(live, "198.51.100.7", free).is_success


def test_a_person_is_told_on_a_page(live: Live) -> None:
    with allowing(live, requests_per_address=ONE):
        look(live, "198.51.100.7")
        answer = look(live, "198.51.100.7", accept="text/html")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Retry-After" in answer.text


def test_an_address_of_ipv6_is_its_network_of_64_bits(live: Live) -> None:
    with allowing(live, requests_per_address=ONE):
        assert look(live, "2001:db8:1:2::1").status_code != 429
        assert look(live, "2001:db8:1:2:ffff::9").status_code == 429
        assert look(live, "2001:db8:1:3::1").status_code != 429


def test_what_is_forwarded_before_the_proxy_is_not_believed(live: Live) -> None:
    with allowing(live, requests_per_address=ONE):
        statuses = [
            Program(live.url, "")
            .http.get("/login", headers={"X-Forwarded-For": f"{lie}, 198.51.100.7"})
            .status_code
            for lie in ("9.9.9.1", "9.9.9.2", "unknown", "127.0.0.1")
        ]
        assert statuses == [200, 429, 429, 429]
        conflicting = {"Forwarded": "for=9.9.9.9", **at("198.51.100.8")}
        statuses = [
            Program(live.url, "").http.get("/login", headers=conflicting).status_code
            for _ in range(2)
        ]
        assert statuses == [200, 429], "they share the proxy's"
        assert look(live, "198.51.100.8", "/login").is_success


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_who_is_no_proxy_is_not_believed(engine: str, tmp_path: Path, header: str) -> None:
    with (
        Live(tmp_path / "data", {"COSIGNET_TRUSTED_PROXIES": "192.0.2.1"}) as live,
        allowing(live, requests_per_address=ONE),
    ):
        http = Program(live.url, "").http
        said = [
            f"for=198.51.100.{n}" if header == "Forwarded" else f"198.51.100.{n}" for n in "123"
        ]
        statuses = [http.get("/login", headers={header: one}).status_code for one in said]
        assert statuses == [200, 429, 429]


@pytest.mark.parametrize("forwards", [{}, {"X-Forwarded-For": "198.51.100.7"}])
def test_where_no_proxy_is_named_nobody_on_this_machine_is_limited_by_address(
    engine: str, tmp_path: Path, forwards: dict[str, str]
) -> None:
    fewest = dict.fromkeys(("requests_per_address", "ceremonies_per_address"), ONE)
    with Live(tmp_path / "data") as live, allowing(live, **fewest, held_per_address=1):
        http = Program(live.url, "").http
        for _ in range(3):
            assert http.get("/login", headers=forwards).is_success
            assert http.post("/login/options", headers=forwards).is_success


def test_no_forwarded_header_says_which_host_or_origin_this_is(live: Live, alex: Person) -> None:
    lies = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=198.51.100.7;host=evil.example;proto=https",
        "X-Forwarded-For": "198.51.100.7",
    }
    http = Program(live.url, "").http
    assert http.get("/login", headers={**lies, "Host": "evil.example"}).status_code == 421
    own_name = {"X-Forwarded-Host": live.url.partition("//")[2], "Host": "evil.example"}
    assert http.get("/login", headers={**lies, **own_name}).status_code == 421
    foreign = {**lies, "Origin": "https://evil.example"}
    assert http.post("/login/options", headers=foreign).status_code == 403
    answer = http.post("/login/options", headers=lies)
    assert "secure" not in answer.headers["set-cookie"].lower()
    assert "strict-transport-security" not in answer.headers


def test_a_page_that_waits_has_a_place_of_its_address(
    live: Live, program: Program, alex: Person
) -> None:
    first, second = (program.ask(alex.username)["id"] for _ in range(2))
    with allowing(live, held_per_address=1):
        held = hold(live.port, program, f"/confirm/{first}/data", at("198.51.100.7"))
        eventually(lambda: live.runtime.waiters.held == 1)
        path = f"/confirm/{second}/data"
        refused = look(live, "198.51.100.7", path + "?wait=25")
        assert_limited(refused, "too_many_waiting", at_most=60)
        assert look(live, "198.51.100.7", path).is_success
        assert look(live, "198.51.100.8", path + "?wait=1").is_success
        hang_up(held)
        eventually(lambda: not live.runtime.waiters._taken)
        assert look(live, "198.51.100.7", path + "?wait=1").is_success


# --- Steps with a passkey -------------------------------------------------------------------------


def stranger_at(live: Live, address: str) -> Person:
    """Somebody who has a link, and no passkey of ours."""
    person = Person(live.url)
    person.http.headers.update(at(address))
    return person


def test_a_step_with_a_passkey_is_a_request_of_its_address_too(live: Live) -> None:
    with allowing(live, requests_per_address=ONE):
        assert look(live, "198.51.100.7").status_code != 429
        assert stranger_at(live, "198.51.100.7").http.post("/login/options").status_code == 429


def test_prompts_are_limited_by_address(live: Live) -> None:
    with allowing(live, ceremonies_per_address=THREE):
        one, other = (stranger_at(live, f"198.51.100.{number}") for number in (7, 8))
        assert [one.http.post("/login/options").status_code for _ in range(3)] == [200] * 3
        refused = one.http.post("/login/options")
        assert_limited(refused, "too_many_requests", at_most=HOUR // 3)
        assert other.http.post("/login/options").is_success
        assert one.http.get("/login").is_success


GARBAGE: dict[str, Callable[[Person, str], httpx2.Response]] = {
    "no JSON": lambda who, id_: who.http.post(f"/confirm/{id_}/approve", content=b"\xff"),
    "no credential": lambda who, id_: who.http.post(f"/confirm/{id_}/approve", json={}),
    "a malformed answer": lambda who, id_: who.post_approval(id_, {"id": "x"}),
    "another's passkey": lambda who, id_: who.approve(id_),
    "an unsigned rejection from nowhere": lambda who, id_: who.http.post(
        f"/confirm/{id_}/reject", json={"token": "x"}
    ),
    "too much": lambda who, id_: who.http.post(f"/confirm/{id_}/approve", content=b" " * 70_000),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_who_fails_at_a_prompt_locks_out_themself_alone(
    live: Live, program: Program, alex: Person, kind: str
) -> None:
    asked, another = (program.ask(alex.username)["id"] for _ in range(2))
    stranger = stranger_at(live, "198.51.100.7")
    alex.http.headers.update(at("198.51.100.8"))
    with allowing(live, failures_per_prompt=THREE):
        for _ in range(3):
            assert GARBAGE[kind](stranger, asked).status_code in (403, 413, 422)
        refused = stranger.http.post(f"/confirm/{asked}/approve", json={})
        assert_limited(refused, "too_many_attempts", at_most=HOUR // 3)
        assert stranger.http.post(f"/confirm/{asked}/options", json={}).status_code == 429
        elsewhere = stranger.http.post(f"/confirm/{another}/options", json={"purpose": "approve"})
        assert elsewhere.is_success
        assert alex.approve(asked).is_success, "nothing was burnt"
    assert alex.approve(another).is_success


def test_who_fails_everywhere_is_refused_everywhere_at_that_address(
    live: Live, program: Program, alex: Person
) -> None:
    asked = [program.ask(alex.username)["id"] for _ in range(4)]
    stranger = stranger_at(live, "198.51.100.7")
    with allowing(live, failures_per_address=THREE):
        for one in asked[:3]:
            assert stranger.post_approval(one, {}).status_code == 422
        for path in (f"/confirm/{asked[3]}/options", "/login/options", "/register/options"):
            answer = stranger.http.post(path, json={})
            assert_limited(answer, "too_many_attempts", at_most=HOUR // 3)
        assert stranger.http.get(f"/confirm/{asked[3]}").is_success
        assert alex.sign_in()["username"] == alex.username
        assert alex.approve(asked[3]).is_success


def test_invite_codes_and_sign_ins_are_not_to_be_guessed(live: Live) -> None:
    stranger = stranger_at(live, "198.51.100.7")
    guesses: list[tuple[str, JSON]] = [
        ("/register/options", {"invite": "guess", "username": "alex"}),
        ("/login", {"credential": {"id": "x"}}),
        ("/register/practice/options", {"credentialId": "!"}),
    ]
    for path, body in guesses:
        object.__setattr__(live.runtime, "buckets", Buckets(BUCKETS))
        with allowing(live, failures_per_address=ONE):
            raise_for(stranger.http.post("/login/options", json={}))
            assert stranger.http.post(path, json=body).status_code in (403, 422)
            assert_limited(stranger.http.post(path, json=body), "too_many_attempts", at_most=HOUR)


def test_who_was_too_late_has_not_failed(live: Live, program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)["id"]
    alex.http.headers.update(at("198.51.100.8"))
    with allowing(live, failures_per_prompt=ONE, failures_per_address=ONE):
        assert alex.approve(asked).is_success
        for _ in range(3):
            body = {"purpose": "approve"}
            assert alex.http.post(f"/confirm/{asked}/options", json=body).status_code == 409


@pytest.mark.engine("sqlite")
def test_what_the_operator_sets_is_what_the_program_does(engine: str, tmp_path: Path) -> None:
    settings = PROXIES | {"COSIGNET_LIMITS": "requests_per_address=2/3600"}
    with Process(tmp_path / "data", settings=settings) as server:
        http = Program(server.url, "").http
        told = [http.get("/login", headers=at("198.51.100.7")).status_code for _ in range(3)]
        assert told == [200, 200, 429]
        assert http.get("/login", headers=at("198.51.100.8")).is_success


def test_registrations_are_begun_so_often_with_one_invite(live: Live) -> None:
    code, another = live.invite(), live.invite()
    with allowing(live, prompts_per_invite=THREE):

        def begin(address: str, invite: str) -> httpx2.Response:
            body = {"invite": invite, "username": "robin"}
            return stranger_at(live, address).http.post("/register/options", json=body)

        for number in range(3):
            assert begin(f"198.51.100.{number}", code).is_success
        refused = begin("198.51.100.7", code)
        assert_limited(refused, "too_many_requests", at_most=HOUR // 3)
        assert begin("198.51.100.7", another).is_success
