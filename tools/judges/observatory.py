"""Mozilla's HTTP Observatory on a server behind TLS, as it stands behind a proxy in production."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.live import Live, free_port
from tools.judges.panel import Panel
from tools.judges.table import Figure


def figures(folder: Path) -> list[Figure]:
    """Return the worst grade of the pages anybody may open."""
    key, certificate = certify(folder)
    port = free_port()
    settings = {"COSIGNET_PUBLIC_URL": f"https://localhost:{port}"}
    with Live(folder / "observed", settings) as live, Panel(certificate) as panel:
        alex = live.person("alex")
        asked = live.program().ask(alex.username)
        paths = {
            "/": "home",
            f"/register?invite={live.invite()}": "register",
            f"/confirm/{asked['id']}": "confirm",
        }
        marks = panel.ask(
            "observe",
            behind=live.port,
            port=port,
            key=str(key),
            certificate=str(certificate),
            paths=list(paths),
        )
    worst = min(marks.values(), key=lambda mark: mark["score"])
    words = [
        f"{paths[path]}: {mark['grade']} ({mark['score']}) {', '.join(mark['failed'])}"
        for path, mark in marks.items()
    ]
    met = worst["grade"] == "A+"
    figure = f"{worst['grade']} ({worst['score']})"
    return [Figure("HTTP Observatory: A+", figure, met, [] if met else words)]


def certify(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return key_file, certificate_file
