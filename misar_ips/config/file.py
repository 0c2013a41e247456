"""The file ``config.toml``: its one reader and its one writer."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from misar_ips.api.credentials import (
    DEFAULT_BASE_URL,
    DEFAULT_TIMEOUT,
    validate_base_url,
    validate_key,
    validate_timeout,
)
from misar_ips.config.locked_file import LOCK_PATIENCE, replace_whole, replaceable
from misar_ips.errors import ConfigError, UsageError
from misar_ips.hostnames import validate_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Table = dict[str, Any]


DEMO = "demo"
CONFIG_VARIABLE = "MISAR_IPS_CONFIG"
_TEXT_OPTIONS = ("api_key", "api_key_command", "base_url")
_OPTIONS = (*_TEXT_OPTIONS, "timeout")
_LARGEST_FILE = 1 << 20  # bytes; a larger one is no configuration of ours
_READABLE_BY_OTHERS = 0o044
_MEND_IT = "Mend the file by hand; it was not touched."


class Profile(NamedTuple):
    """One account on one server.

    ``api_key`` is the key, or ``api_key_command`` prints it; the built-in profile ``demo`` has
    neither. ``name`` is empty for a key from the environment. ``timeout`` is in seconds.
    ``source`` says where the profile was found, ``warnings`` what to know before it is used.
    """

    name: str
    base_url: str = DEFAULT_BASE_URL
    timeout: float = DEFAULT_TIMEOUT
    api_key: str | None = None
    api_key_command: str | None = None
    source: str = ""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return what tells it from others; a key has no place in a representation."""
        return f"Profile(name={self.name!r}, base_url={self.base_url!r}, source={self.source!r})"

    @property
    def is_demo(self) -> bool:
        """Whether this is the built-in profile, which talks to the emulator in-process."""
        return self.api_key is None and self.api_key_command is None


def config_path(environ: Mapping[str, str]) -> Path:
    """Return the configuration file's path, whether or not there is a file.

    Raises:
        ConfigError: ``MISAR_IPS_CONFIG`` is set but empty.
    """
    if CONFIG_VARIABLE in environ:
        # Not Path.expanduser: it fails where the home of `~somebody` is not known.
        return Path(os.path.expanduser(set_value(environ, CONFIG_VARIABLE)))  # noqa: PTH111
    import platformdirs

    return platformdirs.user_config_path("misar-ips") / "config.toml"


def set_value(environ: Mapping[str, str], variable: str) -> str:
    """Return the value of a variable that is set.

    Raises:
        ConfigError: it is empty.
    """
    value = environ[variable]
    if not value:
        raise ConfigError(
            f"{variable} is set but empty.", hint=f"Give it a value, or `unset {variable}`."
        )
    return value


def unknown_profile(name: str, names: Mapping[str, object]) -> ConfigError:
    """Return the error for a profile that is not in the file, with near names."""
    from difflib import get_close_matches

    known = [*names, DEMO]
    near = " or ".join(f"`{each}`" for each in get_close_matches(name, known))
    meant = f"Did you mean {near}? " if near else ""
    return ConfigError(
        f"There is no profile `{name}`.", hint=f"{meant}Known profiles: {', '.join(known)}."
    )


class ConfigFile:
    """What stands in the configuration file; what is wrong in it is told where it is asked for."""

    def __init__(self, path: Path, table: Table, *, is_readable_by_others: bool = False) -> None:
        self.path = path
        self.table = table
        self._is_readable_by_others = is_readable_by_others

    @property
    def profiles(self) -> Table:
        """The file's profiles by name, as they are written there."""
        profiles = self.table.get("profiles", {})
        if not isinstance(profiles, dict):
            raise self._malformed("profiles is no table")
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
            raise self._malformed("default_profile is no text")
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
            raise self._malformed("blocklists is no list of texts")
        try:
            return tuple(validate_zone(zone) for zone in zones)
        except UsageError as error:
            raise self._malformed(f"in blocklists, {error.message}".removesuffix(".")) from error

    def profile(self, name: str, source: str, warnings: tuple[str, ...] = ()) -> Profile:
        """Read one profile; what is wrong with the others does not matter here."""
        if name not in self.profiles:
            raise unknown_profile(name, self.profiles)
        values = self.profiles[name]
        if not isinstance(values, dict):
            raise self._malformed(f"profiles.{name} is no table")
        for option in _TEXT_OPTIONS:
            if not isinstance(values.get(option, ""), str):
                raise self._malformed(f"profiles.{name}.{option} is no text")
        key, command = values.get("api_key"), values.get("api_key_command")
        if (key is None) == (command is None):
            raise self._malformed(f"profiles.{name} needs either api_key or api_key_command")
        base_url = values.get("base_url", DEFAULT_BASE_URL)
        timeout = values.get("timeout", DEFAULT_TIMEOUT)
        place = f"profile `{name}` in {self.path}"
        return Profile(
            name=name,
            api_key=None if key is None else validate_key(key, f"profile `{name}`"),
            api_key_command=command,
            base_url=validate_base_url(base_url, f"The base URL of {place}"),
            timeout=validate_timeout(timeout, f"The timeout of {place}"),
            source=source,
            warnings=warnings + self._permission_warning(),
        )

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

    def _malformed(self, reason: str) -> ConfigError:
        return ConfigError(f"{self.path}: {reason}.", hint=_MEND_IT)

    def _permission_warning(self) -> tuple[str, ...]:
        if not self._is_readable_by_others:
            return ()
        return (f"Others can read the keys in {self.path}: `chmod 600 {self.path}`.",)


def read_file(path: Path) -> ConfigFile:
    """Read the file; where there is none, nothing is configured."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
            mode = os.fstat(file.fileno()).st_mode
    except FileNotFoundError as error:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link to a file that is not there.") from error
        return ConfigFile(path, {})
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from error
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path} is larger than any configuration: it was not read.")
    # On Windows the mode does not say who can read a file.
    readable = os.name == "posix" and bool(mode & _READABLE_BY_OTHERS)
    return ConfigFile(path, _parsed(content, path), is_readable_by_others=readable)


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
    raise ConfigError(f"{path} can't be read as TOML: {reason}.", hint=_MEND_IT)


def _place_after(text: str) -> str:
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    return f"line {line}, column {column}"


@contextmanager
def edited(path: Path, patience: float = LOCK_PATIENCE) -> Iterator[ConfigFile]:
    """Hold the lock, give the file's content, and write it back if nothing was raised."""
    with replaceable(path, patience) as target:
        file = read_file(target)
        yield file
        replace_whole(target, _as_toml(file))


def _as_toml(file: ConfigFile) -> bytes:
    import tomli_w

    try:
        return tomli_w.dumps(file.table).encode()
    except (ValueError, RecursionError) as error:  # the interpreter's limits again
        reason = "a number in it is too long or values nest too deeply"
        raise ConfigError(f"{file.path} can't be written: {reason}.", hint=_MEND_IT) from error
