"""What the tests of configuration share: the program without a key, its file, and its texts."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.conftest import KEY

if TYPE_CHECKING:
    from tests.conftest import Ran, World

DEFAULT_URL = "https://api.misar.io/mail/v1"
SHOWN = "msk_5ec2e75e…"
"""What is shown of the tests' key."""

NO_IPS = "No dedicated IPs yet; `misar-ips request` orders one.\n"


def no_ips_of(*arguments: str) -> str:
    """Return what an empty account is told; a profile that was named is in the command."""
    [profile] = arguments[1:2] or [""]
    return NO_IPS.replace("request`", f"request --profile {profile}`") if profile else NO_IPS


FIX_IT = "Fix the file by hand; it was not touched.\n"
IGNORED_URL = "MISARMAIL_BASE_URL is ignored: it counts only together with MISARMAIL_API_KEY."
WAYS_TO_GO_ON = (
    "Save one with `misar-ips profile add NAME` (then chosen by itself, by `--profile NAME` or by "
    "MISAR_IPS_PROFILE), or set MISARMAIL_API_KEY; or look around without a key: "
    "`misar-ips list --profile demo`.\n"
)
NO_HOME = "There is no home folder: HOME is not set, and the system has no entry for this user."


@dataclass
class Setting:
    """The program in an environment without a key; what it sends is written down and answered."""

    world: World
    sent: list[tuple[str, str]] = field(default_factory=list)
    """The base URL and the key of each request."""

    @property
    def path(self) -> Path:
        return Path(self.world.environ["MISAR_IPS_CONFIG"])

    def answer(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        self.sent.append((str(request.url).removesuffix("/dedicated-ips"), key))
        return httpx.Response(200, json={"success": True, "ips": []})

    def write(self, text: str | bytes, mode: int = 0o600) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.path.chmod(mode)

    def run(self, *arguments: str, stdin: str = "", terminal: str = "", **variables: str) -> Ran:
        """Run the program with some more variables in its environment."""
        before = self.world.environ.copy()
        self.world.environ.update(variables)
        ran = self.world.run(*arguments, stdin=stdin, terminal=terminal)
        self.world.environ.clear()
        self.world.environ.update(before)
        return ran

    def refusal(self, *arguments: str, stdin: str = "", **variables: str) -> str:
        """Return the error of a run that ends with 3 and sends nothing."""
        ran = self.run(*arguments, stdin=stdin, **variables)
        assert (ran.code, ran.stdout, self.sent) == (3, "", [])
        return ran.stderr


def work_profile(lines: str = "") -> str:
    return f'[profiles.work]\napi_key = "msk_work"\n{lines}\n'


def path_of(world: World) -> Path:
    return Path(world.environ["MISAR_IPS_CONFIG"])


def table_of(world: World) -> dict[str, Any]:
    return tomllib.loads(path_of(world).read_text())


def write(world: World, text: str) -> None:
    path_of(world).parent.mkdir(exist_ok=True)
    path_of(world).write_text(text)
    path_of(world).chmod(0o600)


def saved(world: World, name: str) -> str:
    return f"Saved profile {name} in {path_of(world)}.\n"


def add(world: World, *names: str) -> None:
    for name in names:
        assert world.run("profile", "add", name, stdin=KEY).code == 0
