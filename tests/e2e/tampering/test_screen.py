"""What changes on the screen, at any moment, blocks approving."""

import pytest
from tests.e2e.tampering.case import CARD_CHANGED, NO_LIVE_WATCH, Case, change, recorded
from tests.people import Person

# Each changes one thing on the screen.
ON_SCREEN = {
    "a digit": "signed.querySelector('.number').firstChild.data = '4'",
    "a name": "signed.querySelector('.card dt').textContent = 'Service'",
    "the title": "signed.querySelector('h1').textContent = 'Deploy to staging'",
    "the approver": "signed.querySelectorAll('.facts dd')[0].textContent = 'alec'",
    "the expiry": "signed.querySelectorAll('.facts dd')[1].firstChild.data = 'never'",
    "the requester": "signed.querySelector('.who strong').textContent = 'payroll'",
    "an added element": "signed.querySelector('.card').append(document.createElement('hr'))",
    "an element after it": "signed.append(document.createElement('hr'))",
    "a removed row": "signed.querySelector('.card dl > div').remove()",
    "another order": "signed.querySelector('.card dl').append("
    "signed.querySelector('.card dl > div'))",
    "a style": "signed.querySelector('.card').style.opacity = '0'",
    "another element in its place": "signed.replaceWith(signed.cloneNode(true))",
    "a second one above it": "main.prepend(signed.cloneNode(true))",
    "the exact text": "document.querySelector('#exact p').firstChild.data += ' '",
}
# The watch on the page does not see the last four; the check at the click does.
AT_THE_CLICK = {
    what: ON_SCREEN[what]
    for what in ("a digit", "the title", "the approver", "the requester", "an added element")
} | {
    "a shadow": "signed.querySelector('.card').attachShadow({mode: 'open'}).append('Nothing')",
    "a closed shadow": "signed.querySelector('.card').attachShadow({mode: 'closed'})",
    "a closed shadow on a value": "signed.querySelector('.number')"
    ".attachShadow({mode: 'closed'}).append('4')",
    "a second one outside": "document.body.prepend(signed.cloneNode())",
}


def test_untouched_it_can_be_approved(case: Case) -> None:
    """What the others differ from."""
    case.answer_data(lambda data: None)
    case.answer_options(lambda options: None)
    case.open()
    case.visitor.approve.click()
    case.visitor.sees_outcome("approved")
    assert recorded(case.live, case.asked["id"]) == [1, 1]


@pytest.mark.parametrize("what", ON_SCREEN)
def test_a_change_on_the_screen_is_noticed_at_once(case: Case, what: str) -> None:
    case.open()
    change(case.visitor, ON_SCREEN[what])
    case.is_blocked(CARD_CHANGED)


@pytest.mark.parametrize("what", AT_THE_CLICK)
def test_a_change_on_the_screen_is_noticed_at_the_click(case: Case, what: str) -> None:
    case.visitor.context.add_init_script(NO_LIVE_WATCH)
    case.open()
    change(case.visitor, AT_THE_CLICK[what])
    case.visitor.sees_badge("verified")
    case.visitor.approve.click()
    case.is_blocked(CARD_CHANGED)


def test_a_change_while_the_options_travel_is_noticed(case: Case) -> None:
    case.visitor.context.add_init_script(NO_LIVE_WATCH)
    case.open()
    case.answer_options(lambda _: change(case.visitor, ON_SCREEN["a digit"]))
    case.visitor.approve.click()
    case.is_blocked(CARD_CHANGED, posted=("options",))


def test_a_change_while_the_prompt_is_open_closes_it(case: Case, alex: Person) -> None:
    case.visitor.starts_signing(alex, case.asked["url"])
    change(case.visitor, ON_SCREEN["a digit"])
    case.visitor.sees_prompt_closed()
    case.is_blocked(CARD_CHANGED, posted=("options",))


def test_what_was_signed_while_the_screen_changed_is_not_sent(case: Case) -> None:
    case.visitor.context.add_init_script(
        NO_LIVE_WATCH
        + """
        const get = navigator.credentials.get.bind(navigator.credentials);
        navigator.credentials.get = async (options) => {
          const credential = await get(options);
          document.querySelector("#signed .number").textContent = "4";
          return credential;
        };"""
    )
    case.open()
    case.visitor.approve.click()
    case.is_blocked(CARD_CHANGED, signatures=1, posted=("options",))


def test_a_signed_rejection_checks_the_screen_just_the_same(case: Case) -> None:
    case.visitor.context.add_init_script(NO_LIVE_WATCH)
    case.open()
    case.visitor.unfold_signed()
    change(case.visitor, ON_SCREEN["the title"])
    case.visitor.reject_signed.click()
    case.is_blocked(CARD_CHANGED)


def test_once_changed_it_stays_blocked_when_changed_back(case: Case) -> None:
    case.open()
    change(case.visitor, ON_SCREEN["a digit"])
    change(case.visitor, "signed.querySelector('.number').firstChild.data = '3'")
    case.is_blocked(CARD_CHANGED)
