"""Mutation testing: change the program in one place after the other, and see if a test notices.

    python3 -m venv .mutation && .mutation/bin/pip install -e '.[dev,mutation]'
    .mutation/bin/python scripts/mutate.py                    # every mutant of every module
    .mutation/bin/python scripts/mutate.py api/models errors  # those of two modules

The mutants are mutmut's. Its own runner leaves out properties, context managers and what is
outside functions, and puts code into each module that the tests of start-up find there; so here a
mutant is written into a copy of the tree, and those tests that run the changed line are run, the
likeliest first. They run in a fork of this process, which has loaded the libraries but nothing of
the program. Each survivor is printed, and in the end how many were killed. Not part of CI.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
import libcst
import pytest
from hypothesis import Phase, settings
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TREE = Path(__file__).parent.parent
PACKAGE = TREE / "misar_ips"
DECLARATIONS = {f"cli/{name}" for name in ("emulator", "ips", "options", "profile")}
"""They say what may be typed, and decide nothing; the documents' tests compare them."""

LIBRARIES = ("httpx", "typer", "rich.console", "rich.table", "dns.resolver", "pexpect", "tomli_w")
FIRST = 40  # tests; most mutants are killed by these, and the others need not be collected
AT_MOST = 1 / 40  # of the time of all tests, for those that run a mutant's line, and for the others
PATIENCE = 20.0  # seconds on top of three times what the tests take; what hangs is killed as well
OPTIONS = (
    *("-q", "--tb=no", "-p", "no:cacheprovider", "-m", "not load"),
    *(
        "--assert=plain",
        "-p",
        "no:anyio",
        "-p",
        "no:xdist",
    ),  # what makes each start slow, and is of no use here
    "--ignore=tests/test_architecture.py",  # mutmut has changed what the libraries load
    # These run the program only in processes of its own, or not at all.
    *("--ignore=tests/test_packages.py", "--ignore=tests/test_key.py"),
)
NEVER_RUN = (libcst.Annotation, libcst.Decorator, libcst.Import, libcst.ImportFrom)


def deciding_modules() -> list[str]:
    """Return every module in which something is computed or decided: it has a function."""
    files = {str(file.relative_to(PACKAGE).with_suffix("")): file for file in PACKAGE.rglob("*.py")}
    return sorted(
        name
        for name, file in files.items()
        if name not in DECLARATIONS and "def " in file.read_text()
    )


@dataclass(frozen=True)
class Mutant:
    """A module with one change, and the lines of the statement in which it is."""

    lines: range
    before: str
    after: str

    def __str__(self) -> str:
        """Return the lines that differ, as one line."""
        before, after = self.before.splitlines(), self.after.splitlines()
        lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))
        changes = "  ".join(f"{line[0]} {line[1:].strip()}" for line in lines[3:])
        return f"{self.lines.start}: {changes}"

    def lines_with_its_name(self) -> list[int]:
        """Return the lines that name what its first line begins with, such as a constant."""
        texts = self.before.splitlines()
        name = re.search(r"\w+", texts[self.lines.start - 1])
        word = re.compile(rf"\b{name and name[0]}\b")
        return [number for number, text in enumerate(texts, 1) if word.search(text)]


@dataclass(eq=False)  # pytest keeps its plugins in a set
class Watch:
    """Sees which tests run which line, how long each takes, and which fail."""

    coverage: Any = None
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: list[str] = field(default_factory=list)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.coverage:
            self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)


@dataclass
class Tests:
    """The tests, and what is known of them."""

    tree: Path
    seconds: dict[str, float]
    of_lines: dict[str, dict[int, list[str]]]
    kills: Counter[str] = field(default_factory=Counter)

    def likely_for(self, module: str, mutant: Mutant) -> list[str]:
        """Return the tests that run a line, and the module's own, whose processes are not seen.

        Where a line runs at import, no test is seen to run it: then those that run a line with the
        name that it defines, and all that use the module.
        """
        running = self._that_run(module, mutant.lines)
        own = self._in_files(lambda path, _: path.name == f"test_{Path(module).name}.py")
        more = own
        if not running:
            running = self._that_run(module, mutant.lines_with_its_name())
            dotted = f"misar_ips.{module}".replace("/", ".").removesuffix(".__init__")
            package, _, name = dotted.rpartition(".")
            named = re.compile(rf"from {dotted} import|from {package} import .*\b{name}\b")
            more = self._in_files(lambda _, text: bool(named.search(text)))
            more |= self._that_run(module, self.of_lines[module]) | own
        return self._best_of(running, own) + self._best_of(more - running, own)

    def _best_of(self, tests: set[str], own: set[str]) -> list[str]:
        """Return those that killed most in little time, then the quick ones, its own first.

        There are as many as ``AT_MOST`` allows.
        """
        seconds = self.seconds

        def order(test: str) -> tuple[float, bool, float]:
            return -self.kills[test] / (seconds[test] + 0.01), test not in own, seconds[test]

        ordered = sorted(tests, key=order)
        spent = accumulate(seconds[test] for test in ordered)
        most = AT_MOST * sum(seconds.values())
        return [test for test, so_far in zip(ordered, spent, strict=True) if so_far < most]

    def _that_run(self, module: str, lines: Iterable[int]) -> set[str]:
        of_line = self.of_lines[module]
        return {test for line in lines for test in of_line.get(line, ())} & self.seconds.keys()

    def _in_files(self, wanted: Callable[[Path, str], bool]) -> set[str]:
        paths = self.tree.glob("tests/**/*.py")
        names = {
            str(path.relative_to(self.tree)) for path in paths if wanted(path, path.read_text())
        }
        return {test for test in self.seconds if test.partition("::")[0] in names}

    def notice(self, module: str, mutant: Mutant) -> bool:
        """Run the tests with a mutant in its module's place; return whether one fails."""
        file = self.tree / "misar_ips" / f"{module}.py"
        tests = self.likely_for(module, mutant)
        file.write_text(mutant.after)
        try:
            return self._one_fails(tests[:FIRST]) or self._one_fails(tests[FIRST:])
        finally:
            file.write_text(mutant.before)
            Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)

    def _one_fails(self, tests: list[str]) -> bool:
        if not tests:
            return False
        limit = PATIENCE + 3 * sum(self.seconds[test] for test in tests)
        outcome = in_a_fork(lambda: run(self.tree, ["-x", *tests]), limit)
        if outcome is None:
            return True
        code, watch = outcome
        self.kills.update(watch.failed)
        return bool(code)


def in_a_fork(work: Callable[[], Any], limit: float) -> Any:  # noqa: ANN401 - what the work returns
    """Do something in a process of its own; return what it returns, None if it dies or hangs."""
    fork = multiprocessing.get_context("fork")
    receiving, sending = fork.Pipe(duplex=False)

    def child() -> None:
        os.setsid()
        sending.send(work())

    process = fork.Process(target=child)
    process.start()
    sending.close()
    try:
        return receiving.recv() if receiving.poll(limit) else None
    except EOFError:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
        receiving.close()


def run(tree: Path, arguments: list[str], watch: Watch | None = None) -> tuple[int, Watch]:
    """Run pytest in this process; return its exit code, and what was seen."""
    watch = watch or Watch()
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    # What a mutant does must not be felt: neither in the user's files nor in the network.
    os.environ |= {"HOME": str(tree.parent), "XDG_CONFIG_HOME": str(tree.parent / "config")}
    sys.addaudithook(refuse_the_network)
    # A shell lets what it starts in the background ignore Ctrl-C, which tests press.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=[Phase.generate]
    )
    settings.load_profile("mutants")
    options = [*OPTIONS, f"--basetemp={tree.parent / 'tests'}"]
    return int(pytest.main([*options, *arguments], plugins=[watch])), watch


def refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
        if host != "localhost" and not ip_address(host).is_loopback:
            raise ConnectionRefusedError(host)


def known_tests(tree: Path) -> Tests:
    """Run all the tests once without a change, and note what each of them runs.

    A test that fails then says nothing, and is left out. Raises SystemExit if none can run.
    """

    def measure() -> tuple[Watch, dict[str, dict[int, list[str]]]]:
        measured = coverage.Coverage(data_file=None, source=[str(tree / "misar_ips")])
        measured.start()
        _, watch = run(tree, ["tests"], Watch(measured))
        measured.stop()
        watch.coverage = None
        files = {module: str(tree / "misar_ips" / f"{module}.py") for module in deciding_modules()}
        data = measured.get_data()
        return watch, {name: data.contexts_by_lineno(file) for name, file in files.items()}

    watch, of_lines = in_a_fork(measure, 3600) or sys.exit("The tests can't be run.")
    if not watch.seconds:
        sys.exit("No test was run.")
    for test in watch.failed:
        say(f"left out, it fails without any change: {test}")
        watch.seconds.pop(test, None)
    return Tests(tree, watch.seconds, of_lines)


def mutants(source: str) -> Iterator[Mutant]:
    """Return what mutmut makes of a module, one change at a time."""
    wrapper = MetadataWrapper(libcst.parse_module(source))
    places = wrapper.resolve(PositionProvider)
    for node, place in changeable(wrapper.module, places, None):
        lines = range(place.start.line, place.end.line + 1)
        for kind, operator in mutation_operators:
            for other in operator(node) if isinstance(node, kind) else ():
                yield Mutant(lines, source, wrapper.module.deep_replace(node, other).code)


def changeable(node: Any, places: Any, place: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - libcst's
    """Return each node that the program runs, and the place of its statement or expression."""
    if isinstance(node, NEVER_RUN) or is_for_type_checkers(node):
        return
    is_simple = isinstance(node, libcst.SimpleStatementLine)
    own = places.get(node, place)
    yield node, place or own
    for child in node.children:
        yield from changeable(child, places, place or (own if is_simple else None))


def is_for_type_checkers(node: Any) -> bool:  # noqa: ANN401 - libcst's
    test = node.test if isinstance(node, libcst.If) else None
    return isinstance(test, libcst.Name) and test.value == "TYPE_CHECKING"


def main() -> None:
    """Mutate, test, and print what survived."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    modules = deciding_modules()
    parser.add_argument("modules", nargs="*", default=modules, help=", ".join(modules))
    chosen = parser.parse_args().modules
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        ignored = shutil.ignore_patterns(
            ".git", ".venv", ".mutation", "__pycache__", ".*_cache", ".hypothesis"
        )
        shutil.copytree(TREE, tree, ignore=ignored)
        tests = known_tests(tree)
        killed, made = zip(*[judge(module, tests) for module in chosen], strict=True)
    say(f"all: {score(sum(killed), sum(made))}")


def judge(module: str, tests: Tests) -> tuple[int, int]:
    """Try every mutant of a module, say which survive; return how many were killed, and made."""
    source = (tests.tree / "misar_ips" / f"{module}.py").read_text()
    if tests.notice(module, Mutant(range(1, source.count("\n")), source, source)):
        sys.exit(f"{module}: its tests fail without any change")
    made = killed = 0
    for mutant in mutants(source):
        made += 1
        if tests.notice(module, mutant):
            killed += 1
        else:
            say(f"{module}.py:{mutant}")
    say(f"{module}: {score(killed, made)}")
    return killed, made


def score(killed: int, made: int) -> str:
    return f"{killed} of {made} killed, {100 * killed / made:.1f} %"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
