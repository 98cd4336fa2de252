"""The dependency rule, and what else CONTRIBUTING.md promises about the shape of the source.

A rule is a function from one module to what is wrong with it, in words. Every rule runs on the
whole source, and on small texts that it has to refuse or accept: a rule that cannot fail is none.
"""

import ast
import importlib
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"

# --- Which layer a module belongs to, and which layers that one may import ----------------------

BASE = {"core", "server.webauthn", "server.secret"}
TELLING = {"server.logs", "server.meter", "server.exposition"}
BELOW_DOORS = BASE | TELLING | {"server.outbound", "server.runtime", "server.services"}
MAY_IMPORT: dict[str, set[str]] = {
    "": set(),  # cosignet/__init__.py runs before everything else
    "core": set(),
    "client": {"core"},
    "verifiers": set(),  # one file each, which people read before they trust it
    "server": set(),  # server/__init__.py likewise
    "server.webauthn": {"core"},
    "server.secret": {"core"},
    # What the operator is told: lines and figures. Neither knows what they are about.
    "server.logs": {"core"},
    "server.meter": {"core"},
    "server.exposition": {"core"},
    "server.config": BASE | {"server.logs"},
    "server.store": BASE,
    "server.outbound": BASE,
    # Verifies passkeys' answers, on the loop or in a process beside it.
    "server.verifying": BASE,
    "server.runtime": BASE | TELLING | {"server.store", "server.outbound", "server.verifying"},
    # What several services need inside their own transactions; no door reaches past the services.
    "server.ledger": BASE | {"server.store", "server.runtime"},
    # Likewise, what goes into the log.
    "server.entries": BASE | {"server.store", "server.runtime", "server.ledger"},
    # Likewise, of the log.
    "server.tree": BASE | {"server.store", "server.runtime"},
    # Likewise, with passkeys.
    "server.ceremony": BASE | {"server.store", "server.runtime", "server.ledger"},
    "server.services": BASE
    | TELLING
    | {"server.store", "server.outbound", "server.runtime", "server.ledger", "server.ceremony"}
    | {"server.entries", "server.tree", "server.verifying"},
    "server.web": BELOW_DOORS,
    # Behind a door of the web, whose guard, body and words it has.
    "server.mcp": BELOW_DOORS | {"server.web"},
    "server.worker": BELOW_DOORS,
}
# Opens what is configured; below the wiring, above everything a running node uses.
MAY_IMPORT["server.install"] = BELOW_DOORS | MAY_IMPORT["server.services"] | {"server.config"}
# The doors together; what speaks MCP is loaded when the first agent comes.
MAY_IMPORT["server.application"] = {"server.web", "server.runtime"}
# Traces, around the doors; loaded only where somebody wants them.
MAY_IMPORT["server.tracing"] = {"server.web"}
# A connection, below the wiring: what uvicorn hands on to the doors, and what it refuses.
MAY_IMPORT["server.connection"] = {"core", "server.web"}
# What a serving process asks of Python and of the system.
MAY_IMPORT["server.process"] = set()
SERVER = set(MAY_IMPORT) - {"", "client", "verifiers"}
MAY_IMPORT["server.app"] = SERVER
MAY_IMPORT["cli"] = SERVER | {"client", "verifiers", "server.app"}
MAY_IMPORT["__main__"] = {"cli"}

# --- What only some modules may touch: full names, `*` for everything below ---------------------


@dataclass(frozen=True)
class Confined:
    """Names that only modules under `homes` may use; `spared` are exceptions among the names.

    Modules under `wired_in` may name them, to pass a function down or to annotate a type, but
    not call them.
    """

    names: frozenset[str]
    homes: tuple[str, ...]
    spared: frozenset[str] = frozenset()
    wired_in: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        """Whether `name`, or what it is a member of, is confined."""
        parts = name.split(".")
        stems = {".".join(parts[: n + 1]) for n in range(len(parts))}
        return not stems.isdisjoint(self.names) and stems.isdisjoint(self.spared)


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DRAWS = ("server.services", "client", "cli")
CONFINED = {
    "drivers": Confined(
        words("apsw sqlite3 asyncpg aiosqlite psycopg sqlalchemy"), homes=("server.store",)
    ),
    "sockets": Confined(
        words(
            "socket socketserver ssl http.client http.server urllib.request httpx httpx2 httpcore"
            " httpcore2 h11 requests aiohttp urllib3 websockets smtplib aiosmtplib ftplib xmlrpc"
            " asyncio.open_connection asyncio.start_server asyncio.open_unix_connection"
        ),
        # A pair of sockets between a process and its child leads nowhere else.
        homes=("server.outbound", "client.api", "server.verifying.beside"),
        wired_in=("server.app",),
    ),
    "environment": Confined(
        words("os.environ os.environb os.getenv os.getenvb os.putenv os.unsetenv"),
        homes=("server.config", "client.environment"),
    ),
    "clock": Confined(
        words(
            "time datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today"
            " datetime.date.today asyncio.get_running_loop().time asyncio.get_event_loop().time"
        ),
        homes=(*DRAWS, "server.app", "server.meter"),
        spared=words("time.struct_time"),
    ),
    "randomness": Confined(
        words(
            "secrets random os.urandom os.getrandom uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7"
            " ssl.RAND_bytes numpy.random"
        ),
        homes=DRAWS,
        spared=words("secrets.compare_digest"),
        wired_in=("server.app",),
    ),
    "http framework": Confined(
        words("starlette jinja2 fastapi mcp mcp_types"),
        homes=(
            *("server.web", "server.mcp", "server.app", "server.application", "server.tracing"),
        ),
    ),
    "tracing": Confined(words("opentelemetry"), homes=("server.tracing",)),
    "routing": Confined(
        words("starlette.routing"), homes=("server.web.door", "server.web.static_files")
    ),
    "http server": Confined(
        words("uvicorn uvloop"), homes=("server.connection", "server.app", "cli")
    ),
}
INPUT_OUTPUT = Confined(
    words("os io pathlib shutil tempfile glob subprocess asyncio threading logging sys open print"),
    homes=(),
)
BUILTINS = words("open print __import__")
ALL_COLUMNS = re.compile(r"(?:SELECT|RETURNING) \*|\w\.\*(?=[,\s]|$)")
SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s"
    r"|select\s.+\sfrom\s|insert\s+(or\s+\w+\s+)?into\s|update\s+\w+\s+set\s|delete\s+from\s)",
    re.DOTALL,
)

EMPTY_NAME = re.compile(r"_*(handle|process|manage)(_.*)?|.*(Manager|Utils|Helper)")

# --- Reading a module -------------------------------------------------------------------------


@dataclass(frozen=True)
class Imported:
    """One imported name: `from a.b import c` gives `a.b.c`."""

    name: str
    bound: str
    line: int
    deferred: bool  # in a function or a class, run later than the module itself
    unseen: bool  # under TYPE_CHECKING, never run


@dataclass(frozen=True)
class Used:
    """One place that names something imported or built in; `name` in full."""

    name: str
    line: int
    called: bool = False


@dataclass(frozen=True)
class Module:
    """One source file; `name` is dotted and without the leading `cosignet`."""

    name: str
    text: str
    package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def layer(self) -> str:
        return layer_of(self.name)

    @cached_property
    def imports(self) -> list[Imported]:
        return list(self._imports(self.tree, deferred=False, unseen=False))

    def _imports(self, node: ast.AST, *, deferred: bool, unseen: bool) -> Iterator[Imported]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for item in child.names:
                    bound = item.asname or item.name.partition(".")[0]
                    yield Imported(item.name, bound, child.lineno, deferred, unseen)
            elif isinstance(child, ast.ImportFrom):
                origin = self._origin(child)
                for item in child.names:
                    bound = item.asname or item.name
                    yield Imported(f"{origin}.{item.name}", bound, child.lineno, deferred, unseen)
            later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            hidden = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from self._imports(child, deferred=deferred or later, unseen=unseen or hidden)

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        here = ["cosignet", *self.name.split(".")]
        base = here[: len(here) - node.level + (1 if self.package else 0)]
        return ".".join([*base, *(node.module or "").split(".")]).rstrip(".")

    @cached_property
    def used(self) -> list[Used]:
        """Every name the module imports or reaches through an import."""
        known = {one.bound: full(one) for one in self.imports}
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        found = [Used(one.name, one.line) for one in self.imports]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute | ast.Name):
                head, *members = dotted(node).split(".")
                bare = head.removesuffix("()")
                if bare in known:
                    name = ".".join([known[bare] + head[len(bare) :], *members])
                    found.append(Used(name, node.lineno, id(node) in called))
                elif head in BUILTINS and not members:
                    found.append(Used(head, node.lineno, id(node) in called))
        return found


def full(one: Imported) -> str:
    """What a bound name stands for: `import a.b` binds `a`, `import a.b as c` binds `a.b`."""
    return one.bound if one.name.startswith(f"{one.bound}.") else one.name


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{head}.{node.attr}" if (head := dotted(node.value)) else ""
    if isinstance(node, ast.Call):
        return f"{head}()" if (head := dotted(node.func)) else ""
    return ""


def layer_of(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "server" else parts[0]


def under(name: str, homes: tuple[str, ...]) -> bool:
    return any(name == home or name.startswith(f"{home}.") for home in homes)


def ours(name: str) -> str | None:
    """The part after `cosignet.`, or None for what is not ours."""
    head, _, rest = name.partition(".")
    return rest if head == "cosignet" else None


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


# --- The rules ----------------------------------------------------------------------------------

Rule = Callable[[Module], Iterator[str]]


def belongs_to_a_layer(module: Module) -> Iterator[str]:
    if module.layer not in MAY_IMPORT:
        yield f"1: no layer is called {module.layer!r}; add it to MAY_IMPORT, or move the module"


def imports_only_to_the_left(module: Module) -> Iterator[str]:
    allowed = MAY_IMPORT.get(module.layer, set()) | {module.layer}
    for one in module.imports:
        target = ours(one.name)
        if target is None or target == "__version__":
            continue
        if (layer := nearest_layer(target)) not in allowed:
            yield f"{one.line}: {module.layer or 'cosignet'} must not import {layer or 'cosignet'}"


def nearest_layer(target: str) -> str:
    """The layer an imported name lies in; `server.Thing` lies in `server` itself."""
    return layer if (layer := layer_of(target)) in MAY_IMPORT else target.rpartition(".")[0]


def services_stand_alone(module: Module) -> Iterator[str]:
    if module.layer != "server.services":
        return
    noun = module.name.split(".")[2:3]
    for one in module.imports:
        target = (ours(one.name) or "").split(".")
        if target[:2] == ["server", "services"] and target[2:3] != noun:
            yield f"{one.line}: services do not import each other; what two need goes down"


def imports_stand_at_the_top(module: Module) -> Iterator[str]:
    for one in module.imports:
        if one.deferred and module.layer != "cli":
            yield f"{one.line}: {one.name} is imported inside a function or class"
    for one in module.used:
        hides = one.name in {"__import__", "importlib.import_module"}
        # A command is loaded when it is called, MCP when somebody speaks it.
        if hides and module.layer not in {"cli", "server.application"}:
            yield f"{one.line}: {one.name} hides an import"


def type_checking_hides_no_layer(module: Module) -> Iterator[str]:
    for one in module.imports:
        target = ours(one.name)
        if one.unseen and target is not None and layer_of(target) != module.layer:
            yield f"{one.line}: {one.name} of another layer is imported under TYPE_CHECKING"


WHERE_INSTALLED = {"client.library": "cryptography"}
"""What the customer's side takes if it is there, and does without."""


def keeps_to_the_standard_library(module: Module) -> Iterator[str]:
    """Core and the customer's side; the command line may load the server lazily."""
    if module.layer not in {"core", "client", "cli"}:
        return
    for one in module.imports:
        head = one.name.partition(".")[0]
        lazy = module.layer == "cli" and one.deferred
        spared = {"cosignet", WHERE_INSTALLED.get(module.name)}
        if head not in spared and head not in sys.stdlib_module_names and not lazy:
            yield f"{one.line}: {head} is not in the standard library"


def core_touches_nothing(module: Module) -> Iterator[str]:
    if module.layer == "core":
        for one in module.used:
            if INPUT_OUTPUT.covers(one.name):
                yield f"{one.line}: core does no I/O, and {one.name} does"


def touches_only_what_it_may(module: Module) -> Iterator[str]:
    for what, confined in CONFINED.items():
        if under(module.name, confined.homes):
            continue
        wires = under(module.name, confined.wired_in)
        for one in module.used:
            if confined.covers(one.name) and (one.called or not wires):
                yield f"{one.line}: {one.name} ({what}) belongs to {' and '.join(confined.homes)}"


def sql_is_in_the_store(module: Module) -> Iterator[str]:
    if module.layer == "server.store":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield f"{node.lineno}: SQL belongs to server.store"


def columns_are_named(module: Module) -> Iterator[str]:
    """What a statement returns must not depend on who migrated the file meanwhile."""
    if module.layer != "server.store":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = ALL_COLUMNS.search(node.value)
            if found is not None:
                yield f"{node.lineno}: {found[0]} names no columns"


def asserts_nothing(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assert):
            yield f"{node.lineno}: raise instead of assert, which -O removes"


def verify_returns_no_bool(module: Module) -> Iterator[str]:
    for function in functions(module.tree):
        answer = ast.unparse(function.returns) if function.returns else ""
        if function.name.lstrip("_").startswith("verify") and "bool" in answer:
            yield f"{function.lineno}: {function.name} returns a typed value or raises"


def names_say_something(module: Module) -> Iterator[str]:
    if module.name.rpartition(".")[2] in {"utils", "util", "helpers", "common", "misc", "manager"}:
        yield "1: that module name says nothing"
    for node in ast.walk(module.tree):
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if named and EMPTY_NAME.fullmatch(node.name):
            yield f"{node.lineno}: {node.name} does not say what it does"


RULES: tuple[Rule, ...] = (
    belongs_to_a_layer,
    imports_only_to_the_left,
    services_stand_alone,
    imports_stand_at_the_top,
    type_checking_hides_no_layer,
    keeps_to_the_standard_library,
    core_touches_nothing,
    touches_only_what_it_may,
    sql_is_in_the_store,
    columns_are_named,
    asserts_nothing,
    verify_returns_no_bool,
    names_say_something,
)

# --- The rules on the source -----------------------------------------------------------------


def read_modules() -> Iterator[tuple[Path, Module]]:
    for path in sorted(SOURCE.joinpath("cosignet").rglob("*.py")):
        parts = path.relative_to(SOURCE / "cosignet").with_suffix("").parts
        package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if package else parts)
        yield path, Module(name, path.read_text(encoding="utf-8"), package)


MODULES = list(read_modules())


def test_the_source_was_found() -> None:
    assert {"core.errors", "core.payload"} <= {module.name for _, module in MODULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule: Rule) -> None:
    offences = [
        f"{path.relative_to(ROOT)}:{offence}"
        for path, module in MODULES
        for offence in rule(module)
    ]
    assert not offences, "\n" + "\n".join(dict.fromkeys(offences))


# --- The rules on texts that they must refuse or accept: (module, its text) ---------------------

REFUSED: dict[Rule, list[tuple[str, str]]] = {
    belongs_to_a_layer: [
        ("server.cache", ""),
        ("shared.text", ""),
    ],
    imports_only_to_the_left: [
        ("core.payload", "from cosignet.client import api"),
        ("core.payload", "import cosignet.server.secret"),
        ("core.payload", "from cosignet import server"),
        ("core.payload", "def f():\n    import cosignet.cli.main"),
        ("client.api", "from cosignet.server.secret import mint"),
        ("client.api", "from ..server import secret"),
        ("server.services.ask", "from cosignet.client import api"),
        ("server.store.db", "from cosignet.server import outbound"),
        ("server.outbound.http", "from cosignet.server.store import db"),
        ("server.store.db", "from cosignet.server import services"),
        ("server.web.routes", "from cosignet.server import store"),
        ("server.web.api.keys", "from ...store import keys"),
        ("server.mcp", "from cosignet.server.store.keys import get"),
        ("server.worker", "import cosignet.server.store.db as db"),
        ("server.web.routes", "from cosignet.server import mcp"),
        ("server.services.ask", "from cosignet.server import config"),
        ("server.webauthn.verify", "from ..secret import mint"),
        ("server.runtime", "from cosignet.server.services import ask"),
        ("server.ledger", "from cosignet.server.services import ask"),
        ("server.ceremony", "from cosignet.server.services import people"),
        ("server.ledger", "from cosignet.server import ceremony"),
        ("server.web.pages.account", "from cosignet.server.ceremony import confirm_change"),
        ("server.services.ask", "from cosignet.server import install"),
        ("server.web.api.keys", "from cosignet.server import ledger"),
        ("server.web.public", "from cosignet.server import tree"),
        ("server.web.public", "from cosignet.server import entries"),
        ("server.tree", "from cosignet.server import ledger"),
        ("server.app", "from cosignet.cli import main"),
        ("", "from cosignet.client import api"),
    ],
    services_stand_alone: [
        ("server.services.ask", "from cosignet.server.services import decide"),
        ("server.services.ask", "from .decide import approve"),
        ("server.services.ask", "from . import decide"),
    ],
    imports_stand_at_the_top: [
        ("server.store.db", "def f():\n    import json"),
        ("core.leaf", "class A:\n    async def f(s):\n        import re"),
        ("core.leaf", "import importlib as i\ni.import_module('x')"),
        ("core.leaf", "__import__('socket')"),
    ],
    type_checking_hides_no_layer: [
        (
            "server.services.ask",
            "import typing\nif typing.TYPE_CHECKING:\n    from cosignet.server.store import db",
        ),
    ],
    keeps_to_the_standard_library: [
        ("core.payload", "import orjson"),
        ("client.api", "from httpx2 import Client"),
        ("client.api", "import cryptography"),
        ("cli.main", "import uvicorn"),
    ],
    core_touches_nothing: [
        ("core.payload", "from pathlib import Path"),
        ("core.payload", "def f(p):\n    return open(p)"),
    ],
    touches_only_what_it_may: [
        ("server.services.ask", "import sqlite3"),
        ("server.runtime", "from asyncpg import Pool"),
        ("server.services.deliver", "import socket"),
        ("client.evidence", "from urllib import request"),
        ("server.worker", "from http import client"),
        ("cli.main", "import asyncio\nasyncio.open_connection('a', 1)"),
        ("cli.serve", "import os\nos.environ.get('X')"),
        ("server.app", "from os import getenv as g"),
        ("server.web.guards", "import time\ntime.monotonic()"),
        ("server.store.db", "from time import time_ns"),
        ("core.leaf", "import datetime as d\nd.datetime.now(d.UTC)"),
        ("core.leaf", "from datetime import date\nx = date.today"),
        ("server.web.guards", "import asyncio\nasyncio.get_running_loop().time()"),
        ("server.web.door", "import secrets\nsecrets.token_bytes(32)"),
        ("server.app", "import secrets\nsecrets.token_bytes(32)"),
        ("server.app", "import socket\nsocket.create_connection(x)"),
        ("server.runtime", "import secrets\nrandom = secrets.token_bytes"),
        ("server.secret", "from secrets import token_bytes"),
        ("core.leaf", "import uuid\nuuid.uuid4()"),
        ("server.store.db", "import os\nos.urandom(16)"),
        ("server.services.ask", "from starlette.requests import Request"),
        ("server.web.api.keys", "from starlette.routing import Route"),
        ("server.web.pages", "import uvicorn"),
        ("server.app", "from opentelemetry import trace"),
    ],
    sql_is_in_the_store: [
        ("server.services.ask", "q = 'SELECT id FROM keys'"),
        ("server.web.routes", "q = f'''\n  update keys set name = {1}'''"),
    ],
    columns_are_named: [
        ("server.store.keys", "q = 'SELECT * FROM keys'"),
        ("server.store.keys", "q = f'SELECT a.id, k.*, {x}'"),
        ("server.store.keys", "q = 'DELETE FROM keys RETURNING *'"),
    ],
    asserts_nothing: [
        ("core.leaf", "def f(x):\n    assert x"),
    ],
    verify_returns_no_bool: [
        ("core.leaf", "def verify_leaf(x) -> bool: ..."),
        ("core.leaf", "async def verify(x) -> 'bool | None': ..."),
    ],
    names_say_something: [
        ("core.utils", ""),
        ("core.leaf", "def handle_error(): ..."),
        ("core.leaf", "class KeyManager: ..."),
    ],
}
ACCEPTED: dict[Rule, list[tuple[str, str]]] = {
    belongs_to_a_layer: [
        ("server.web.api.keys", ""),
    ],
    imports_only_to_the_left: [
        ("client.api", "from cosignet import __version__"),
        ("server.services.ask", "from cosignet.server.store import db"),
        ("server.app", "from cosignet.server import config, store, web"),
        ("cli.serve", "from cosignet.server.app import build"),
        ("core.payload", "from .errors import Refusal\nimport json"),
    ],
    services_stand_alone: [
        ("server.services.ask.create", "from .limits import cap"),
        ("server.web.routes", "from cosignet.server.services import ask"),
    ],
    imports_stand_at_the_top: [
        ("cli.main", "def f():\n    from cosignet.cli import serve"),
    ],
    type_checking_hides_no_layer: [
        (
            "core.leaf",
            "import typing as t\nif t.TYPE_CHECKING:\n    from cosignet.core import payload",
        ),
    ],
    keeps_to_the_standard_library: [
        ("client.library", "from cryptography import x509"),
        ("cli.main", "def f():\n    import uvicorn"),
        ("server.web.errors", "import orjson"),
    ],
    core_touches_nothing: [
        ("core.payload", "def f(p):\n    return p.open()"),
    ],
    touches_only_what_it_may: [
        ("server.store.db", "import sqlite3"),
        ("client.api", "import http.client"),
        ("server.web.errors", "from http import HTTPStatus"),
        ("client.evidence", "from urllib.parse import urlsplit"),
        ("server.config", "import os\nENV = os.environ"),
        ("core.leaf", "from datetime import UTC, datetime\ndatetime(1, 1, 1)"),
        ("server.app", "import time\nclock = lambda: time.time_ns()"),
        ("server.app", "import secrets\nrandom = secrets.token_bytes"),
        ("server.app", "import socket\ndef f(s: socket.socket): ..."),
        ("server.secret", "from secrets import compare_digest"),
        ("core.leaf", "import uuid\nuuid.UUID('…')"),
        ("server.services.ask", "import secrets, time"),
    ],
    sql_is_in_the_store: [
        ("server.store.keys", "q = 'DELETE FROM keys'"),
        ("core.errors", "'Select one. From now on it counts.'"),
    ],
    columns_are_named: [
        ("server.store.keys", "q = 'SELECT count(*) AS n FROM keys'"),
    ],
    asserts_nothing: [
        ("core.leaf", "def assertion(x):\n    return x"),
    ],
    verify_returns_no_bool: [
        ("core.leaf", "def verify_leaf(x) -> Leaf: ..."),
    ],
    names_say_something: [
        ("core.leaf", "def user_handle(): ..."),
    ],
}


def cases(table: dict[Rule, list[tuple[str, str]]]) -> list[tuple[Rule, str, str]]:
    return [(rule, name, text) for rule, texts in table.items() for name, text in texts]


@pytest.mark.parametrize(("rule", "name", "text"), cases(REFUSED))
def test_a_rule_can_fail(rule: Rule, name: str, text: str) -> None:
    assert list(rule(Module(name, text)))


@pytest.mark.parametrize(("rule", "name", "text"), cases(ACCEPTED))
def test_a_rule_refuses_no_more_than_it_says(rule: Rule, name: str, text: str) -> None:
    assert list(rule(Module(name, text))) == []


def test_every_rule_is_shown_to_fail() -> None:
    assert set(REFUSED) == set(RULES)


def test_a_package_counts_its_dots_from_itself() -> None:
    inside = Module("server.services", "from . import decide", package=True)
    assert [one.name for one in inside.imports] == ["cosignet.server.services.decide"]


# --- Sizes ----------------------------------------------------------------------------------------

FILE_MOST, MEDIAN_MOST, NINTH_DECILE_MOST = 300, 10, 35
WRITTEN_HERE = {".py", ".js", ".css", ".html", ".sql"}


def oversized(lengths: dict[str, int], most: int) -> list[str]:
    return [f"{n} lines: {name}" for name, n in sorted(lengths.items()) if n > most]


def function_budget(lengths: dict[str, int]) -> list[str]:
    """Complaints about how long functions are as a whole; the longest are named."""
    values = sorted(lengths.values())
    ninth = statistics.quantiles(values, n=10, method="inclusive")[8]
    complaints: list[str] = []
    if statistics.median(values) > MEDIAN_MOST:
        complaints.append(f"median {statistics.median(values)} lines > {MEDIAN_MOST}")
    if ninth > NINTH_DECILE_MOST:
        complaints.append(f"90th percentile {ninth} lines > {NINTH_DECILE_MOST}")
    return complaints + oversized(lengths, NINTH_DECILE_MOST) if complaints else []


def test_files_stay_within_their_budget() -> None:
    files = (path for path in SOURCE.rglob("*") if path.suffix in WRITTEN_HERE)
    lengths = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in files}
    assert not oversized(lengths, FILE_MOST), oversized(lengths, FILE_MOST)


def test_functions_stay_within_their_budget() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{one.lineno} {one.name}": (one.end_lineno or 0) - one.lineno + 1
        for path, module in MODULES
        for one in functions(module.tree)
    }
    assert not function_budget(lengths), "\n".join(function_budget(lengths))


def test_budgets_can_be_exceeded() -> None:
    assert oversized({"a": 301, "b": 300}, FILE_MOST) == ["301 lines: a"]
    assert function_budget({"a": 11, "b": 11, "c": 11}) == ["median 11 lines > 10"]
    assert function_budget(dict.fromkeys("abcdefgh", 5) | {"i": 90, "j": 91})[1:] == [
        "90 lines: i",
        "91 lines: j",
    ]
    assert function_budget(dict.fromkeys("abc", 10)) == []


# --- The bare distribution, and the route table -------------------------------------------------


def test_the_command_line_starts_with_nothing_installed() -> None:
    """Without site-packages: what a customer has who installs `cosignet` and nothing else."""
    program = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import cosignet.cli.main;"
        " print(*(m for m in sys.modules if m.startswith('cosignet.server')))"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "", "")


def unguarded(rows: list[object]) -> list[str]:
    """Complaints about rows of the route table: (method, path, guard, endpoint)."""
    complaints: list[str] = []
    for row in rows:
        method, path = getattr(row, "method", ""), getattr(row, "path", "")
        guard = getattr(row, "guard", None)
        if not callable(getattr(guard, "check", None)):
            complaints.append(f"{method} {path} has no guard")
        elif (
            path.startswith("/api/") and path not in OPEN and getattr(guard, "scope", None) is None
        ):
            complaints.append(f"{method} {path} asks for no API key with a scope")
        elif method not in {"GET", "HEAD"} and getattr(guard, "name", "") in LETS_THROUGH:
            complaints.append(f"{method} {path} changes something and lets everybody through")
        if not callable(getattr(row, "endpoint", None)):
            complaints.append(f"{method} {path} has no endpoint")
    named = Counter((getattr(row, "method", ""), getattr(row, "path", "")) for row in rows)
    return complaints + [
        f"{method} {path} is there twice" for (method, path), n in named.items() if n > 1
    ]


OPEN = {"/api/openapi.json"}
LETS_THROUGH = {"page", "public", "log"}


def test_every_route_has_a_guard() -> None:
    rows = list(importlib.import_module("cosignet.server.web.routes").ROUTES)
    assert len(rows) > 10
    assert not unguarded(rows), "\n".join(unguarded(rows))


@dataclass(frozen=True)
class GuardLike:
    name: str = "api_key"
    scope: str | None = "admin"
    check: object = print


@dataclass(frozen=True)
class RowLike:
    method: str = "GET"
    path: str = "/api/keys"
    guard: object = GuardLike()
    endpoint: object = print


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([RowLike(guard=None)], "GET /api/keys has no guard"),
        ([RowLike(guard=GuardLike(check=None))], "GET /api/keys has no guard"),
        ([RowLike(guard=GuardLike(scope=None))], "GET /api/keys asks for no API key with a scope"),
        (
            [RowLike("POST", "/register", GuardLike("page", None))],
            "POST /register changes something and lets everybody through",
        ),
        ([RowLike(endpoint=None)], "GET /api/keys has no endpoint"),
        ([RowLike(), RowLike()], "GET /api/keys is there twice"),
    ],
)
def test_a_route_without_a_guard_is_found(rows: list[object], complaint: str) -> None:
    assert unguarded(rows) == [complaint]


def test_guarded_routes_pass() -> None:
    page = GuardLike("page", None)
    rows = [RowLike(), RowLike("GET", "/", page), *(RowLike("GET", path, page) for path in OPEN)]
    assert unguarded([*rows]) == []
