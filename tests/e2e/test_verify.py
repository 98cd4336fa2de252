"""The page that checks evidence: the verdicts of the programs, in a real browser."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.bundles import by_python, decided, edited, flip, known, public, publish_all, trust_in
from tests.e2e.conftest import Visit
from tests.e2e.verify_states import pin
from tests.live import Live
from tests.people import JSON, Person, Program

NO_ED25519 = """
const { importKey } = SubtleCrypto.prototype;
SubtleCrypto.prototype.importKey = function (format, key, how, ...rest) {
  if ((how.name ?? how) !== "Ed25519") return importKey.call(this, format, key, how, ...rest);
  window.asked = (window.asked ?? 0) + 1;
  return Promise.reject(new DOMException("no Ed25519 here", "NotSupportedError"));
};
"""
VERDICTS = """() => [...document.querySelectorAll("#steps strong")].map((one) => one.textContent)"""


@pytest.fixture
def bundle(live: Live) -> JSON:
    return decided(live, live.newcomer(), "approval")


def flipped(text: str) -> str:
    lines = text.split(" ")
    data = base64.b64decode(lines[-1])
    return " ".join([*lines[:-1], base64.b64encode(flip(data, 9)).decode() + "\n"])


RESPONSE = ("signatures", 0, "rawAssertion", "response")
SPOILT: dict[str, tuple[tuple[Any, ...], Any]] = {
    "payload": (("payload",), '{"a":1 }'),
    "hash": (("payload",), '{"a":1}'),
    "context": (("contexts",), []),
    "challenge": (("payloadHash",), "0" * 64),
    "client data": (("signatures", 0, "origin"), "https://approve.example"),
    "flags": (("signatures", 0, "rpId"), "approve.example"),
    "signature": ((*RESPONSE, "signature"), "AAAA"),
    "credential": (("signatures", 0, "credential", "id"), "AAAA"),
    "opening": (("evidenceId",), "another"),
    "leaf": (("entry", "leafHash"), "AAAA"),
    "inclusion": (("inclusion", "hashes"), []),
    "checkpoint": (("tlogProof",), "\u202e"),
}


def check_file(page: Page, folder: Path, bundle: Any) -> list[str]:
    """Choose a file with this in it, and return the verdicts."""
    file = folder / "bundle.json"
    file.write_text(json.dumps(bundle))
    page.get_by_label("Or a file").set_input_files(file)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#ended")).to_be_visible()
    return page.evaluate(VERDICTS)


def test_every_step_can_fail_and_says_what_the_programs_say(
    visit: Visit, bundle: JSON, tmp_path: Path
) -> None:
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/verify")
    pin(visitor, trust_in(bundle))
    cases = [bundle, public(bundle), *(edited(bundle, *spoilt) for spoilt in SPOILT.values())]
    found = [check_file(visitor.page, tmp_path, case) for case in cases]
    assert found == by_python([known(case, bundle) for case in cases])
    for name, verdicts in zip(SPOILT, found[2:], strict=True):
        assert verdicts[[*SPOILT].index(name)] == "FAIL", name


def test_a_browser_without_ed25519_checks_the_logs_signature_all_the_same(
    visit: Visit, bundle: JSON, tmp_path: Path
) -> None:
    visitor = visit()
    visitor.context.add_init_script(NO_ED25519)
    visitor.page.goto(f"{visitor.url}/verify")
    pin(visitor, trust_in(bundle))
    cases = [bundle, edited(bundle, ("checkpoint",), flipped(bundle["checkpoint"]))]
    found = [check_file(visitor.page, tmp_path, case) for case in cases]
    assert visitor.page.evaluate("window.asked") == 2
    assert found == by_python([known(case, bundle) for case in cases])
    assert [verdicts[11] for verdicts in found] == ["OK", "FAIL"]


def test_the_decided_page_leads_to_its_evidence(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    visitor = visit(alex)
    asked = program.ask("alex")
    visitor.open(asked["url"])
    visitor.approve.click()
    visitor.sees_outcome("approved")
    publish_all(live)
    read = program.read(asked["id"])
    visitor.page.get_by_role("link", name=read["evidenceId"]).click()
    expect(visitor.page).to_have_url(read["verifyUrl"])
    expect(visitor.page.locator("#verdict .title:visible")).to_have_text("Not proven")
    expect(visitor.page.locator("#steps")).to_contain_text("WHO: NOT PROVEN")


def test_a_signed_rejection_is_linked_as_one(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    bundle = decided(live, alex, "rejection")
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/verify?kind=rejection&id={bundle['evidenceId']}")
    expect(visitor.page.locator("#verdict .title:visible")).to_have_text("Not proven")
    visitor.page.get_by_label("What it should be").select_option("approval")
    visitor.page.get_by_role("button", name="Check").click()
    expect(visitor.page.locator("#verdict .title:visible")).to_have_text("Something is wrong")


def test_a_file_may_be_dropped_and_what_is_none_is_said(visit: Visit, bundle: JSON) -> None:
    visitor = visit()
    page = visitor.page
    page.goto(f"{visitor.url}/verify")
    drop = """([text]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([text], "bundle.json"));
      document.querySelector("main").dispatchEvent(
        new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(drop, ["{"])
    visitor.sees_note("That file is no JSON.")
    page.evaluate(drop, [json.dumps(bundle)])
    expect(page.locator("#verdict .title:visible")).to_have_text("Not proven")
    page.get_by_label("Evidence id").fill("nothing")
    page.get_by_role("button", name="Check").click()
    visitor.sees_note("no evidence id")
    expect(page.locator("#result")).to_be_hidden()


def test_a_link_says_nothing_about_whom_to_trust(visit: Visit, bundle: JSON, live: Live) -> None:
    [vkey] = trust_in(bundle)["vkeys"]
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/verify?id={bundle['evidenceId']}&vkey={vkey}&kind=nothing")
    expect(visitor.page.get_by_label("Key of the log")).to_have_value("")
    expect(visitor.page.locator("#steps")).to_contain_text("LOG KEY: NOT PINNED")
