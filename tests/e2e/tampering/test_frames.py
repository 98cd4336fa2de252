"""Inside another page nothing can be approved."""

from playwright.sync_api import Route, expect
from tests.e2e.tampering.case import Case

FRAME = "http://other.test/"


def frame(case: Case) -> None:
    case.visitor.expects(f"request to {FRAME}")
    case.visitor.page.route(
        FRAME,
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<iframe src="{case.asked["url"]}" width="800" height="600"></iframe>',
        ),
    )


def test_inside_another_page_nothing_is_shown(case: Case) -> None:
    frame(case)
    case.visitor.allows("frame-ancestors|X-Frame-Options|ERR_BLOCKED_BY_RESPONSE")
    with case.visitor.page.expect_event("requestfailed") as failed:
        case.visitor.page.goto(FRAME)
    assert failed.value.url == case.asked["url"]
    assert failed.value.failure == "net::ERR_BLOCKED_BY_RESPONSE"
    inside = case.visitor.page.frames[1]
    inside.wait_for_url("chrome-error://chromewebdata/")
    expect(inside.locator("#signed, #approve")).to_have_count(0)
    case.open()
    case.stays_pending()


def test_inside_another_page_the_script_refuses_even_without_the_headers(case: Case) -> None:
    frame(case)

    def strip(route: Route) -> None:
        answer = route.fetch()
        kept = {"content-type", "set-cookie"}
        headers = {name: value for name, value in answer.headers.items() if name in kept}
        route.fulfill(body=answer.body(), headers=headers)

    case.visitor.page.route(case.asked["url"], strip)
    case.visitor.page.goto(FRAME)
    inside = case.visitor.page.frame_locator("iframe")
    expect(inside.locator("[data-for=framed]")).to_be_visible()
    expect(inside.locator("#approve")).to_be_hidden()
    expect(inside.locator("#approve")).to_be_disabled()
    case.visitor.page.wait_for_timeout(800)
    expect(inside.locator("#approve")).to_be_disabled()
    assert case.posted == []
    case.visitor.page.unroute_all()
    case.open()
    case.stays_pending()
