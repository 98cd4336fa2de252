"""One small change at a time: what can be changed in a module, and the module with it changed."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.FloorDiv: "*",
    ast.Mod: "*",
    ast.LShift: ">>",
    ast.RShift: "<<",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.BitXor: "&",
    ast.Pow: "*",
}
_SQL = re.compile(r" AND (?!EXISTS)[^()\"]*?(?= AND|\)|\"| RETURNING|$)|<=|>=|<>|<|>|=|'pending'")
_SQL_CHANGED = {"<=": "<", ">=": ">", "<>": "=", "<": "<=", ">": ">=", "=": "<>", "'pending'": "''"}
_SQL_WORDS = ("UPDATE ", " WHERE ", " AND ", "SELECT ")


@dataclass(frozen=True)
class Change:
    """A piece of a module's text, and what stands in its place."""

    line: int
    start: int
    end: int
    """Offsets in the module's text, in characters."""
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Return the module with this change."""
        return text[: self.start] + self.new + text[self.end :]

    def __str__(self) -> str:
        return f"line {self.line}: {_short(self.old)} → {_short(self.new)}"


def _short(text: str) -> str:
    return " ".join(text.split())[:70] or "(nothing)"


class _Finder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tree = ast.parse(text)
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = text.splitlines()
        self._skipped = set(self._not_code())

    def _not_code(self) -> Iterator[int]:
        """Docstrings, annotations and defaults of types: changing them changes nothing."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                yield id(node.value)
            aside = [getattr(node, name, None) for name in ("annotation", "returns")]
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
                aside.append(node.value)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("cast", "dataclass"):
                aside += [*node.args[:1], *(keyword.value for keyword in node.keywords)]
            for part in aside:
                if part is not None:
                    yield from (id(inner) for inner in ast.walk(part))

    def _offset(self, line: int, column: int) -> int:
        # ast counts columns in UTF-8 bytes.
        begun = self._lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(begun)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def _change(self, node: ast.expr | ast.stmt, new: str) -> Change:
        start, end = self._span(node)
        return Change(node.lineno, start, end, self._text[start:end], new)

    def all(self) -> Iterator[Change]:
        for node in ast.walk(self._tree):
            if id(node) in self._skipped:
                continue
            match node:
                case ast.Compare(left=left, ops=[op], comparators=[right]):
                    words = f"{self._of(left)} {_COMPARE[type(op)]} {self._of(right)}"
                    yield self._change(node, f"({words})")
                case ast.BoolOp(values=values):
                    other = " or " if isinstance(node.op, ast.And) else " and "
                    yield self._change(node, f"({other.join(map(self._of, values))})")
                    for value in values:
                        rest = [self._of(one) for one in values if one is not value]
                        same = " and " if isinstance(node.op, ast.And) else " or "
                        yield self._change(node, f"({same.join(rest)})")
                case ast.UnaryOp(op=ast.Not(), operand=operand):
                    yield self._change(node, f"({self._of(operand)})")
                case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                    if not self._joins_types(node):
                        words = f"{self._of(left)} {_BINARY[type(op)]} {self._of(right)}"
                        yield self._change(node, f"({words})")
                case ast.If(test=test) | ast.IfExp(test=test):
                    yield self._change(test, "True")
                    yield self._change(test, "False")
                case ast.Raise() | ast.Expr() | ast.Break() | ast.Continue() | ast.AugAssign():
                    if not (isinstance(node, ast.Expr) and id(node.value) in self._skipped):
                        yield self._change(node, "pass")
                case ast.Return(value=ast.expr() as value) if self._of(value) != "None":
                    yield self._change(node, "return None")
                case ast.Constant():
                    yield from self._constants(node)
                case _:
                    pass

    def _of(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self._text[start:end]

    def _joins_types(self, node: ast.BinOp) -> bool:
        return isinstance(node.op, ast.BitOr) and "None" in self._of(node)

    def _constants(self, node: ast.Constant) -> Iterator[Change]:
        value, source = node.value, self._of(node)
        if isinstance(value, bool):
            yield self._change(node, str(not value))
        elif isinstance(value, int):
            yield self._change(node, f"({value} + 1)")
        elif isinstance(value, bytes):
            yield self._change(node, f"(b'-' + {source})")
        elif isinstance(value, str) and any(word in value for word in _SQL_WORDS):
            yield from self._sql(node)
        elif isinstance(value, str) and source.startswith(('"', "'")):
            yield self._change(node, repr("-" + value))

    def _sql(self, node: ast.Constant) -> Iterator[Change]:
        start, end = self._span(node)
        source = self._text[start:end]
        for hit in _SQL.finditer(source):
            new = _SQL_CHANGED.get(hit[0], "")
            line = node.lineno + source.count("\n", 0, hit.start())
            yield Change(line, start + hit.start(), start + hit.end(), hit[0], new)


def changes(text: str) -> list[Change]:
    """Return every change of a module, in the order of its lines; each compiles."""
    found = sorted(set(_Finder(text).all()), key=lambda one: (one.start, one.end, one.new))
    return [one for one in found if _compiles(one.applied(text))]


def _compiles(text: str) -> bool:
    try:
        compile(text, "changed", "exec")
    except SyntaxError:
        return False
    return True
