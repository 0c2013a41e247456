"""How a process ends: at once, but not before everything is done that others have asked for."""

from __future__ import annotations

import os
import pstats
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AT_EXIT = """
import atexit, sys
from misar_ips.__main__ import run
sys.argv = ["misar-ips", *sys.argv[1:]]
atexit.register(lambda: print("done at the end"))
atexit.register(lambda: sys.stdout.write("not flushed; "))
run()
"""


def python(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )


def test_what_was_registered_for_the_end_is_run_and_written(environ: dict[str, str]) -> None:
    done = python("-c", AT_EXIT, "--version", environ=environ)
    version, *others = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert version.startswith("misar-ips ")
    assert others == ["not flushed; done at the end"]


def test_after_an_error_as_well_and_its_exit_code_stays(environ: dict[str, str]) -> None:
    done = python("-c", AT_EXIT, "show", "..", environ=environ)
    assert (done.returncode, done.stdout) == (2, "not flushed; done at the end\n")
    assert done.stderr.startswith("Error: `..` is not an IP's id.")


def test_a_profiler_keeps_what_it_saw(environ: dict[str, str], tmp_path: Path) -> None:
    seen = tmp_path / "profile"
    done = python("-m", "cProfile", "-o", str(seen), "-m", "misar_ips", "-h", environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    files = [file for file, _, _ in pstats.Stats(str(seen)).stats]  # type: ignore[attr-defined]  # typeshed has none
    assert any(file.endswith(os.path.join("cli", "ips.py")) for file in files)  # noqa: PTH118


def test_a_tracer_keeps_what_it_saw(environ: dict[str, str], tmp_path: Path) -> None:
    program = ["--module", "misar_ips", "-h"]
    done = python(
        "-m", "trace", "--count", "--missing", "-C", str(tmp_path), *program, environ=environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "misar_ips.cli.ips.cover").exists()


def test_whoever_wants_to_look_around_afterwards_can(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-i", "-m", "misar_ips", "--version"],
        env={"PATH": os.environ["PATH"], **environ},
        input="print('still here')\n",
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.stdout.splitlines()[1:] == ["still here"]
