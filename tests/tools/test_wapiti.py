"""What `make wapiti` is given, and that a finding is one."""

import ssl
from pathlib import Path

import httpx2
from tests.live import Live, free_port
from tools.judges.observatory import certify
from tools.wapiti.__main__ import MODULES, findings
from tools.wapiti.tls import Ending

ONE = {"method": "GET", "path": "/confirm/1", "info": "XSS", "level": 3}


def test_a_vulnerability_and_an_anomaly_are_findings_and_nothing_else_is() -> None:
    report = {
        "vulnerabilities": {"Reflected XSS": [ONE, ONE], "SQL": []},
        "anomalies": {"Internal Server Error": [ONE | {"info": "500"}]},
        "additionals": {"Technology": [ONE]},
    }
    assert findings(report) == [
        "Internal Server Error: GET /confirm/1: 500",
        "Reflected XSS: GET /confirm/1: XSS",
    ]


def test_no_module_is_used_that_asks_a_service_elsewhere() -> None:
    elsewhere = {"ssrf", "xxe", "log4shell", "spring4shell", "wapp", "htp", "cms", "wp_enum"}
    elsewhere |= {"nikto", "takeover", "network_device"}
    assert not elsewhere & set(MODULES.split())


def test_behind_tls_the_server_is_itself(tmp_path: Path) -> None:
    key, certificate = certify(tmp_path)
    port = free_port()
    url = f"https://localhost:{port}"
    trusting = ssl.create_default_context(cafile=str(certificate))
    with (
        Live(tmp_path / "data", {"COSIGNET_PUBLIC_URL": url}) as live,
        Ending(port, live.port, certificate, key),
        httpx2.Client(base_url=url, verify=trusting) as http,
    ):
        answer = http.get("/login")
        assert answer.is_success
        assert "strict-transport-security" in answer.headers
