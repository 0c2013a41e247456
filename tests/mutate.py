"""Mutation testing: change the program in one place after the other, and see if a test notices.

    python tests/mutate.py                     # every mutant of every module: hours
    python tests/mutate.py --sample 60 client  # sixty of one module, always the same ones

It works in a copy of the tree. Not part of CI. Each mutant that no test noticed is printed with
its place and its change, and in the end how many were killed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TREE = Path(__file__).parent.parent
WORKERS = 2
LONGEST = 120  # seconds for the tests of one mutant; a mutant that hangs is killed as well

TESTS = {
    "client": ["test_client", "test_faults", "test_reply", "test_interrupts", "test_cli"],
    "reply": ["test_reply", "test_client", "test_faults", "test_output"],
    "config": ["test_config", "test_profiles", "test_cli"],
    "replacing": ["test_config", "test_replacing"],
    "errors": ["test_readme", "test_cli", "test_following", "test_interrupts", "test_reply"],
    "models": ["test_models", "test_cli", "test_release", "test_reply", "test_following"],
}
"""Which tests can notice a change of a module, the likeliest first."""

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True)
class Mutant:
    """A module with one change: where, from what, into what."""

    module: str
    line: int
    change: str
    source: str


def changed(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901, PLR0912 - one branch a change
    """Give what may stand in the place of a node."""
    match node:
        case ast.Compare(ops=[operator]):
            yield ast.Compare(node.left, [COMPARISONS[type(operator)]()], node.comparators)
        case ast.BoolOp(op=ast.And(), values=values):
            yield ast.BoolOp(ast.Or(), values)
        case ast.BoolOp(op=ast.Or(), values=values):
            yield ast.BoolOp(ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp() if type(node.op) in OPERATORS:
            yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(f"{value}X")
        case ast.Return(value=ast.expr() as value) if not is_nothing(value):
            yield ast.Return(ast.Constant(None))
        case ast.If(test=test):
            yield ast.If(ast.UnaryOp(ast.Not(), test), node.body, node.orelse)
        case ast.IfExp(test=test):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), node.body, node.orelse)
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def changeable(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable[[ast.AST], None]]]:
    """Give each node that the program runs, and a way to put another one in its place."""
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "decorator_list", "type_params"}:
            continue
        for node, put in places(tree, name, value):
            if is_never_run(node):
                continue
            yield node, put
            yield from changeable(node)


def places(
    parent: ast.AST, name: str, value: object
) -> Iterator[tuple[ast.AST, Callable[[ast.AST], None]]]:
    if isinstance(value, ast.AST):
        yield value, lambda other: setattr(parent, name, other)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            if isinstance(each, ast.AST):
                yield each, lambda other, index=index: value.__setitem__(index, other)  # type: ignore[misc]  # a default binds it


def is_never_run(node: ast.AST) -> bool:
    """Tell whether a node is a docstring, or there for the type checker alone."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    is_if = isinstance(node, ast.If) and isinstance(node.test, ast.Name)
    return is_if and node.test.id == "TYPE_CHECKING"  # type: ignore[attr-defined]  # seen to be one


def mutants(module: str) -> list[Mutant]:
    tree = ast.parse((TREE / "misar_ips" / f"{module}.py").read_text())
    found = []
    for node, put in changeable(tree):
        for other in changed(node):
            before, after = (ast.unparse(copy.copy(each)).split("\n")[0] for each in (node, other))
            put(ast.copy_location(other, node))
            source = ast.unparse(ast.fix_missing_locations(tree))
            put(node)
            line = getattr(node, "lineno", 0)
            found.append(Mutant(module, line, f"{before}  ->  {after}", source))
    return found


def is_noticed(mutant: Mutant, tree: Path) -> bool:
    """Run the tests of a module with one change; tell whether one of them fails."""
    file = tree / "misar_ips" / f"{mutant.module}.py"
    original = file.read_text()
    file.write_text(mutant.source)
    try:
        return not passes(mutant.module, tree)
    finally:
        file.write_text(original)


def passes(module: str, tree: Path) -> bool:
    tests = [f"tests/{name}.py" for name in TESTS[module]]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not load", "--tb=no"]
    environ = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=tree,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            return process.wait(LONGEST) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            return False


def copies(folder: Path) -> SimpleQueue[Path]:
    trees: SimpleQueue[Path] = SimpleQueue()
    for number in range(WORKERS):
        tree = folder / f"tree{number}"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(TREE, tree, ignore=ignored)
        trees.put(tree)
    return trees


def main() -> None:
    """Mutate, test, and print what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="so many mutants of each module, by chance")
    parser.add_argument("modules", nargs="*", default=list(TESTS), help=", ".join(TESTS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trees = copies(Path(folder))
        for module in options.modules:
            judge(module, options.sample, trees)


def judge(module: str, sample: int | None, trees: SimpleQueue[Path]) -> None:
    tree = trees.get()
    if not passes(module, tree):
        sys.exit(f"{module}: its tests fail without any change")
    trees.put(tree)
    chosen = mutants(module)
    if sample is not None and sample < len(chosen):
        chosen = random.Random(module).sample(chosen, sample)  # noqa: S311 - the same ones each time

    def survives(mutant: Mutant) -> bool:
        tree = trees.get()
        try:
            return not is_noticed(mutant, tree)
        finally:
            trees.put(tree)

    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(zip(chosen, pool.map(survives, chosen), strict=True))
    survivors = [mutant for mutant, survived in results if survived]
    for mutant in sorted(survivors, key=lambda each: each.line):
        say(f"{module}.py:{mutant.line}: {mutant.change}")
    killed = len(chosen) - len(survivors)
    say(f"{module}: {killed} of {len(chosen)} killed, {100 * killed / len(chosen):.0f} %")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
