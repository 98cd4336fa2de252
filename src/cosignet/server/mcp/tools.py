"""The tools: what each is called, takes, answers and hints, and how a call finds its way.

A refusal is an answer, too: an error of the tool in the words of the REST API, so that the agent
reads what is wrong and what to do. Nothing here leads to `approved`: that takes a passkey.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from mcp.server.context import ServerRequestContext
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel

from cosignet.core.access import Scope
from cosignet.core.errors import FieldInvalid, Refusal
from cosignet.server.logs import LOGGER, fields
from cosignet.server.mcp import acts, shapes, texts
from cosignet.server.mcp.message import WITHIN, heard_in
from cosignet.server.mcp.turn import Said, Turn
from cosignet.server.web.call import Body, read_fields
from cosignet.server.web.errors import Defect, problem_document
from cosignet.server.web.guards import require_scope
from cosignet.server.web.schemas import Consumed

Context: TypeAlias = ServerRequestContext[Any, Any]
Act: TypeAlias = Callable[[Turn, Any], Awaitable[Said | InputRequiredResult]]
log = logging.getLogger(LOGGER)


@dataclass(frozen=True, slots=True)
class Offer:
    """One tool."""

    title: str
    text: str
    takes: type[Body]
    answers: type[BaseModel]
    scope: Scope
    act: Act
    hints: ToolAnnotations


def _hints(*, reads: bool, uses_up: bool = False, again: bool = False) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=reads,
        destructive_hint=uses_up,
        idempotent_hint=reads or again,
        # Each is about a decision that somebody out there makes.
        open_world_hint=True,
    )


OFFERS: dict[str, Offer] = {
    "request_human_approval": Offer(
        "Ask a human for approval",
        texts.REQUEST,
        shapes.RequestHumanApproval,
        shapes.Approval,
        Scope.CREATE,
        acts.request,
        _hints(reads=False),
    ),
    "get_approval_status": Offer(
        "Read or await a decision",
        texts.STATUS,
        shapes.GetApprovalStatus,
        shapes.Approval,
        Scope.READ,
        acts.status,
        _hints(reads=True),
    ),
    "consume_approval": Offer(
        "Use an approval up",
        texts.CONSUME,
        shapes.ConsumeApproval,
        Consumed,
        Scope.CONSUME,
        acts.use,
        _hints(reads=False, uses_up=True, again=True),
    ),
    "verify_approval": Offer(
        "Compare a payload with its approval",
        texts.VERIFY,
        shapes.VerifyApproval,
        shapes.Verified,
        Scope.READ,
        acts.verify,
        _hints(reads=True),
    ),
}
TOOLS = [
    Tool(
        name=name,
        title=offer.title,
        description=offer.text,
        input_schema=shapes.input_schema(offer.takes),
        output_schema=shapes.output_schema(offer.answers),
        annotations=offer.hints,
    )
    for name, offer in OFFERS.items()
]
SCHEMAS = {tool.name: tool.input_schema for tool in TOOLS}


async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
    """Tell which tools there are; they are the same for everybody."""
    return ListToolsResult(tools=TOOLS)


async def call_tool(
    context: Context, params: CallToolRequestParams
) -> CallToolResult | InputRequiredResult:
    """Do what a tool does; never raises what the agent could act upon."""
    heard = heard_in(context.request)
    try:
        said = await _do(Turn(context, params, heard))
    except Refusal as refusal:
        heard.call.runtime.meter.refused(refusal.code)
        return _refused(refusal, heard.request_id)
    except Exception as error:
        log.error("a defect", exc_info=error, extra=fields(requestId=heard.request_id))
        return _refused(Defect(), heard.request_id)
    return said if isinstance(said, InputRequiredResult) else _answer(said)


async def _do(turn: Turn) -> Said | InputRequiredResult:
    if turn.heard.refusal is not None:
        raise turn.heard.refusal
    offer = OFFERS.get(turn.params.name)
    if offer is None:
        raise FieldInvalid("one of " + ", ".join(OFFERS), field="name")
    require_scope(turn.key, offer.scope)
    return await offer.act(turn, read_fields(turn.heard.arguments, offer.takes))


def _answer(said: Said) -> CallToolResult:
    """Say it twice: in words and as JSON for clients that show text, and structured."""
    text = orjson.dumps(said.structured).decode()
    return CallToolResult(
        content=[TextContent(text=said.words), TextContent(text=text)],
        structured_content=said.structured,
    )


def _refused(refusal: Refusal, request_id: str) -> CallToolResult:
    field = (refusal.field or "").removeprefix(WITHIN)
    problem = problem_document(refusal, request_id)
    if field:
        problem["field"] = field
    return CallToolResult(
        content=[TextContent(text=_words(refusal, problem)), _json(problem)], is_error=True
    )


def _json(problem: dict[str, object]) -> TextContent:
    return TextContent(text=orjson.dumps(problem).decode())


def _words(refusal: Refusal, problem: dict[str, object]) -> str:
    field = problem.get("field")
    where = f"Field {field}: " if field else ""
    detail = f" ({refusal.detail})" if refusal.detail else ""
    title = refusal.title().removesuffix(".")
    return f"{where}{title}{detail}. {refusal.cure()} Do not run the action."
