"""Templates, and the few things they need; nothing in them is marked safe but the card."""

import gzip
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, PlainTextResponse

from cosignet.core.card import moment
from cosignet.server.web.markup import shown_html

_LEVEL = 6


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cosignet.server.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters |= {"moment": moment, "shown": shown_html}
    return environment


def page(template: str, status: int = 200, **variables: object) -> HTMLResponse:
    """Render a page."""
    return HTMLResponse(_environment().get_template(template).render(variables), status)


def text(template: str, **variables: object) -> PlainTextResponse:
    """Render what programs read as it stands."""
    return PlainTextResponse(_environment().get_template(template).render(variables))


def compressed(answer: HTMLResponse, accepted: str | None) -> HTMLResponse:
    """Compress a page whose secrets are other ones each time, if the browser can read that."""
    answer.headers["vary"] = "accept-encoding"
    if "gzip" in (accepted or ""):
        answer.body = gzip.compress(bytes(answer.body), compresslevel=_LEVEL, mtime=0)
        answer.headers["content-encoding"] = "gzip"
        answer.headers["content-length"] = str(len(answer.body))
    return answer
