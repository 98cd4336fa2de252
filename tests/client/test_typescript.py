"""The TypeScript SDK's own tests, run by Node as they are written."""

import subprocess

from tests.client.clients import SDK
from tests.conftest import NODE

SECONDS = 120


def test_the_sdk_keeps_the_rules_of_every_language() -> None:
    tests = sorted((SDK / "test").glob("*.test.ts"))
    assert tests
    ran = subprocess.run(
        [NODE, "--test", *tests],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
