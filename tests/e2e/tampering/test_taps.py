"""Taps that were not meant do not approve."""

from playwright.sync_api import expect
from tests.e2e.tampering.case import Case


def test_a_tap_right_after_the_page_gained_focus_does_not_approve(slow_case: Case) -> None:
    visitor = slow_case.visitor
    slow_case.open()
    expect(visitor.approve).to_be_enabled()
    box = visitor.approve.bounding_box()
    assert box is not None
    visitor.look_elsewhere()
    visitor.page.bring_to_front()
    visitor.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visitor.sees_note("The page has just come into view")
    assert slow_case.posted == []
    visitor.page.wait_for_timeout(700)
    visitor.approve.click()
    visitor.sees_outcome("approved")


def test_a_key_right_after_the_page_was_shown_again_does_not_approve(slow_case: Case) -> None:
    slow_case.open()
    expect(slow_case.visitor.approve).to_be_enabled()
    slow_case.visitor.approve.focus()
    slow_case.visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    slow_case.visitor.page.keyboard.press("Enter")
    slow_case.visitor.sees_note("The page has just come into view")
    assert slow_case.posted == []
    slow_case.stays_pending()


def test_approving_is_off_for_700_ms_after_the_page_came_up(slow_case: Case) -> None:
    slow_case.visitor.context.add_init_script(
        """
        const watch = () => {
          const button = document.getElementById("approve");
          if (button?.disabled === false) window.enabledAt ??= performance.now();
          else if (button) window.disabledAt = performance.now();
          requestAnimationFrame(watch);
        };
        watch();"""
    )
    slow_case.open()
    expect(slow_case.visitor.approve).to_be_enabled()
    assert slow_case.visitor.page.evaluate("enabledAt") >= 700
    assert slow_case.visitor.page.evaluate("disabledAt") < slow_case.visitor.page.evaluate(
        "enabledAt"
    )


def test_a_click_made_by_a_script_does_not_approve(slow_case: Case) -> None:
    slow_case.open()
    expect(slow_case.visitor.approve).to_be_enabled()
    slow_case.visitor.page.evaluate("document.getElementById('approve').click()")
    slow_case.visitor.page.evaluate("document.getElementById('reject-signed').click()")
    slow_case.visitor.page.wait_for_timeout(300)
    assert slow_case.posted == []
    slow_case.stays_pending()


def test_two_quick_taps_approve_once(slow_case: Case) -> None:
    slow_case.open()
    slow_case.visitor.approve.dblclick()
    slow_case.visitor.sees_outcome("approved")
    assert slow_case.posted == ["options", "approve"]
    assert slow_case.visitor.passkey.signatures == 1
