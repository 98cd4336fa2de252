"""Behind a hostile proxy: no signature over anything but what is on the screen.

What holds as long as the proxy leaves the scripts alone, and what remains when it does not.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.browser import Visitor
from tests.e2e.tampering.proxy import Proxy
from tests.live import Live, free_port
from tests.people import JSON, Person, Program

HONEST: JSON = {"pay": 4200, "to": "Müller", "iban": "DE75512108001245126199"}
PAGE = r"^/confirm/[0-9a-f-]{36}$"
DATA = r"/data$"
OPTIONS = r"/options$"
Scheme = Callable[[Proxy, JSON], None]


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy(free_port()) as found:
        yield found


@pytest.fixture(scope="module")
def live(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("proxy") / "data"
    with Live(folder, {"COSIGNET_PUBLIC_URL": proxy.url}) as server:
        proxy.target = server.listens_at
        yield server


@pytest.fixture(scope="module")
def alex(live: Live) -> Person:
    return live.person("alex")


@pytest.fixture
def asked(alex: Person, program: Program, proxy: Proxy) -> Iterator[JSON]:
    yield program.ask("alex", HONEST, action="Pay the supplier")
    proxy.rules.clear()
    proxy.altered.clear()


@pytest.fixture
def visitor(chromium: Browser, live: Live, alex: Person) -> Iterator[Visitor]:
    found = Visitor(chromium, live.url)
    found.passkey.hold(alex)
    found.allows(".")
    yield found
    found.leave()


def everywhere(old: str, new: str) -> Scheme:
    """Alter page and data alike, with the fingerprint made to fit."""

    def scheme(proxy: Proxy, asked: JSON) -> None:
        data = json.loads(proxy.read(f"/confirm/{asked['id']}/data"))
        text = data["payloadText"].replace(old, new)
        assert text != data["payloadText"] or old in data["context"]
        for path in (PAGE, DATA):
            proxy.replace(path, old, new)
            proxy.replace(path, data["payloadHash"], hashlib.sha256(text.encode()).hexdigest())

    return scheme


def only(path: str, old: str, new: str) -> Scheme:
    return lambda proxy, asked: proxy.replace(path, old, new)


def hidden_by_style(proxy: Proxy, asked: JSON) -> None:
    proxy.alter(r"style\.css$", lambda body: body + "#signed .card { display: none }")


def another(proxy: Proxy) -> JSON:
    """What the proxy would rather have signed."""
    other = proxy.program.ask("alex", {**HONEST, "pay": 9_999_999}, action="Pay the supplier")
    proxy.others.append(other["id"])
    return other


def options_of_another(proxy: Proxy, asked: JSON) -> None:
    other = another(proxy)
    read = Person(proxy.url, base_url=proxy.target).http.post
    options = read(f"/confirm/{other['id']}/options", json={"purpose": "approve"}).text
    proxy.alter(OPTIONS, lambda _: options)


def whole_other(proxy: Proxy, asked: JSON) -> None:
    """Another confirmation under this address: its page, its data, its options."""
    other = another(proxy)
    data = proxy.read(f"/confirm/{other['id']}/data")
    proxy.alter(DATA, lambda _: data)
    options_of_another(proxy, asked)


SCHEMES: dict[str, Scheme] = {
    "payload in page": only(PAGE, ">4200<", ">42<"),
    "payload in data": only(DATA, "4200", "42"),
    "payload everywhere": everywhere("4200", "42"),
    "account everywhere": everywhere("DE75512108001245126199", "DE02120300000000202051"),
    "title in page": only(PAGE, ">Pay the supplier</h1>", ">Nothing at all</h1>"),
    "title in data": only(DATA, "Pay the supplier", "Nothing at all"),
    "title everywhere": everywhere("Pay the supplier", "Nothing at all"),
    "requester everywhere": everywhere("deployer", "payroll"),
    "approver everywhere": everywhere("alex", "alec"),
    "a row taken from the card": lambda proxy, _: proxy.alter(
        PAGE, lambda body: re.sub(r"<div><dt[^>]*>pay</dt>.*?</div>", "", body, count=1)
    ),
    "words before the card": only(PAGE, '<div id="signed">', '<div id="signed">Only a test. '),
    "a second card": only(PAGE, '<div id="signed">', '<div id="signed"></div><div id="signed">'),
    "the card hidden by style": hidden_by_style,
    "options of another": options_of_another,
    "data and options of another": whole_other,
    "verification not asked for": only(OPTIONS, '"required"', '"discouraged"'),
    "another passkey site": only(OPTIONS, '"rpId":"localhost"', '"rpId":"com"'),
    "half of the challenge": lambda proxy, _: proxy.alter(
        OPTIONS, lambda body: re.sub(r'("challenge":")[\w-]{8}', r"\1AAAAAAAA", body)
    ),
}


@pytest.mark.parametrize("what", SCHEMES)
def test_nothing_is_signed_but_what_is_on_the_screen(
    proxy: Proxy, visitor: Visitor, asked: JSON, program: Program, what: str
) -> None:
    proxy.program, proxy.others = program, []
    SCHEMES[what](proxy, asked)
    visitor.hurry()
    visitor.page.goto(asked["url"])
    expect(visitor.page.locator("#badge")).not_to_have_attribute("data-state", "checking")
    if visitor.approve.is_enabled():
        visitor.approve.click()
    visitor.sees_outcome("mismatch", "Do not approve this")
    assert proxy.altered, "the proxy has altered something"
    assert visitor.passkey.signatures == 0
    for id_ in {asked["id"], *proxy.others}:
        assert program.read(id_)["status"] == "pending"


def test_through_an_honest_proxy_it_is_approved(
    proxy: Proxy, visitor: Visitor, asked: JSON, program: Program
) -> None:
    visitor.open(asked["url"])
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["payload"] == HONEST
    assert proxy.altered == set()


LYING_SCRIPT = """
const id = location.pathname.split("/").pop();
const button = document.getElementById("approve");
document.querySelector("[data-state]").textContent = "Display verified";
button.disabled = false;
button.addEventListener("click", async () => {
  const post = async (path, body) => (await fetch(`/confirm/${id}/${path}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  })).json();
  const options = await post("options", { purpose: "approve" });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  await post("approve", { credential: await navigator.credentials.get({ publicKey }) });
  document.title = "done";
});
"""


def test_a_replaced_script_can_lie_but_the_signature_and_a_second_device_do_not(
    proxy: Proxy, visitor: Visitor, asked: JSON, live: Live, program: Program, chromium: Browser
) -> None:
    """What remains (docs/security-model.md): the page is as honest as whoever serves its script."""
    proxy.replace(PAGE, ">4200<", ">42<")
    proxy.alter(r"confirm\.js$", lambda _: LYING_SCRIPT)
    visitor.page.goto(asked["url"])
    expect(visitor.page.locator("#signed")).to_contain_text("42")
    visitor.approve.click()
    expect(visitor.page).to_have_title("done")
    # It showed 42 and had 4200 signed. Whoever asked still gets exactly what they asked for …
    decision = program.read(asked["id"])
    assert (decision["status"], decision["payload"]) == ("approved", HONEST)
    # … another way to the server shows what was signed …
    elsewhere = Person(live.url, base_url=live.listens_at).http.get(f"/confirm/{asked['id']}")
    assert ">4200<" in elsewhere.text
    # … and the script is not the one that was published.
    served = Person(live.url, base_url=live.listens_at).http.get("/static/confirm.js").text
    assert served != proxy.read("/static/confirm.js") == LYING_SCRIPT


def test_a_replaced_script_does_not_get_a_signature_from_another_site(
    proxy: Proxy, visitor: Visitor, asked: JSON, program: Program
) -> None:
    lie = LYING_SCRIPT.replace("const publicKey", 'options.rpId = "example.com"; const publicKey')
    proxy.alter(r"confirm\.js$", lambda _: lie)
    visitor.page.goto(asked["url"])
    visitor.approve.click()
    visitor.page.wait_for_timeout(500)
    assert visitor.passkey.signatures == 0
    assert program.read(asked["id"])["status"] == "pending"


def test_every_script_of_the_page_is_one_of_the_published_ones(live: Live) -> None:
    """The manifest to compare with: the files of the release, freed of their layout."""
    folder = Path(__file__).parents[3] / "src/cosignet/server/web/static"
    page = Person(live.url, base_url=live.listens_at).http
    assert page.get("/static/confirm.js").text.splitlines() == [
        line.strip()
        for line in (folder / "confirm.js").read_text().splitlines()
        if line.strip() and not re.match(r"\s*(//|/\*\*)", line)
    ]
