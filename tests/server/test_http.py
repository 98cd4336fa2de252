"""What every answer carries, and what the server says about itself."""

import json
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from tests.live import Live
from tests.people import Person, Program

from cosignet.core.checkpoint import SIZE_MAX
from cosignet.server.web.headers import CONTENT_SECURITY_POLICY, DATA_POLICY
from cosignet.server.web.routes import ROUTES

EVERYWHERE = [
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/confirmations"),
    ("GET", "/static/style.css"),
    ("GET", "/static/%2e%2e/config.py"),
    ("GET", "/nowhere"),
    ("GET", "/confirm/nothing"),
    ("GET", "/register"),
    ("PUT", "/api/confirmations"),
    ("POST", "/register/options"),
]


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
def test_every_answer_carries_the_security_headers(live: Live, method: str, path: str) -> None:
    answer = Person(live.url).http.request(method, path)
    assert answer.status_code < 500
    headers = answer.headers
    is_data = "json" in headers["content-type"]
    policy = DATA_POLICY if is_data else CONTENT_SECURITY_POLICY
    assert headers["content-security-policy"] == policy
    assert ("permissions-policy" in headers) is not is_data
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers.get("cross-origin-opener-policy") == (None if is_data else "same-origin")
    assert headers["cache-control"] == (
        "no-cache" if answer.url.path.endswith(".css") else "no-store"
    )
    assert len(headers["x-request-id"]) == 16
    assert "server" not in headers
    assert "strict-transport-security" not in headers


def test_on_https_browsers_are_told_to_stay_there(live_https: Live) -> None:
    answer = Program(live_https.listens_at, "").http.get("/healthz")
    assert "max-age=63072000" in answer.headers["strict-transport-security"]


def test_on_https_the_page_cookie_is_secure(live_https: Live) -> None:
    person = Person(live_https.url, base_url=live_https.listens_at)
    person.register(live_https.invite(), "alex")
    asked = live_https.program().ask("alex")
    cookie = person.http.get(f"/confirm/{asked['id']}").headers["set-cookie"].lower()
    for attribute in ("httponly", "samesite=lax", "secure", "path=/confirm/"):
        assert attribute in cookie


def test_a_person_who_goes_to_127_0_0_1_is_led_to_localhost(live: Live) -> None:
    person = Person(live.url, base_url=live.url.replace("localhost", "127.0.0.1"))
    answer = person.http.get("/register?invite=x")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{live.url}/register?invite=x"
    assert person.http.get("/healthz").status_code == 200


def status_and_code(url: str, path: str, fields: list[tuple[str, str]]) -> tuple[int, str]:
    """Ask with exactly these header fields."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = HTTPConnection(parts.hostname, parts.port)
    with closing(connection):
        connection.putrequest("GET", path, skip_host=True)
        for field in fields:
            connection.putheader(*field)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.load(answer).get("code", "")


OURS = ["localhost", "LocalHost", "localhost:{port}", "127.0.0.1:{port}", "[::1]:9000"]
OTHERS = [
    "rebound.example",
    "rebound.example:{port}",
    "localhost.rebound.example",
    "localhost:{port}.rebound.example",
    "user@localhost",
    "localhost:",
    "localhost:port",
    "127.0.0.2",
    "127.1",
    "2130706433",
    "[::2]",
    "",
]
PUBLIC = ["approve.example", "APPROVE.example", "approve.example:443"]
NOT_PUBLIC = ["localhost", "approve.example:8443", "approve.example.", "www.approve.example"]


@pytest.mark.parametrize("host", OURS)
def test_localhost_is_answered_under_its_names(live: Live, host: str) -> None:
    fields = [("Host", host.format(port=live.port))]
    assert status_and_code(live.url, "/api/confirmations", fields) == (401, "unauthenticated")


@pytest.mark.parametrize("path", ["/api/confirmations", "/confirm/x/data", "/healthz/"])
@pytest.mark.parametrize("host", OTHERS)
def test_a_site_whose_name_was_made_to_lead_here_reads_nothing(
    live: Live, host: str, path: str
) -> None:
    fields = [("Host", host.format(port=live.port))]
    assert status_and_code(live.url, path, fields) == (421, "misdirected")


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_server_is_answered_under_its_name(live_https: Live, host: str) -> None:
    answer = status_and_code(live_https.listens_at, "/api/confirmations", [("Host", host)])
    assert answer == (401, "unauthenticated")


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_a_public_server_has_no_other_name(live_https: Live, host: str) -> None:
    answer = status_and_code(live_https.listens_at, "/api/confirmations", [("Host", host)])
    assert answer == (421, "misdirected")


@pytest.mark.parametrize("hosts", [[], ["localhost", "rebound.example"], ["localhost"] * 2])
def test_a_request_names_one_host(live: Live, hosts: list[str]) -> None:
    fields = [("Host", host) for host in hosts]
    assert status_and_code(live.url, "/api/confirmations", fields) == (400, "host_missing")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("fields", [[], [("Host", "10.0.0.7:8000")]])
def test_load_balancers_probe_by_address(
    live_https: Live, path: str, fields: list[tuple[str, str]]
) -> None:
    assert status_and_code(live_https.listens_at, path, fields) == (200, "")


def test_a_request_id_is_in_the_problem_and_in_the_header(live: Live) -> None:
    answer = Program(live.url, "").http.get("/api/confirmations")
    assert answer.json()["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["www-authenticate"].startswith("ApiKey")


def test_people_get_pages_and_programs_get_problems(live: Live) -> None:
    http = Person(live.url).http
    page = http.get("/confirm/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing is here" in page.text
    assert http.get("/confirm/nothing").json()["code"] == "not_found"
    api = http.get("/api/confirmations/x", headers={"Accept": "text/html"})
    assert api.headers["content-type"] == "application/problem+json"


def test_a_browser_that_has_a_file_is_not_sent_it_again(live: Live) -> None:
    http = Person(live.url).http
    first = http.get("/static/style.css")
    again = http.get("/static/style.css", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_openapi_names_every_route_and_only_those(live: Live) -> None:
    document = Person(live.url).http.get("/api/openapi.json").json()
    named = {(m.upper(), p) for p, methods in document["paths"].items() for m in methods}
    assert named == {(row.method, row.path.replace("*}", "}")) for row in ROUTES}
    assert document["openapi"] == "3.1.0"
    operations = [op for methods in document["paths"].values() for op in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        assert reference.rpartition("/")[2] in document["components"]["schemas"]


def test_openapi_says_who_may_be_told_to_wait_and_that_it_says_how_long(live: Live) -> None:
    document = Person(live.url).http.get("/api/openapi.json").json()
    waits = {
        path: operation["responses"]["429"]["headers"]["Retry-After"]["required"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if "429" in operation["responses"]
    }
    assert set(waits.values()) == {True}
    assert set(document["paths"]) - set(waits) == {
        *("/healthz", "/readyz", "/api/openapi.json", "/llms.txt"),
    }


def test_openapi_says_which_routes_take_an_idempotency_key(live: Live) -> None:
    document = Person(live.url).http.get("/api/openapi.json").json()
    takes = {
        path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for parameter in operation["parameters"]
        if parameter["in"] == "header"
    }
    creating = {"/api/confirmations", "/api/keys", "/api/keys/{id}/rotate", "/api/invites"}
    creating |= {"/api/webhooks", "/api/webhooks/{id}/rotate", "/api/webhooks/{id}/test"}
    assert takes == creating
    answer = document["paths"]["/api/keys"]["post"]["responses"]["201"]
    assert set(answer["headers"]) == {"Idempotent-Replayed", "X-Request-Id"}
    either = answer["content"]["application/json"]["schema"]["oneOf"]
    names = {one["$ref"].rpartition("/")[2] for one in either}
    assert names == {"MintedKey", "ReplayedKey"}
    assert names <= set(document["components"]["schemas"])


def test_openapi_says_which_query_parameters_are_needed_and_how_far_they_go(live: Live) -> None:
    http = Person(live.url).http
    queries = {
        (path, parameter["name"]): parameter
        for path, methods in http.get("/api/openapi.json").json()["paths"].items()
        for parameter in methods.get("get", {}).get("parameters", ())
        if parameter["in"] == "query" and path.startswith("/public/")
    }
    needed = {where for where, parameter in queries.items() if parameter.get("required")}
    for path, name in queries:
        others = {n: SIZE_MAX for p, n in needed if p == path and n != name}
        code = http.get(path.format(id="x"), params=others).json().get("code")
        assert (code == "field_missing") == ((path, name) in needed), (path, name)
        if (most := queries[path, name]["schema"].get("maximum")) is not None:
            further = http.get(path, params=others | {name: most + 1}).json()
            assert (further["code"], further["field"]) == ("field_invalid", name)
            answer = http.get(path, params=others | {name: most}).json()
            assert answer.get("code") != "field_invalid", (path, name)


def test_openapi_says_which_scope_a_route_needs(live: Live) -> None:
    document = Person(live.url).http.get("/api/openapi.json").json()
    create = document["paths"]["/api/confirmations"]["post"]
    assert create["security"] == [{"apiKey": []}]
    assert "confirmations:create" in create["description"]
    assert create["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "/CreateConfirmation"
    )


def test_openapi_says_what_each_answer_may_be(live: Live) -> None:
    document = Person(live.url).http.get("/api/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            assert not {"4XX", "5XX"} & set(answers), path
            for status, answer in answers.items():
                needed = {"X-Request-Id"} | NEEDED.get(status, set())
                assert needed <= set(answer["headers"]), (path, status)
            done = next(answer for status, answer in answers.items() if status.startswith("2"))
            is_page = not {"application/json", "image/svg+xml"} & set(done["content"])
            assert not is_page or "text/html" in answers["404"]["content"], (path, method)


NEEDED = {
    "401": {"WWW-Authenticate"},
    "405": {"Allow"},
    "429": {"Retry-After"},
    "503": {"Retry-After"},
}


def test_openapi_says_that_what_is_optional_may_be_null_and_left_out(live: Live) -> None:
    document = Person(live.url).http.get("/api/openapi.json").json()
    bodies = document["components"]["schemas"]
    assert {"type": "null"} in bodies["CreateInvite"]["properties"]["maxUses"]["anyOf"]
    assert "anyOf" not in bodies["CreateConfirmation"]["properties"]["action"]
    required = {
        path: methods["post"]["requestBody"]["required"]
        for path, methods in document["paths"].items()
        if "requestBody" in methods.get("post", ())
    }
    assert required["/api/invites"] is required["/logout"] is False
    assert required["/api/keys"] is required["/confirm/{id}/approve"] is True


def test_openapi_says_which_routes_need_a_session(live: Live) -> None:
    document = Person(live.url).http.get("/api/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", "cosignet_sid")
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert (operation["security"] == [{"session": []}]) == path.startswith("/account")


def test_files_are_compressed_for_those_who_can_read_it(live: Live) -> None:
    http = Person(live.url).http
    packed = http.get("/static/confirm.js", headers={"Accept-Encoding": "gzip"})
    plain = http.get("/static/confirm.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.content == plain.content
