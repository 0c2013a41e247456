"""What is built: a wheel and an sdist with everything in them, and one version."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest

import misar_ips
from misar_ips.shell.scripts import SCRIPTS
from scripts.lower_bounds import lower_bounds
from scripts.regenerate import ROOT

if TYPE_CHECKING:
    from pathlib import Path

VERSION = misar_ips.__version__
SHARED = {
    "bash-completion/completions/misar-ips": "completions/misar-ips.bash",
    "zsh/site-functions/_misar-ips": "completions/_misar-ips",
    "fish/vendor_completions.d/misar-ips.fish": "completions/misar-ips.fish",
    "misar-ips/misar-ips.ps1": "completions/misar-ips.ps1",
    "man/man1/misar-ips.1": "man/misar-ips.1",
}
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a wheel and an sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


def test_the_wheel_has_everything(built: Path) -> None:
    with zipfile.ZipFile(built / f"misar_ips-{VERSION}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        for place, source in SHARED.items():
            shared = f"misar_ips-{VERSION}.data/data/share/{place}"
            assert wheel.read(shared) == (ROOT / source).read_bytes()
        metadata = email.message_from_bytes(wheel.read(f"misar_ips-{VERSION}.dist-info/METADATA"))
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "misar_ips").rglob("*.py")}
    assert modules | {"misar_ips/py.typed"} <= names
    assert not [name for name in names if name.startswith(("tests", "scripts", "benchmarks"))]
    assert (metadata["Name"], metadata["Version"]) == ("misar-ips", VERSION)


def test_the_sdist_has_everything(built: Path) -> None:
    top = f"misar_ips-{VERSION}"
    with tarfile.open(built / f"{top}.tar.gz") as sdist:
        names = set(sdist.getnames())
    tests = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("*.py")}
    others = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "misar_ips/py.typed"}
    assert {f"{top}/{name}" for name in tests | others | set(SHARED.values())} <= names


def test_every_script_is_packaged() -> None:
    assert {f"completions/{name}" for name, _ in SCRIPTS.values()} < set(SHARED.values())


def test_the_version_stands_in_one_place() -> None:
    assert tomllib.loads(PYPROJECT)["project"]["dynamic"] == ["version"]
    assignment = re.compile(rf'"{re.escape(VERSION)}"')
    found = [path for path in ROOT.glob("misar_ips/**/*.py") if assignment.search(path.read_text())]
    assert found == [ROOT / "misar_ips" / "version.py"]


def test_every_dependency_has_a_lower_bound() -> None:
    constraints = lower_bounds(PYPROJECT)
    assert len(constraints) == len(tomllib.loads(PYPROJECT)["project"]["dependencies"])
    with pytest.raises(ValueError, match="rich has no lower bound"):
        lower_bounds('[project]\ndependencies = ["rich"]')
