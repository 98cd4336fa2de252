"""What is published, installed into empty projects: it needs nothing else, and does what is shown.

`make check` builds the SDK by TypeScript's own compiler; here Node takes the types away.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.client.clients import SDK
from tests.conftest import NODE
from tests.live import Live, Process
from tests.people import Person
from tests.test_docs import ROOT, Reader, steps

NPM = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
PACKED_BYTES_MAX = 20 * 1024
SECONDS = 120


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a program that has to succeed; nothing of this checkout is in its way."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    path = os.pathsep.join([str(NODE.parent), os.environ["PATH"]])
    ran = subprocess.run(
        command,
        cwd=cwd,
        env=inherited | {"PATH": path} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


class BareReader(Reader):
    """Follows a page where nothing is installed but the wheel."""

    @property
    def environ(self) -> dict[str, str]:
        environ = super().environ
        environ.pop("PYTHONPATH", None)
        bare = str(self.folder.parent / "bare" / "bin")
        return environ | {"PATH": os.pathsep.join([bare, environ["PATH"]])}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return an environment into which the wheel was installed, with no index to take more from."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    [wheel] = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare", cwd=tmp_path)
    python = tmp_path / "bare" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index"]
    run(*pip, "--quiet", "--disable-pip-version-check", wheel, cwd=tmp_path)
    return python


def test_the_wheel_alone_does_what_its_page_shows(bare: Path, tmp_path: Path) -> None:
    names = "import importlib.metadata as m; print(*[d.name for d in m.distributions()])"
    assert run(bare, "-c", names, cwd=tmp_path).split() == ["cosignet"]
    with Process(tmp_path / "data") as server:
        owner = Person(server.url)
        owner.register(server.owner_link(), "ada")
        key = owner.practise()["apiKey"]["key"]
        (tmp_path / "project").mkdir()
        reader = BareReader(server, owner.passkey, key, tmp_path / "project")
        where = "import cosignet, sys; print(cosignet.__file__)"
        assert str(tmp_path) in reader.do("python", where)
        reader.follow(ROOT / "docs" / "sdk.md")
    assert "refunded 4200" in (tmp_path / "project" / "refund.txt").read_text()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path / "data") as server:
        yield server


def npm(*command: str | Path, cwd: Path) -> None:
    quiet = ["--ignore-scripts", "--offline", "--no-audit", "--no-fund", "--silent"]
    run(NODE, NPM, *command, *quiet, cwd=cwd, npm_config_cache=str(cwd / "npm"), HOME=str(cwd))


def pack(folder: Path) -> Path:
    """Return the npm package."""
    package = folder / "packing"
    package.mkdir()
    for name in ("package.json", "README.md"):
        shutil.copy(SDK / name, package)
    run(NODE, Path(__file__).parent / "strip.mjs", SDK / "src", package / "dist", cwd=folder)
    npm("pack", cwd=package)
    [packed] = package.glob("*.tgz")
    return packed


def test_the_npm_package_alone_does_what_its_page_shows(live: Live, tmp_path: Path) -> None:
    packed, project = pack(tmp_path), tmp_path / "project"
    assert packed.stat().st_size <= PACKED_BYTES_MAX
    project.mkdir()
    (project / "package.json").write_text('{"name": "empty", "private": true, "type": "module"}')
    npm("install", packed, cwd=project)
    installed = [path.name for path in (project / "node_modules").glob("[!.]*/*")]
    assert installed == ["sdk"]
    [(_, snippet)] = [step for step in steps(SDK / "README.md") if step[0] == "js"]
    (project / "refund.mjs").write_text(snippet)
    person = live.person("alex")
    program = live.program()

    def approve() -> None:
        while not (items := program.get("/api/confirmations").json()["items"]):
            threading.Event().wait(0.05)
        assert person.approve(items[0]["id"]).is_success

    approving = threading.Thread(target=approve)
    approving.start()
    settings = {"COSIGNET_API_KEY": program.key, "COSIGNET_BASE_URL": live.url}
    out = run(NODE, "refund.mjs", cwd=project, **settings)
    approving.join()
    assert out.startswith("Approve here: http")
    assert "refunded { customer: 'cus_8821', amountUsd: 4200 }" in out


def test_neither_package_depends_on_anything() -> None:
    package = json.loads((SDK / "package.json").read_text())
    assert package.keys().isdisjoint({"dependencies", "peerDependencies", "optionalDependencies"})
    assert package["name"] == "@cosignet/sdk"
