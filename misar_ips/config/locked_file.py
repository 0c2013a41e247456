"""Changing a file so that nothing is lost: one writer at a time, and a new file in one step.

A reader sees the old file or the new one, whole; so does whoever comes after a crash.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from misar_ips.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_PATIENCE = 10.0  # seconds to wait for another process that holds the lock
_LOCK_PAUSE = 0.02  # seconds
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OWNERS_ALONE = stat.S_IRUSR | stat.S_IWUSR


@contextmanager
def replaceable(path: Path, patience: float | None = None) -> Iterator[Path]:
    """Hold the lock on a file, and yield the path to read it from and to replace.

    ``patience`` is how many seconds to wait for another process that holds it, where not as usual.
    What is made meanwhile is its owner's alone, whatever the umask.

    Raises:
        ConfigError: the file is not ours to change, or it, its folder or its lock can't be used.
    """
    before = os.umask(_OTHERS)
    try:
        # A link stays a link; what it points to is replaced.
        target = Path(os.path.realpath(path, strict=path.is_symlink()))
        _refuse_what_is_not_ours(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f"{target.name}.lock"), patience or LOCK_PATIENCE):
            yield target
    except BrokenPipeError:  # of the output, which is written while a state is held
        raise
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written: {error.strerror}.", hint="It is as it was."
        ) from error
    finally:
        os.umask(before)


def replace_whole(target: Path, content: bytes) -> None:
    """Put a new file in the old one's place at once, for whoever holds the lock.

    Raises:
        OSError: it can't be written; the old one is as it was.
    """
    new = target.with_name(f".{target.name}.new")
    new.unlink(missing_ok=True)  # a writer that was killed left it, and a key may be in it
    try:
        # Never through a link that somebody may have put there.
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNERS_ALONE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    # The new file is in place; not every system lets a folder be synced through a power cut.
    with suppress(OSError):
        _sync_folder(target.parent)


def _refuse_what_is_not_ours(target: Path) -> None:
    """Keep root from renaming its own file onto a user's, or onto /dev/null."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{target} is not a regular file; it was not changed.")
    if os.name == "posix" and found.st_uid != os.geteuid():
        raise ConfigError(
            f"{target} belongs to another user; it was not changed.",
            hint="Change it as its owner, or set MISAR_IPS_CONFIG to a file of your own.",
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path, patience: float) -> Iterator[None]:
    """Hold a lock that the system itself takes back when its holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _OWNERS_ALONE)
    try:
        give_up_at = time.monotonic() + patience
        while not _try_lock(descriptor):
            if time.monotonic() >= give_up_at:
                raise ConfigError(
                    f"Another misar-ips is holding {path}.", hint="Try again once it is done."
                )
            time.sleep(_LOCK_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the latter is how Windows says that it is held
        return False
    return True
