"""The page that checks evidence, from nothing asked to proven, not proven and wrong."""

from playwright.sync_api import expect
from tests.bundles import publish_all, trust_in
from tests.e2e.browser import Visitor
from tests.e2e.states import Stage, State
from tests.people import JSON, raise_for

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def decided(stage: Stage, *, signs: bool = True) -> str:
    """Return the evidence id of an approval, or of a signed rejection."""
    asked = stage.program.ask(stage.kim.username)
    raise_for((stage.kim.approve if signs else stage.kim.reject_signed)(asked["id"]))
    return stage.program.read(asked["id"])["evidenceId"]


def evidence(stage: Stage, **asked: str) -> JSON:
    """Return the bundle of a new approval."""
    publish_all(stage.live)
    path = f"/public/log/entries/{decided(stage)}/verification"
    publish_all(stage.live)
    return raise_for(stage.program.http.get(path, params=asked))


def opened(stage: Stage, query: str = "") -> Visitor:
    visitor = stage.visit()
    visitor.page.goto(f"{stage.live.url}/verify{query}")
    expect(visitor.page.locator("#start")).to_be_enabled()
    return visitor


def ends(visitor: Visitor, verdict: str) -> Visitor:
    """Wait for what it ends with."""
    expect(visitor.page.locator("#verdict .title:visible")).to_have_text(verdict)
    return visitor


def pin(visitor: Visitor, trust: JSON) -> None:
    """Fill in whom somebody trusts."""
    page = visitor.page
    page.get_by_label("Key of the log").fill(" ".join(trust["vkeys"]))
    page.get_by_label("Origin of the site").fill(trust["origin"])
    page.get_by_label("Passkeys of the approvers").fill(" ".join(trust["keys"]))


def checked(stage: Stage, verdict: str, **changes: object) -> Visitor:
    """Check an approval against what is known of it, but for some changes."""
    bundle = evidence(stage)
    visitor = opened(stage)
    pin(visitor, trust_in(bundle, **changes))
    visitor.page.get_by_label("Evidence id").fill(bundle["evidenceId"])
    visitor.page.get_by_role("button", name="Check").click()
    return ends(visitor, verdict)


def noted(stage: Stage, asked: str, words: str, status: int | None = None) -> Visitor:
    visitor = opened(stage)
    if status is not None:
        visitor.expects(f"status of {status}")
    visitor.page.get_by_label("Evidence id").fill(asked)
    visitor.page.get_by_role("button", name="Check").click()
    visitor.sees_note(words)
    return visitor


def linked(stage: Stage) -> Visitor:
    bundle = evidence(stage)
    return ends(opened(stage, f"?id={bundle['evidenceId']}"), "Not proven")


def unfolded(stage: Stage) -> Visitor:
    visitor = opened(stage)
    visitor.page.get_by_text("Check it without this server").click()
    return visitor


def without_scripts(stage: Stage) -> Visitor:
    visitor = stage.visit(scripts=False)
    visitor.page.goto(f"{stage.live.url}/verify")
    return visitor


VERIFY_STATES: dict[str, State] = {
    "verify": opened,
    "verify-unfolded": unfolded,
    "verify-without-scripts": without_scripts,
    "verify-proven": lambda stage: checked(stage, "Proven"),
    "verify-unproven": linked,
    "verify-wrong": lambda stage: checked(stage, "Something is wrong", keys=["0" * 64]),
    "verify-pending": lambda stage: noted(stage, decided(stage), "It is recorded"),
    "verify-unknown": lambda stage: noted(stage, UNKNOWN, "", 404),
    "verify-elsewhere": lambda stage: noted(
        stage, f"https://approve.example/verify?id={UNKNOWN}", "another server"
    ),
}
