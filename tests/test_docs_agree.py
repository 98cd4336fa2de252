"""What the documents say, held against the program: routes, fields, limits, codes, commands.

A number in a text names its constant in a comment: `25 seconds <!-- WAIT_SECONDS_MAX -->`.
"""

import argparse
import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from tests.test_docs import PAGES, ROOT

from cosignet.cli.main import parser
from cosignet.core import (
    access,
    confirmation,
    idempotency,
    jsontext,
    leaf,
    limits,
    match_code,
    payload,
    private_view,
    reject_reason,
    retention,
    webhook,
)
from cosignet.core.challenge import Context
from cosignet.core.errors import CeremonyMalformed, CeremonyRefused, Refusal, SetupError
from cosignet.server import app, config, install, ledger, tracing, worker
from cosignet.server.mcp import turn
from cosignet.server.services import access as keys
from cosignet.server.services import (
    decide,
    enroll,
    evidence,
    follow,
    invite,
    log_keys,
    practice,
    session,
)
from cosignet.server.verifying import verifier
from cosignet.server.web import (
    call,
    errors,
    log,
    schemas,
    schemas_log,
    schemas_people,
    schemas_webhooks,
    told,
)
from cosignet.server.web.headers import data_headers, page_headers
from cosignet.server.web.routes import ROUTES


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


API = text("docs/api.md")
SECURITY = text("docs/security-model.md")

# --- Routes, fields, limits -----------------------------------------------------------------------


COLON = r":\1"


def sections(page: str) -> dict[str, str]:
    """Return each `###` section of a page with the introduction of its chapter."""
    found: dict[str, str] = {}
    for chapter in page.split("\n## "):
        introduction, *parts = chapter.split("\n### ")
        found |= {part.partition("\n")[0]: introduction + part for part in parts}
    return found


def test_every_route_is_described_with_its_scope_fields_and_queries() -> None:
    described = sections(API)
    named = re.findall(r"^(?:### |\| `)((?:GET|POST) /[^\s`]*)", API, re.MULTILINE)
    routes = {f"{row.method} {re.sub('{(.*?)}', COLON, row.path)}": row for row in ROUTES}
    assert sorted(named) == sorted(routes)
    for name, row in routes.items():
        shown = described.get(name) or next(li for li in API.splitlines() if f"`{name}`" in li)
        told = set(re.findall(r"[?`](\w[\w:]*)[=`]", shown))
        cells = " ".join(re.findall(r"^\| (`.*?) \|", shown, re.MULTILINE))
        fields_of_body = set(row.body.model_fields if row.body else ())
        missing = {*row.query, *filter(None, [row.guard.scope])} - told
        missing |= fields_of_body - set(re.findall(r"`(\w+)`", cells))
        assert not missing, f"{name}: {missing}"


def test_every_field_of_an_answer_is_named() -> None:
    described = vars(schemas) | vars(schemas_people) | vars(schemas_webhooks) | vars(schemas_log)
    models = [m for m in described.values() if isinstance(m, type) and m.__name__ != "Any"]
    for model in models:
        for name, field in getattr(model, "model_fields", {}).items():
            assert f"`{field.alias or name}`" in API, f"{model.__name__}.{name}"


def test_every_word_of_the_wire_is_named() -> None:
    words = [*access.Scope, *confirmation.Status, access.USERNAME.pattern]
    words.append(match_code.MATCH_CODE_PATTERN)
    for one in (confirmation.RejectReason, confirmation.OutcomeResult):
        words += one.__args__
    assert [word for word in words if f"`{word}`" not in API] == []


LIMITED = (
    access,
    confirmation,
    match_code,
    private_view,
    reject_reason,
    idempotency,
    payload,
    jsontext,
    limits,
    webhook,
    call,
)
SERVICES = (decide, enroll, practice, invite, keys, session, follow, evidence, log_keys)
CONSTANTS: dict[str, Any] = {
    name: value
    for module in (
        *(
            *LIMITED,
            leaf,
            retention,
            errors,
            ledger,
            *SERVICES,
            app,
            worker,
            told,
            tracing,
            log,
            turn,
            verifier,
        ),
    )
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, int | float | tuple)
}
UNITS = {
    "MS": (1, 1000, 60_000, 3_600_000, 86_400_000),
    "SECONDS": (1, 60, 3600, 86_400),
    "BYTES": (1024,),
    "FREE": (1024**2,),
}
NAMED = re.compile(r"^(.*)<!-- ([A-Z_ ]+) -->", re.MULTILINE)


def spellings(name: str, value: int) -> set[int]:
    """Return the numbers a text may give for a constant, in units that its name allows."""
    units = chain((1,), *(UNITS.get(word, ()) for word in name.split("_")))
    return {value // unit for unit in units if value % unit == 0}


def untrue(page: str) -> list[str]:
    """Return the constants, named in a comment, whose number their line does not tell."""
    return [
        name
        for line, names in NAMED.findall(page)
        for name in names.split()
        for value in (CONSTANTS[name] if isinstance(CONSTANTS[name], tuple) else [CONSTANTS[name]])
        if not spellings(name, value)
        & {int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", line)}
    ]


def test_limits_in_the_text_are_those_in_the_program() -> None:
    assert [name for page in PAGES for name in untrue(page.read_text("utf-8"))] == []
    assert untrue("up to 24 seconds <!-- WAIT_SECONDS_MAX -->\n") == ["WAIT_SECONDS_MAX"]


def test_every_limit_is_told() -> None:
    told = {name for _, names in NAMED.findall(API) for name in names.split()}
    limits = {n for module in LIMITED for n in vars(module) if re.search("_(MAX|DEFAULT)$", n)}
    assert {n for n in limits if not n.startswith("_")} <= told


# --- Tables ---------------------------------------------------------------------------------------


def refusals(family: type[Refusal]) -> Iterator[type[Refusal]]:
    for refusal in family.__subclasses__():
        if refusal.__module__.startswith("cosignet."):
            yield refusal
            yield from refusals(refusal)


def test_every_code_has_its_row() -> None:
    wanted = {
        f"| `{one.code}` | {errors.status_of(one())} | {f'{one.title()} {one.cure()}'.strip()} |"
        for one in refusals(Refusal)
        if one is not SetupError  # never sent: it keeps the server from starting
    }
    found = re.findall(r"^\| `[a-z0-9_]+` \| \d{3} \|.*$", API, re.MULTILINE)
    assert sorted(found) == sorted(wanted)


def test_every_check_of_a_passkeys_answer_is_listed() -> None:
    chapter = SECURITY.partition("## What is checked in")[2].partition("\n## ")[0]
    codes = {
        one.code for family in (CeremonyRefused, CeremonyMalformed) for one in refusals(family)
    }
    listed = set(re.findall(r"`([a-z0-9]+_[a-z0-9_]+)`", chapter)) | {"cross_origin"} & codes
    assert listed == codes


def test_the_transitions_are_the_programs() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", text("docs/concepts.md"), re.MULTILINE)
    table = [(str(a), str(b)) for a, to in confirmation.TRANSITIONS.items() for b in to]
    assert sorted(rows) == sorted(table)


def test_the_context_has_these_keys_in_this_order() -> None:
    table = SECURITY.partition("### The context")[2].partition("\n### ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    values: dict[str, Any] = dict.fromkeys(Context._fields, "x")
    context = Context(**values | {"quorum": 1, "reveal": False})
    assert re.findall(r"`(\w+)`", "".join(cells)) == list(json.loads(context.text))


def test_the_settings_are_the_servers_with_their_defaults() -> None:
    plain = config.read_config({})
    https = config.read_config({"COSIGNET_PUBLIC_URL": "https://approve.example"})
    trusted, activate = config.API_INVITES
    defaults = {
        "COSIGNET_PUBLIC_URL": [plain.public_url],
        "COSIGNET_DATA_DIR": [config.DEFAULT_DATA_DIR],
        "COSIGNET_DATABASE_URL": [Path(plain.database_url).name],
        "COSIGNET_ENCRYPTION_KEY": [install.KEY_FILE],
        "COSIGNET_LOG_KEY": [],
        "COSIGNET_LOG_FORMAT": [plain.log_format],
        "COSIGNET_LOG_LEVEL": [plain.log_level],
        "COSIGNET_METRICS_TOKEN": [],
        "COSIGNET_TRUSTED_PROXIES": [],
        "COSIGNET_LIMITS": [],
        "COSIGNET_API_INVITES": [
            trusted if one.trust_api_invites else activate for one in (https, plain)
        ],
        "COSIGNET_ALLOW_PRIVATE_WEBHOOKS": [config.YES_OR_NO[not plain.allow_private_webhooks]],
    }
    rows = re.findall(r"^\| `(COSIGNET_\w+)` \| (.*) \| (.*) \|$", text("docs/operate.md"), re.M)
    assert {name: words for name, _, words in rows} == config.SETTINGS
    assert {name: re.findall("`(.*?)`", default) for name, default, _ in rows} == defaults


def test_the_limits_that_can_be_set_are_told_with_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([\d/]+)` \|$", text("docs/operate.md"), re.M)
    defaults = limits.Limits()
    assert dict(rows) == {name: str(getattr(defaults, name)) for name in limits.CONFIGURABLE}


def test_the_headers_are_those_of_every_answer() -> None:
    table = SECURITY.partition("Headers on every answer")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| `(.*?)`", table, re.MULTILINE)
    pages, data = (
        {
            (name.decode(), value.decode())
            for name, value in headers("https://approve.example").items()
        }
        for headers in (page_headers, data_headers)
    )
    assert sorted(rows) == sorted(pages)
    [(only_data, policy)] = data - pages
    assert f"JSON carries `{only_data}: {policy}`" in SECURITY
    assert {name for name, _ in pages} - {name for name, _ in data} == set(
        re.findall("`([a-z-]+)`", re.search("and neither (.*?)\\.", SECURITY)[1])
    )


# --- The log --------------------------------------------------------------------------------------


def test_the_logs_worked_example_is_what_the_program_writes() -> None:
    def digest(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    at, salt, key_hash = 1795207525123, bytes(range(32)), digest(b"public key")
    signed = leaf.assertion_hash(
        client_data_json=b'{"type":"webauthn.get"}',
        authenticator_data=b"authenticator data",
        signature=b"signature",
    )
    decision = leaf.decision_opening(
        kind="approval",
        salt=salt,
        evidence_id="3f2b8c1e-6a4d-4e0b-9c57-1d2e3f4a5b6c",
        payload_hash=digest(b'{"service":"api"}'),
        decided_at=at,
        signatures=[leaf.SignedBy(digest(b"cosignet/context/v1\n{}"), key_hash, signed)],
    )
    credential = leaf.credential_opening(
        salt=salt,
        org="default",
        approver="alex",
        approver_id="0b8e6a52-7d3c-4f19-8a61-5e4d3c2b1a09",
        credential_id=b"credential id",
        credential_key_hash=key_hash,
        enrolled_by="operator",
        at=at,
        proof=signed,
    )
    entries = [leaf.entry(opening=o, at=at, monitor_key=bytes(32)) for o in (decision, credential)]
    lines = [decision, entries[0].decode(), credential, entries[1].decode()]
    assert "```text\n" + "\n".join(lines) + "\n```" in text("docs/log.md")


# --- Commands -------------------------------------------------------------------------------------


def commands_in(document: Path) -> Iterator[str]:
    """Yield what follows `cosignet` in code, inline or in a block for a shell."""
    for token in MarkdownIt().parse(document.read_text("utf-8")):
        blocks = [token] if token.type == "fence" and token.info.startswith("sh") else []
        inline = [child for child in token.children or [] if child.type == "code_inline"]
        for code in (*blocks, *inline):
            yield from re.findall(r"\bcosignet ([a-z][^\n)|<>]*)", code.content)


def is_command(words: str) -> bool:
    """Whether the grammar takes it; the last option may leave its value open."""
    for more in ([], ["VALUE"]):
        try:
            parser().parse_args([*shlex.split(words), *more])
        except SystemExit:
            continue
        return True
    return False


def leaves(grammar: argparse.ArgumentParser, *words: str) -> Iterator[str]:
    groups = [a for a in grammar._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield " ".join(words)
    for name, below in chain.from_iterable(group.choices.items() for group in groups):
        yield from leaves(below, *words, name)


def test_every_command_in_the_documents_is_one() -> None:
    pages = (*PAGES, ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md")
    assert [c for page in pages for c in commands_in(page) if not is_command(c)] == []
    assert not is_command("undo")


def test_every_command_is_in_the_documents() -> None:
    named = list(commands_in(ROOT / "docs/operate.md"))
    missing = [one for one in leaves(parser()) if not any(n.startswith(one) for n in named)]
    assert missing == []
