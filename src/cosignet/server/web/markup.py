"""The card's tree as HTML, so that it can be read before (and without) any script.

The browser compares what it parsed with what it builds itself, so nothing may be added here: no
white space between tags, no attribute of our own.
"""

from html import escape

from markupsafe import Markup

from cosignet.core.cardtext import Node, Part, shown

_TAGS = frozenset(
    (
        *("dd", "div", "dl", "dt", "h1", "h2", "li", "ol", "p", "section", "span", "strong"),
        *("caption", "table", "tbody", "td", "th", "thead", "tr"),
    )
)
_ATTRIBUTES = frozenset(("aria-labelledby", "class", "dir", "id", "scope"))


def to_html(node: Node) -> Markup:
    """Return `node` as HTML, every text and attribute value escaped.

    Raises:
        ValueError: a tag or attribute that the card does not use, or no node at all. The tree is
            ours, so this is a defect of ours, never the input's.
    """
    return Markup(_write(node))  # noqa: S704 - everything in it is escaped or from the lists above


def shown_html(text: str) -> Markup:
    """Return any text that somebody gave, under the card's text rule; the pages' filter `shown`."""
    return Markup("").join(map(to_html, shown(text)))


def _write(part: Part) -> str:
    if isinstance(part, str):
        return escape(part, quote=False)
    if isinstance(part, dict):
        raise ValueError("attributes where a child belongs")
    tag, attributes, *children = part
    if not isinstance(tag, str) or tag not in _TAGS or not isinstance(attributes, dict):
        raise ValueError(f"not an element of the card: {tag!r}")
    inner = "".join(map(_write, children))
    return f"<{tag}{''.join(map(_attribute, attributes.items()))}>{inner}</{tag}>"


def _attribute(pair: tuple[str, str]) -> str:
    name, value = pair
    if name not in _ATTRIBUTES:
        raise ValueError(f"not an attribute of the card: {name}")
    return f' {name}="{escape(value)}"'
