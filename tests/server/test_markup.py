"""The card as HTML must parse back into exactly its tree: the browser compares the two."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cosignet.server.web.markup import shown_html, to_html

CARDS = sorted((Path(__file__).parents[2] / "vectors" / "card").glob("*.json"))
TREES = {path.stem: want for path in CARDS if (want := json.loads(path.read_text()).get("want"))}


class Reader(HTMLParser):
    """Reads HTML as [tag, attributes, *children], text exactly as it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[list[Any]] = [["", {}]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append([tag, dict(attrs)])

    def handle_endtag(self, tag: str) -> None:
        node = self.open.pop()
        assert node[0] == tag
        self.open[-1].append(node)

    def handle_data(self, data: str) -> None:
        children = self.open[-1]
        if len(children) > 2 and isinstance(children[-1], str):
            children[-1] += data
        else:
            children.append(data)


@pytest.mark.parametrize("name", TREES)
def test_html_parses_back_into_the_tree(name: str) -> None:
    reader = Reader()
    reader.feed(to_html(TREES[name]))
    reader.close()
    assert reader.open == [["", {}, TREES[name]]]


def test_texts_and_attributes_are_escaped() -> None:
    node = ["p", {"class": 'a"><script>'}, "<b>&amp;\"'"]
    assert to_html(node) == ('<p class="a&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;amp;"\'</p>')


@pytest.mark.parametrize(
    "node",
    [
        ["script", {}, "x"],
        ["p", {"onclick": "x"}],
        ["p", {"style": "x"}],
        ["p"],
        ["p", "x"],
        ["p", {}, {}],
        [["p"], {}],
    ],
)
def test_what_a_card_never_holds_is_not_written(node: Any) -> None:
    with pytest.raises(ValueError, match=r"the card|not enough values|attributes"):
        to_html(node)


def test_a_text_from_outside_is_shown_under_the_same_rule() -> None:
    assert shown_html("<i>\u202ehi") == '&lt;i&gt;<span class="chip">U+202E</span>hi'
    assert shown_html("") == ""
