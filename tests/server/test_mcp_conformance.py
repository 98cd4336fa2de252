"""The official conformance suite at `/mcp`; what does not apply is listed, with its reason."""

import re
import subprocess
from pathlib import Path

import pytest
from tests.conftest import NODE
from tests.keyed import Keyed
from tests.live import Live
from tests.published import STRANGERS, install

SUITE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
EXCEPTIONS = STRANGERS / "mcp" / "conformance.yml"
SECONDS = 300
PASSED = {
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-error",
    "dns-rebinding-protection",
}


@pytest.mark.engine("sqlite")
def test_every_scenario_passes_or_is_an_exception_with_a_reason(
    live: Live,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = install("mcp", tmp_path_factory)
    if folder is None:
        with capsys.disabled():
            print("\nnpm cannot get the conformance suite here; it says nothing")
        return
    with Keyed(live.url, live.program().key) as keyed:
        command = [NODE, folder / SUITE, "server", "--url", f"http://{keyed.netloc}/mcp"]
        ran = subprocess.run(
            [*command, "--suite", "all", "--expected-failures", EXCEPTIONS],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = re.findall(r"✓ ([a-z0-9-]+): [1-9]\d* passed, 0 failed", ran.stdout)
    assert set(found) == PASSED
