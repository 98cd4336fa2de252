"""A page that was altered in transit does not pass for what is signed."""

import pytest
from tests.e2e.tampering.case import NOT_FITTING, Case


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<span class="number">3</span>', '<span class="number">8</span>'),
        (">Deploy to production</h1>", ">Deploy to staging</h1>"),
        (">deployer</strong>", ">payroll</strong>"),
        (">alex</dd>", ">alec</dd>"),
        ("abc123</span></dd>", "abc124</span></dd>"),
        ("abc123</span></dd></div>", "abc123</span></dd></div><!-- -->"),
        ('<div id="signed">', '<div id="signed">Approve this. '),
        ("</body>", '<div id="signed"></div></body>'),
    ],
    ids=["digit", "title", "requester", "approver", "byte", "comment", "text-before", "twice"],
)
def test_one_change_to_the_page_in_transit_is_noticed(case: Case, old: str, new: str) -> None:
    case.answer_page(lambda page: page.replace(old, new, 1))
    case.open("mismatch")
    case.is_blocked(NOT_FITTING)
