"""No passkey here: the page says where else to open it, before the browser's own dialogs do."""

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.conftest import NODE
from tests.e2e.confirm_states import IN_APP
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import JSON, Person, Program

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"
IPHONE_APP = f"{IPHONE} (KHTML, like Gecko) Mobile/15E148"


@pytest.fixture
def asked(alex: Person, program: Program) -> JSON:
    return program.ask("alex")


@pytest.mark.parametrize(
    ("agent", "link"),
    [(IN_APP, r"intent://localhost:\d+/confirm/.*scheme=http;end"), (IPHONE_APP, "x-safari-http:")],
    ids=["android", "iphone"],
)
def test_in_an_apps_browser_it_leads_to_a_real_one(
    visit: Visit, asked: JSON, agent: str, link: str
) -> None:
    visitor = visit(user_agent=agent)
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.open(asked["url"])
    visitor.sees_outcome("in-app", "inside an app", "You can still reject here")
    shown = visitor.outcome("in-app")
    expect(shown.get_by_role("link", name="Open in your browser")).to_have_attribute(
        "href", re.compile(link)
    )
    code = visitor.page.get_by_role("img", name="QR code with the address of this page")
    expect(code).to_be_hidden()  # where it would move what is read
    shown.get_by_role("button", name="Show code").click()
    expect(code).to_be_in_viewport(ratio=1)
    expect(visitor.approve).to_be_disabled()
    visitor.reject.click()
    visitor.sees_outcome("rejected")


def test_an_apps_browser_that_claims_to_have_passkeys_is_found_out_when_it_fails(
    visit: Visit, alex: Person, asked: JSON
) -> None:
    visitor = visit(alex, user_agent=IN_APP)
    visitor.open(asked["url"])
    visitor.passkey.verify_person(False)
    visitor.approve.click()
    visitor.sees_outcome("in-app")


def test_the_link_can_be_copied(visit: Visit, asked: JSON) -> None:
    visitor = visit(transport="usb")
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.open(asked["url"])
    visitor.approve.click()
    visitor.outcome("no-passkey").get_by_role("button", name="Copy link").click()
    expect(visitor.outcome("no-passkey").get_by_role("button", name="Copied")).to_be_visible()
    assert visitor.page.evaluate("() => navigator.clipboard.readText()") == asked["url"]


def test_where_copying_is_forbidden_the_link_is_shown(visit: Visit, asked: JSON) -> None:
    visitor = visit(transport="usb")
    visitor.context.add_init_script("navigator.clipboard.writeText = () => Promise.reject()")
    visitor.open(asked["url"])
    visitor.approve.click()
    visitor.outcome("no-passkey").get_by_role("button", name="Copy link").click()
    expect(visitor.outcome("no-passkey").get_by_text(asked["url"])).to_be_visible()


def test_without_a_passkey_of_its_own_the_page_offers_its_code_first(
    visit: Visit, alex: Person, asked: JSON
) -> None:
    visitor = visit(transport="usb")
    visitor.open(asked["url"])
    expect(visitor.outcome("no-passkey")).to_be_hidden()  # nothing moves the card unasked
    visitor.approve.click()
    visitor.sees_outcome("no-passkey", "on your phone", "With a security key, approve here")
    expect(visitor.page.locator("#other img.qr")).to_be_in_viewport(ratio=1)
    visitor.passkey.hold(alex)
    visitor.read_to_end()
    visitor.approve.click()
    visitor.sees_outcome("approved")


def test_the_code_is_not_loaded_where_nobody_needs_it(
    visit: Visit, alex: Person, asked: JSON
) -> None:
    visitor = visit(alex)
    loaded: list[str] = []
    visitor.page.on("request", lambda request: loaded.append(request.url))
    visitor.open(asked["url"])
    visitor.page.wait_for_timeout(800)
    assert not any("qr.svg" in url or "elsewhere" in url for url in loaded)
    visitor.page.locator("summary", has_text="another device").click()
    expect(visitor.page.locator("#other img.qr")).to_be_visible()
    visitor.page.wait_for_timeout(300)
    assert any("qr.svg" in url for url in loaded)


def test_the_code_says_nothing_about_what_exists(live: Live, asked: JSON, visit: Visit) -> None:
    """What is in the picture, tests/server/test_qr.py says."""
    visitor = visit()
    answer = visitor.page.request.get(f"{asked['url']}/qr.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    other = visitor.page.request.get(
        f"{live.url}/confirm/{'0' * 8}-0000-4000-8000-{'0' * 12}/qr.svg"
    )
    assert other.ok, "says nothing about what exists"
    assert other.body() != answer.body()
    for wrong in ("nobody", f"{asked['id']}x", "%3Csvg%3E"):
        assert visitor.page.request.get(f"{live.url}/confirm/{wrong}/qr.svg").status == 404


AGENTS = {
    f"{IPHONE} (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1": False,
    IPHONE_APP: True,
    f"{IPHONE} (KHTML, like Gecko) Mobile/15E148 Instagram 350.0.0": True,
    IN_APP: True,
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/131 Mobile Safari/537.36": False,
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0": False,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18 Safari/605": False,
}


@pytest.mark.parametrize(("agent", "is_in_app"), AGENTS.items())
def test_apps_own_browsers_are_told_from_real_ones(agent: str, is_in_app: bool) -> None:
    script = Path(__file__).parents[2] / "src/cosignet/server/web/static/elsewhere.js"
    program = f"""
      globalThis.document = {{ addEventListener() {{}} }};
      const {{ isInApp }} = await import({str(script)!r});
      process.exit(isInApp({agent!r}) === {str(is_in_app).lower()} ? 0 : 1);"""
    subprocess.run([NODE, "--input-type=module", "-e", program], check=True)
