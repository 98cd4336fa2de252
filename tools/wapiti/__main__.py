"""Wapiti against a running server with people and confirmations in it: `python -m tools.wapiti`.

It stays on this machine: modules that ask a service of their makers are left out, and so is what
tries names of other programs' files. Leaves 1 behind when something is found, or nothing was tried.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.live import Live, free_port
from tests.people import Person, raise_for
from tools.judges.observatory import certify
from tools.wapiti.tls import Ending

from cosignet.core.access import Scope

ROOT = Path(__file__).parent.parent.parent
PROGRAM = Path(os.environ.get("WAPITI", ROOT / ".build/wapiti/bin/wapiti"))
REPORT = ROOT / ".build/wapiti.json"
MODULES = (
    "backup cookieflags crlf csp csrf exec file htaccess http_headers https_redirect ldap methods"
    " permanentxss redirect shellshock sql timesql upload xss"
)
NOWHERE = "http://127.0.0.1:9/"
ATTACK_SECONDS_MAX = 60
"""Of one module; it would otherwise try for as long as it finds something to try."""
PAGES_LEAST = 50
"""Fewer, and it has not found its way in."""


def _seed(live: Live, url: str) -> tuple[list[str], str, str]:
    """Return where to begin, a session and a key."""
    ada = Person(url, base_url=live.listens_at)
    ada.register(live.owner_link(), "ada")
    key = ada.practise()["apiKey"]["key"]
    session = ada.http.cookies["cosignet_sid"]
    program = live.program(Scope.ADMIN)
    invite = raise_for(program.post("/api/invites", {}))["code"]
    pending = [program.ask("ada", {"n": n, "to": "https://a.example"})["id"] for n in range(3)]
    private = program.ask("ada", private=True)["id"]
    approved = program.ask("ada")["id"]
    raise_for(ada.approve(approved))
    paths = ["/", "/login?next=/account", "/account", f"/register?invite={invite}&username=bob"]
    for one in (*pending, private, approved):
        paths += [f"/confirm/{one}", f"/confirm/{one}/reject", f"/confirm/{one}/data?wait=0"]
        paths += [f"/api/confirmations/{one}?wait=0"]
    paths.append("/api/confirmations?status=pending&username=ada&limit=5&cursor=1.2")
    return paths, session, key


def _scan(folder: Path) -> dict[str, Any]:
    port = free_port()
    url = f"https://localhost:{port}"
    key_file, certificate = certify(folder)
    with (
        Live(folder / "data", {"COSIGNET_PUBLIC_URL": url}) as live,
        Ending(port, live.port, certificate, key_file),
    ):
        paths, session, key = _seed(live, url)
        command = [str(PROGRAM), "-u", f"{url}/", "--swagger", f"{url}/api/openapi.json"]
        for path in paths:
            command += ["-s", url + path]
        command += ["-x", f"{url}/logout", "-m", ",".join(MODULES.split()), "-l", "2"]
        command += ["-C", f"cosignet_sid={session}", "-H", f"X-Api-Key: {key}"]
        command += ["--max-attack-time", str(ATTACK_SECONDS_MAX), "--tasks", "16"]
        command += ["--endpoint", NOWHERE, "--no-bugreport", "--flush-session"]
        command += ["--store-session", str(folder / "session"), "--store-config", str(folder)]
        command += ["--verify-ssl", "0", "-v", "1", "-f", "json", "-o", str(REPORT)]
        REPORT.parent.mkdir(exist_ok=True)
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        REPORT.with_suffix(".log").write_text(ran.stdout + ran.stderr, "utf-8")
        if ran.returncode:
            raise SystemExit(ran.stdout[-4000:] + ran.stderr[-4000:])
    return json.loads(REPORT.read_text("utf-8"))


def findings(report: dict[str, Any]) -> list[str]:
    """Return what a report of Wapiti's holds against the server."""
    found = {
        f"{kind}: {one['method']} {one['path']}: {one['info']}"
        for group in ("vulnerabilities", "anomalies")
        for kind, several in report[group].items()
        for one in several
    }
    return sorted(found)


def main() -> int:
    """Scan, and tell what was found."""
    if not PROGRAM.exists():
        raise SystemExit("Wapiti is not installed. `make wapiti` does that.")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = _scan(Path(folder))
    found = findings(report)
    print(*found, sep="\n")
    crawled = report["infos"]["crawled_pages_nbr"]
    print(f"Wapiti: {len(found)} findings on {crawled} pages, {time.perf_counter() - began:.0f} s")
    return int(bool(found) or crawled < PAGES_LEAST)


if __name__ == "__main__":
    sys.exit(main())
