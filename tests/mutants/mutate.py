"""Small changes of Python source, each of which a test ought to notice."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SWAPPED: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
SQL = re.compile(r"\b(select|update|delete|insert)\b", re.I)
SQL_TERMS = [
    (re.compile(r"\band\b", re.I), "OR"),
    (re.compile(r"\bor\b", re.I), "AND"),
    (re.compile(r"(?<![<>!=])=(?!=)"), "<>"),
    (re.compile(r"<>|!="), "="),
    (re.compile(r"<=|>="), "="),
    (re.compile(r"\bmax\b(?=\()", re.I), "MIN"),
    (re.compile(r"\bmin\b(?=\()", re.I), "MAX"),
    (re.compile(r"\bdesc\b", re.I), ""),
    (re.compile(r"\bis not null\b", re.I), "IS NULL"),
    (re.compile(r"\bnot in\b", re.I), "IN"),
]
STATEMENTS = (ast.Raise, ast.AugAssign, ast.Continue, ast.Break, ast.Delete)
FILTERS = {"where", "having", "filter", "on_conflict_do_nothing", "with_for_update", "order_by", "distinct", "limit"}


@dataclass(frozen=True, order=True)
class Mutant:
    """One change: the characters ``start`` to ``end`` of ``path`` become ``after``."""

    path: str
    line: int
    last: int
    start: int
    end: int
    function: str
    before: str
    after: str

    @property
    def key(self) -> str:
        """The same wherever the lines move to."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.path}::{self.function}: {before} -> {after or 'nothing'}"

    def source(self, root: Path) -> str:
        """The changed file."""
        text = (root / self.path).read_text("utf-8")
        return text[: self.start] + self.after + text[self.end :]


def mutants(path: str, text: str) -> list[Mutant]:
    """Every change of one file, in its order."""
    tree = ast.parse(text)
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines()

    def place(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    found = []
    for function, node, replacement in _changes(tree, ""):
        start, end = place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)
        before = text[start:end]
        if replacement != before:
            found.append(Mutant(path, node.lineno, node.end_lineno, start, end, function, before, replacement))
    return sorted(set(found))


def _changes(node: ast.AST, function: str) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
    for child in ast.iter_child_nodes(node):
        inside = function
        if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            inside = f"{function}.{child.name}".lstrip(".")
        if isinstance(child, ast.expr | ast.stmt) and not _is_left_alone(child, node):
            for replacement in _replacements(child):
                yield inside, child, replacement
        if not isinstance(child, ast.JoinedStr | ast.Raise | ast.Assert) and not _is_left_alone(child, node):
            yield from _changes(child, inside)


def _is_annotation(child: ast.AST, parent: ast.AST) -> bool:
    return child in (getattr(parent, "annotation", None), getattr(parent, "returns", None))


def _is_decorator(child: ast.AST, parent: ast.AST) -> bool:
    return child in getattr(parent, "decorator_list", ())


def _is_left_alone(child: ast.AST, parent: ast.AST) -> bool:
    if _is_annotation(child, parent) or _is_decorator(child, parent):
        return True
    return isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)  # a docstring


def _bracketed(text: str) -> str:
    return f"({text})"


def _replacements(node: ast.expr | ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            if type(operator) in SWAPPED:
                other = [*node.ops[:at], SWAPPED[type(operator)](), *node.ops[at + 1 :]]
                yield _bracketed(ast.unparse(ast.Compare(node.left, other, node.comparators)))
    elif isinstance(node, ast.BoolOp):
        yield _bracketed(ast.unparse(ast.BoolOp(SWAPPED[type(node.op)](), node.values)))
        for at in range(len(node.values)):
            rest = node.values[:at] + node.values[at + 1 :]
            yield _bracketed(ast.unparse(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)))
    elif isinstance(node, ast.BinOp) and type(node.op) in SWAPPED and not _is_text(node):
        yield _bracketed(ast.unparse(ast.BinOp(node.left, SWAPPED[type(node.op)](), node.right)))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _bracketed(ast.unparse(node.operand))
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.IfExp):
        yield _bracketed(ast.unparse(node.body))
        yield _bracketed(ast.unparse(node.orelse))
    elif isinstance(node, STATEMENTS) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield "pass"


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr | ast.List | ast.Tuple) or
               (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
               for side in (node.left, node.right))  # fmt: skip


def _constants(value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, int):
        yield str(value + 1)
    elif isinstance(value, str) and SQL.search(value):
        for pattern, other in SQL_TERMS:
            for hit in pattern.finditer(value):
                yield repr(value[: hit.start()] + other + value[hit.end() :])


def _calls(node: ast.Call) -> Iterator[str]:
    """A filter of a query loses one term, or goes; ``and_`` and ``or_`` are exchanged; all and any too."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in FILTERS and isinstance(node.func, ast.Attribute):
        yield ast.unparse(node.func.value)
        if len(node.args) > 1:
            for at in range(len(node.args)):
                yield ast.unparse(ast.Call(node.func, node.args[:at] + node.args[at + 1 :], node.keywords))
    other = {"and_": "or_", "or_": "and_", "all": "any", "any": "all", "min": "max", "max": "min"}.get(name)
    if other:
        func = ast.Attribute(node.func.value, other) if isinstance(node.func, ast.Attribute) else ast.Name(other)
        yield ast.unparse(ast.Call(func, node.args, node.keywords))
