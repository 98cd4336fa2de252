"""The picture of a page's address: every module where it belongs, with room around it."""

import re
import xml.etree.ElementTree as ElementTree

import segno

from cosignet.server.web.pages.qr import QUIET_MODULES, draw

ADDRESS = "https://confirm.example/confirm/0b0e7f5e-6d1c-4b7a-9a60-1f6f0f5a7c01"
STEP = re.compile(r"([Mm]) ?(-?[\d.]+)[ ,]?(-?[\d.]+)|h(-?[\d.]+)")


def modules(svg: bytes) -> set[tuple[int, int]]:
    """Which modules (row, column) are dark, quiet margin included."""
    path = next(
        found.attrib["d"]
        for found in ElementTree.fromstring(svg).iter()
        if found.tag.endswith("path") and "stroke" in found.attrib
    )
    x = y = 0.0
    dark: set[tuple[int, int]] = set()
    for move, to_x, to_y, run in STEP.findall(path):
        if run:
            dark |= {(int(y), int(x) + at) for at in range(int(run))}
            x += float(run)
        elif move == "M":
            x, y = float(to_x), float(to_y)
        else:
            x, y = x + float(to_x), y + float(to_y)
    return dark


def test_the_picture_holds_the_address() -> None:
    wanted = segno.make_qr(ADDRESS, error="m")
    matrix = [[bool(cell) for cell in row] for row in wanted.matrix]
    dark = {
        (row + QUIET_MODULES, column + QUIET_MODULES)
        for row, cells in enumerate(matrix)
        for column, is_dark in enumerate(cells)
        if is_dark
    }
    assert modules(draw(ADDRESS)) == dark
    assert modules(draw(ADDRESS + "?")) != dark


def test_it_is_dark_on_light_in_any_colour_scheme_and_runs_nothing() -> None:
    svg = draw(ADDRESS).decode()
    assert 'fill="#fff"' in svg
    assert not re.search(r"<script|<style|href|\bon\w+=", svg)
