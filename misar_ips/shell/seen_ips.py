"""The IPs that completion saw last, kept for a minute, so that a TAB seldom waits for the API."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from misar_ips.config.file import Profile

_KEPT_FOR = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class SeenIP:
    """What completion offers of an IP."""

    id: str
    address: str | None
    pool: str | None
    status: str | None


def read(profile: Profile) -> tuple[SeenIP, ...] | None:
    """Return the IPs of a profile that were seen within the last minute, None if none were."""
    path = _path_of(profile)
    try:
        if not 0 <= time.time() - path.stat().st_mtime < _KEPT_FOR:
            return None
        return tuple(SeenIP(*entry) for entry in json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):  # not there, or not what we wrote
        return None


def keep(profile: Profile, ips: Iterable[SeenIP]) -> None:
    """Keep a profile's IPs; where that can't be done, the next TAB asks again."""
    path = _path_of(profile)
    entries = [[ip.id, ip.address, ip.pool, ip.status] for ip in ips]
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".new")  # made 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(entries, file)
        Path(name).replace(path)


def forget() -> None:
    """Forget the IPs of all profiles, because something was changed."""
    with suppress(OSError):
        for path in _folder().iterdir():
            path.unlink()


def _folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("misar-ips") / "completion"


def _path_of(profile: Profile) -> Path:
    """Return a file's path that tells accounts apart, and nothing of their keys."""
    facts = (profile.name, profile.base_url, profile.api_key, profile.api_key_command)
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return _folder() / f"{name[:32]}.json"
