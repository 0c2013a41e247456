"""The file ``config.toml``: its one reader and its one writer."""

from __future__ import annotations

import codecs
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from misar_ips.api.credentials import (
    DEFAULT_BASE_URL,
    DEFAULT_TIMEOUT,
    validate_base_url,
    validate_key,
    validate_timeout,
)
from misar_ips.api.files import read_whole
from misar_ips.config.locked_file import replace_whole, replaceable
from misar_ips.errors import ConfigError, NoHomeFolderError, UsageError
from misar_ips.hostnames import validate_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Table = dict[str, Any]


DEMO = "demo"
CONFIG_VARIABLE = "MISAR_IPS_CONFIG"
_TEXT_OPTIONS = ("api_key", "api_key_command", "base_url")
_OPTIONS = (*_TEXT_OPTIONS, "timeout")
_LARGEST_FILE = 1 << 20  # bytes; a larger one is not a configuration file of ours
_READABLE_BY_OTHERS = 0o044
_WRITABLE_BY_OTHERS = 0o022
_FIX_IT = "Fix the file by hand; it was not touched."


class Profile(NamedTuple):
    """One account on one server.

    ``api_key`` is the key, or ``api_key_command`` prints it, which ``may_run`` where its file is
    the user's own; the built-in profile ``demo`` has neither. ``name`` is empty for a key from the
    environment. ``timeout`` is in seconds. ``source`` says where the profile was found,
    ``warnings`` what to know before it is used.
    """

    name: str
    base_url: str = DEFAULT_BASE_URL
    timeout: float = DEFAULT_TIMEOUT
    api_key: str | None = None
    api_key_command: str | None = None
    may_run: bool = True
    source: str = ""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return what tells it from others; a key has no place in a representation."""
        return f"Profile(name={self.name!r}, base_url={self.base_url!r}, source={self.source!r})"

    @property
    def is_demo(self) -> bool:
        """Whether this is the built-in profile, which talks to the emulator in-process."""
        return self.api_key is None and self.api_key_command is None

    @property
    def new_key_hint(self) -> str:
        """Where the key came from, and how to put another one there."""
        if not self.name:
            return f"It is from {self.source}: set that to a new one, or `unset {self.source}`."
        import shlex

        printed_by = "the api_key_command of " if self.api_key_command is not None else ""
        command = f"misar-ips profile add {shlex.quote(self.name)} --replace"
        return f"It is from {printed_by}profile `{self.name}`: `{command}` saves a new one."


def config_path(environ: Mapping[str, str]) -> Path:
    """Return the configuration file's path, whether or not there is a file.

    Raises:
        ConfigError: ``MISAR_IPS_CONFIG`` is set but empty; or not set, and no home folder is known.
    """
    if CONFIG_VARIABLE in environ:
        # Not Path.expanduser: it fails where the home of `~somebody` is not known.
        return Path(os.path.expanduser(set_value(environ, CONFIG_VARIABLE)))  # noqa: PTH111
    return user_folder("config", CONFIG_VARIABLE) / "config.toml"


def user_folder(kind: Literal["config", "state"], otherwise: str) -> Path:
    """Return the user's folder for what the program is told, or for what it remembers.

    Raises:
        NoHomeFolderError: no home folder is known; ``otherwise`` names what can be set instead.
    """
    import platformdirs

    folders = platformdirs.PlatformDirs("misar-ips")
    folder = Path()
    with suppress(RuntimeError):
        folder = folders.user_config_path if kind == "config" else folders.user_state_path
    if not folder.is_absolute():  # as older versions of platformdirs say that there is no home
        raise NoHomeFolderError(otherwise)
    return folder


def set_value(environ: Mapping[str, str], variable: str) -> str:
    """Return the value of a variable that is set.

    Raises:
        ConfigError: it is empty.
    """
    if value := environ[variable]:
        return value
    raise ConfigError(
        f"{variable} is set but empty.", hint=f"Set it to a value, or `unset {variable}`."
    )


class ConfigFile:
    """What is in the configuration file; what is wrong in it is told where it is asked for.

    ``state`` is None where there is no file, and ``absence`` then what is to be told of that.
    ``warnings`` is what to know before it is used.
    """

    def __init__(self, path: Path, table: Table, state: os.stat_result | None = None) -> None:
        self.path = path
        self.table = table
        self.exists = state is not None
        self.absence = ""
        self.warnings: tuple[str, ...] = ()
        self._is_foreign = False
        # Only of a regular file, and not on Windows, do owner and mode say who can do what.
        if state and stat.S_ISREG(state.st_mode) and os.name == "posix":
            self._is_foreign = state.st_uid not in {os.geteuid(), 0}
            self.warnings = self._about_others(state.st_mode)

    @property
    def profiles(self) -> Table:
        """The file's profiles by name, as they are written there."""
        profiles = self.table.get("profiles", {})
        if not isinstance(profiles, dict):
            raise self._malformed("profiles is not a table")
        if DEMO in profiles:
            raise self._malformed(f"the profile name `{DEMO}` is built in")
        return profiles

    @property
    def only_profile(self) -> str | None:
        """The name of the only profile, None where there are none or several."""
        return next(iter(self.profiles)) if len(self.profiles) == 1 else None

    @property
    def default(self) -> str | None:
        """The name of the profile to use where nothing else is said."""
        if "default_profile" not in self.table:
            return self.only_profile
        name = self.table["default_profile"]
        if not isinstance(name, str):
            raise self._malformed("default_profile is not a text")
        if name not in self.profiles and name != DEMO:
            raise self._malformed(f"default_profile names `{name}`, and there is no such profile")
        return name

    @property
    def blocklists(self) -> tuple[str, ...] | None:
        """The zones of the option ``blocklists``, None where it is not there."""
        zones = self.table.get("blocklists")
        if zones is None:
            return None
        if not isinstance(zones, list) or not all(isinstance(zone, str) for zone in zones):
            raise self._malformed("blocklists is not a list of texts")
        try:
            return tuple(validate_zone(zone) for zone in zones)
        except UsageError as error:
            raise self._malformed(f"in blocklists, {error.message}") from error

    def all_profiles(self) -> list[Profile]:
        """Return the profiles in the file's order."""
        return [self.profile(name, str(self.path)) for name in self.profiles]

    def profile(self, name: str, source: str, warnings: tuple[str, ...] = ()) -> Profile:
        """Read one profile; what is wrong with the others does not matter here."""
        if name == DEMO:
            return Profile(DEMO, source=source, warnings=warnings)
        if name not in self.profiles:
            raise self.unknown(name)
        values = self.profiles[name]
        if not isinstance(values, dict):
            raise self._malformed(f"profiles.{name} is not a table")
        for option in _TEXT_OPTIONS:
            if not isinstance(values.get(option, ""), str):
                raise self._malformed(f"profiles.{name}.{option} is not a text")
        key, command = values.get("api_key"), values.get("api_key_command")
        if (key is None) == (command is None):
            raise self._malformed(f"profiles.{name} needs either api_key or api_key_command")
        what = f"The base URL of profile `{name}` in {self.path}"
        return Profile(
            name=name,
            api_key=None if key is None else validate_key(key, f"profile `{name}`"),
            api_key_command=command,
            may_run=not self._is_foreign,
            base_url=validate_base_url(values.get("base_url", DEFAULT_BASE_URL), what),
            timeout=self._timeout(name, values.get("timeout", DEFAULT_TIMEOUT)),
            source=source,
            warnings=warnings + self.warnings,
        )

    def unknown(self, name: str) -> ConfigError:
        """Return the error for a profile that is not in the file, with near names."""
        from difflib import get_close_matches

        known = [*self.profiles, DEMO]
        near = " or ".join(f"`{each}`" for each in get_close_matches(name, known))
        meant = f"Did you mean {near}? " if near else ""
        hint = f"{self.absence} {meant}Known profiles: {', '.join(known)}.".strip()
        return ConfigError(f"There is no profile `{name}`.", hint=hint)

    def put(self, profile: Profile) -> None:
        """Put a profile into the table; of one that it replaces, only unknown keys stay.

        A base URL that stayed would get the new key, which is none of its business.
        """
        old = self.profiles.get(profile.name)
        old_options = old.items() if isinstance(old, dict) else ()
        kept = {option: value for option, value in old_options if option not in _OPTIONS}
        new = {option: getattr(profile, option) for option in _OPTIONS}
        defaults = (None, DEFAULT_BASE_URL, DEFAULT_TIMEOUT)
        needed = {option: value for option, value in new.items() if value not in defaults}
        self.table["profiles"] = {**self.profiles, profile.name: {**kept, **needed}}

    def _timeout(self, name: str, value: object) -> float:
        try:
            return validate_timeout(value)
        except UsageError as error:
            raise self._malformed(f"in profiles.{name}.timeout, {error.message}") from error

    def _malformed(self, reason: str) -> ConfigError:
        return ConfigError(f"{self.path}: {reason.removesuffix('.')}.", hint=_FIX_IT)

    def _about_others(self, mode: int) -> tuple[str, ...]:
        import shlex

        fix = f"`chmod 600 {shlex.quote(str(self.path))}`"
        if self._is_foreign:
            return (f"{self.path} belongs to another user, who can change where a key is sent.",)
        if mode & _WRITABLE_BY_OTHERS:
            return (f"Others can change {self.path}, and where a key is sent: {fix}.",)
        if mode & _READABLE_BY_OTHERS:
            return (f"Others can read the keys in {self.path}: {fix}.",)
        return ()


def read_config(environ: Mapping[str, str]) -> ConfigFile:
    """Read the user's configuration file; where there is none, nothing is configured.

    Raises:
        ConfigError: it can't be read.
    """
    file = _read(config_path(environ))
    if not file.exists and CONFIG_VARIABLE in environ:
        file.absence = f"{CONFIG_VARIABLE} names {file.path}, and there is no such file."
        file.warnings = (file.absence,)
    return file


@contextmanager
def edited(path: Path) -> Iterator[ConfigFile]:
    """Hold the lock, read the file, and write back what became of it if nothing was raised."""
    with replaceable(path) as target:
        file = _read(target)
        yield file
        replace_whole(target, _as_toml(file))


def _read(path: Path) -> ConfigFile:
    try:
        content, state = read_whole(path, _LARGEST_FILE)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link to a file that is not there.") from error
        return ConfigFile(path, {})
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from error
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path} is larger than any configuration: it was not read.")
    return ConfigFile(path, _parsed(content.removeprefix(codecs.BOM_UTF8), path), state)


def _parsed(content: bytes, path: Path) -> Table:
    import tomllib

    try:
        text = content.decode()
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 (at {_place_after(content[: error.start].decode())})"
    except tomllib.TOMLDecodeError as error:
        reason = str(error).replace("end of document)", f"{_place_after(text)})")
    except (ValueError, RecursionError):
        # Limits of the interpreter's own, not of TOML: the parser does not tell the place.
        reason = "a number is too long or values nest too deeply (at line 1, column 1 or later)"
    raise ConfigError(f"{path} can't be read as TOML: {reason}.", hint=_FIX_IT)


def _place_after(text: str) -> str:
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    return f"line {line}, column {column}"


def _as_toml(file: ConfigFile) -> bytes:
    import tomli_w

    try:
        return tomli_w.dumps(file.table).encode()
    except (ValueError, RecursionError) as error:  # the interpreter's limits again
        reason = "a number in it is too long or values nest too deeply"
        raise ConfigError(f"{file.path} can't be written: {reason}.", hint=_FIX_IT) from error
