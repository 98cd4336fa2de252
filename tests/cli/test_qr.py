"""The QR code of a link in the terminal, against another implementation's."""

import hashlib

import pytest
import segno

from cosignet.cli.qr import BYTES_MAX, qr_code, terminal_lines

LINK = "/confirm/3f0c9a52-8d4e-4c57-b1a6-90e2d7f46a18"


# Full codes: where there is room, segno puts a byte between the text and the padding.
@pytest.mark.parametrize("length", [17, 32, 53, 78, 106, BYTES_MAX])
def test_a_full_code_is_what_segno_makes(length: int) -> None:
    text = f"https://approve.example{LINK}?{'é0aZ%' * 30}".encode()[:length].decode(errors="ignore")
    text = text.ljust(length - len(text.encode()) + len(text), "-")
    assert len(text.encode()) == length
    theirs = segno.make(
        text,
        error="l",
        mask=0,
        boost_error=False,
        micro=False,
        mode="byte",
        encoding="utf-8",
        eci=False,
    )
    assert qr_code(text) == [[bool(module) for module in row] for row in theirs.matrix]


# The modules as 0 and 1, row by row, of the npm package qrcode 1.5.4.
@pytest.mark.parametrize(
    ("text", "sha256"),
    [
        ("x", "6d731b564a4d758fafb2641cbb4a7c15f4e60067942b1965734206072c731394"),
        (
            f"http://localhost:8000{LINK}",
            "035065bf0ac02e26ab3cd9363beba6cbc854491645cdf748d3c0f6c275176d0d",
        ),
        (
            f"https://approve.example{LINK}",
            "92eac9ca3cd5c973b47ae42089c457c662f70e9f2654dcc602960aea39a66606",
        ),
        (
            f"https://approvals.platform.example.internal.example{LINK}?from=terminal",
            "37e95713de9d004663bc203c973b2f0d44abc25e45caa688d26e194dd917a141",
        ),
    ],
)
def test_a_code_with_room_is_what_another_implementation_makes(text: str, sha256: str) -> None:
    modules = "".join(str(int(module)) for row in qr_code(text) for module in row)
    assert hashlib.sha256(modules.encode()).hexdigest() == sha256


def test_what_is_too_long_is_no_code() -> None:
    with pytest.raises(ValueError, match="too long"):
        qr_code("x" * (BYTES_MAX + 1))


def test_a_terminal_shows_each_module_once_with_light_around() -> None:
    matrix = qr_code("http://localhost:8000/confirm/3f0c9a52-8d4e-4c57-b1a6-90e2d7f46a18")
    shown: list[list[bool]] = []
    for line in terminal_lines(matrix, border=2):
        assert (line[:9], line[-4:]) == ("\033[30;107m", "\033[0m")
        halves = line[9:-4]
        shown.append([half in "▀█" for half in halves])
        shown.append([half in "▄█" for half in halves])
    inner = [row[2:-2] for row in shown[2 : 2 + len(matrix)]]
    assert inner == matrix
    assert sum(map(sum, shown)) == sum(map(sum, matrix))
