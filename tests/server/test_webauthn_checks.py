"""Each check of the WebAuthn layer alone stops something: deleting it lets exactly that through."""

import ast
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace

import pytest
from tests.authenticator import EDDSA, ES256, RS256
from tests.server.webauthn_attempts import assertion, outcome, registration
from tests.server.webauthn_mutations import MUTATIONS, attempt

from cosignet.core import errors as core_errors
from cosignet.core.errors import CeremonyMalformed, CeremonyRefused, Refusal
from cosignet.server import webauthn
from cosignet.server.webauthn import errors, malformed, verify_assertion

REFUSALS: dict[str, type[Refusal]] = {
    name: value
    for module in (errors, malformed)
    for name, value in vars(module).items()
    if inspect.isclass(value) and value.__module__ == module.__name__
}
PLAIN = [make(alg) for make in (assertion, registration) for alg in (ES256, EDDSA, RS256)]
PACKAGE = "cosignet.server.webauthn"
SOURCES = {
    f"{PACKAGE}.{path.stem}": ast.parse(path.read_text(), filename=str(path))
    for path in Path(webauthn.__path__[0]).glob("*.py")
    if path.stem not in ("__init__", "errors", "malformed", "types")
}


def raised_class(node: ast.AST) -> str | None:
    """Return the name of the refusal a statement raises."""
    match node:
        case ast.Raise(exc=ast.Name(id=name)) | ast.Raise(exc=ast.Call(func=ast.Name(id=name))):
            return name
        case _:
            return None


class Deletion(ast.NodeTransformer):
    """Takes one check out of a module: the `if` around it, or else the raise alone."""

    def __init__(self, check: str) -> None:
        self.check = check
        self.deleted = 0

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if [type(line) for line in node.body] == [ast.Pass] and not node.orelse:
            return ast.copy_location(ast.Pass(), node)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if raised_class(node) != self.check:
            return node
        self.deleted += 1
        return ast.copy_location(ast.Pass(), node)


CHECKS = {
    name: module
    for module, tree in SOURCES.items()
    for node in ast.walk(tree)
    if (name := raised_class(node)) is not None
}


@cache
def compiled(module: str, without: str | None) -> CodeType:
    tree = SOURCES[module]
    if without is not None:
        deletion = Deletion(without)
        tree = deletion.visit(ast.parse(ast.unparse(tree)))
        assert deletion.deleted == 1, f"{without} is raised in {deletion.deleted} places"
    return compile(ast.fix_missing_locations(tree), module, "exec")


def load_order() -> Iterator[str]:
    graph = {
        module: {
            n.module
            for n in ast.walk(tree)
            if isinstance(n, ast.ImportFrom) and n.module in SOURCES
        }
        for module, tree in SOURCES.items()
    }
    yield from TopologicalSorter(graph).static_order()


def layer_without(check: str | None, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Load a copy of the layer, with one check taken out."""
    members: dict[str, object] = {}
    with monkeypatch.context() as patch:
        for name in load_order():
            module = ModuleType(name)
            patch.setitem(sys.modules, name, module)
            where = check is not None and CHECKS[check] == name
            exec(compiled(name, check if where else None), vars(module))
            members.update({key: v for key, v in vars(module).items() if not key.startswith("__")})
    return SimpleNamespace(**members)


def test_every_refusal_is_one_check_and_every_check_has_mutations() -> None:
    raised = Counter(
        name
        for tree in SOURCES.values()
        for node in ast.walk(tree)
        if (name := raised_class(node)) is not None
    )
    assert raised == Counter(list(REFUSALS)), "a refusal is raised elsewhere too, or nowhere"
    assert {mutation.refusal for mutation in MUTATIONS} == set(REFUSALS.values())


def test_a_copy_of_the_layer_is_as_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = layer_without(None, monkeypatch)
    assert copy.verify_assertion is not verify_assertion
    assert [m for m in MUTATIONS if outcome(copy, attempt(m)) is not m.refusal] == []


@pytest.mark.parametrize("check", sorted(REFUSALS))
def test_deleting_a_check_makes_exactly_its_mutations_fail(
    check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = layer_without(check, monkeypatch)
    missed = [str(m) for m in MUTATIONS if outcome(copy, attempt(m)) is not m.refusal]
    assert missed == [str(m) for m in MUTATIONS if m.refusal is REFUSALS[check]]
    assert {outcome(copy, made) for made in PLAIN} == {"accepted"}


def test_there_are_enough_mutations_and_no_two_alike() -> None:
    assert len({mutation.refusal for mutation in MUTATIONS}) >= 60
    assert [name for name, n in Counter(map(str, MUTATIONS)).items() if n > 1] == []


def test_every_refusal_has_a_code_of_its_own_and_words() -> None:
    others = [
        c.code for c in vars(core_errors).values() if inspect.isclass(c) and hasattr(c, "code")
    ]
    codes = [refusal.code for refusal in REFUSALS.values()] + others
    assert [code for code, n in Counter(codes).items() if n > 1] == []
    for refusal in REFUSALS.values():
        assert issubclass(refusal, CeremonyRefused | CeremonyMalformed)
        assert re.fullmatch(r"[a-z0-9_]+", refusal.code)
        assert refusal.title() and refusal.cure()
