"""Where the key comes from: the configuration file and the environment, as one Profile.

This is the only reader and the only writer of ``config.toml``.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from misar_ips.config.locked_file import LOCK_PATIENCE, replace_whole, replaceable
from misar_ips.errors import ConfigError, NotConfiguredError, UsageError
from misar_ips.hostnames import validate_zone
from misar_ips.safe_text import holds_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Table = dict[str, Any]

DEFAULT_BASE_URL = "https://api.misar.io/mail/v1"
DEFAULT_TIMEOUT = 30.0  # seconds
DEMO = "demo"

CONFIG_VARIABLE = "MISAR_IPS_CONFIG"
PROFILE_VARIABLE = "MISAR_IPS_PROFILE"
KEY_VARIABLE = "MISARMAIL_API_KEY"
BASE_URL_VARIABLE = "MISARMAIL_BASE_URL"

_PROFILE_NAME = "[A-Za-z0-9._-]+"
_TEXT_OPTIONS = ("api_key", "api_key_command", "base_url")
_OPTIONS = (*_TEXT_OPTIONS, "timeout")
_KEY_PREFIX = "msk_"
_SHOWN_OF_A_KEY = 8  # characters after the prefix, as the vendor's own pages show them
_KEY_COMMAND_LIMIT = 10.0  # seconds
_LONGEST_TIMEOUT = 86_400.0  # seconds; a socket takes no more than some 30 years
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
        return Path(os.path.expanduser(_set_value(environ, CONFIG_VARIABLE)))  # noqa: PTH111
    import platformdirs

    return platformdirs.user_config_path("misar-ips") / "config.toml"


def choose_profile(name: str | None, environ: Mapping[str, str]) -> Profile:
    """Return the profile to use: the first of ``--profile``, the environment, the file.

    A key and its base URL come from the same source; nothing is taken from a later one.

    Raises:
        ConfigError: there is none, it is unknown or malformed, or a variable is set but empty.
    """
    if name is not None:
        return _named_profile(name, environ, source="--profile")
    if PROFILE_VARIABLE in environ:
        chosen = _set_value(environ, PROFILE_VARIABLE)
        return _named_profile(chosen, environ, source=PROFILE_VARIABLE)
    base_url = DEFAULT_BASE_URL
    if BASE_URL_VARIABLE in environ:
        base_url = _set_value(environ, BASE_URL_VARIABLE)
    if KEY_VARIABLE in environ:
        return Profile(
            name="",
            api_key=validate_key(_set_value(environ, KEY_VARIABLE), KEY_VARIABLE),
            base_url=validate_base_url(base_url, f"The base URL from {BASE_URL_VARIABLE}"),
            source=KEY_VARIABLE,
        )
    return _default_profile(environ)


def read_profiles(environ: Mapping[str, str]) -> tuple[list[Profile], str | None]:
    """Return the file's profiles in its order, and the name of the one used by default.

    Raises:
        ConfigError: the file or a profile in it is broken.
    """
    file = _read_file(config_path(environ))
    return [file.profile(name, str(file.path)) for name in file.profiles], file.default


def read_blocklists(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the zones of the file's option ``blocklists``, None where it has no such option.

    Raises:
        ConfigError: the file is broken, or one of them is no zone.
    """
    file = _read_file(config_path(environ))
    return file.blocklists


def validate_free(environ: Mapping[str, str], name: str, *, replacing: bool) -> None:
    """Make sure that a profile may be saved under a name.

    Raises:
        ConfigError: it can't be a profile's name, or there is one of that name.
    """
    if name == DEMO:
        raise _reserved()
    if holds_key(name):
        raise ConfigError(
            f"{name} is an API key; it needs a name to be saved under.",
            hint="`misar-ips profile add NAME` asks for the key, where nobody else can see it.",
        )
    if not re.fullmatch(_PROFILE_NAME, name):
        raise ConfigError(
            f"`{name}` can't be a profile's name.",
            hint="Letters, digits, `-`, `_` and `.` can stand in one.",
        )
    if not replacing and name in _read_file(config_path(environ)).profiles:
        raise ConfigError(
            f"There is a profile `{name}` already; nothing was changed.",
            hint=f"`misar-ips profile add {name} --replace` puts a new one in its place.",
        )


def save_profile(
    environ: Mapping[str, str],
    profile: Profile,
    *,
    make_default: bool,
    replacing: bool,
    patience: float = LOCK_PATIENCE,
) -> bool:
    """Write one profile into the file; tell whether it is the default one.

    Everything else in the file is left as it was. The first profile becomes the default one, so
    that a second one does not leave the choice open. ``patience`` is how many seconds to wait for
    another process that is writing.

    Raises:
        ConfigError: there is one of that name and it is not to be replaced, or the file can't be
            read, parsed or written; it is untouched then.
    """
    with _edited(config_path(environ), patience) as file:
        validate_free(environ, profile.name, replacing=replacing)
        is_default = make_default or not (file.profiles or file.default)
        default = profile.name if is_default else file.default
        file.put(profile)
        if default:
            file.table["default_profile"] = default
    return default == profile.name


def set_default_profile(environ: Mapping[str, str], name: str) -> None:
    """Make a profile the one that is used where nothing else is said.

    Raises:
        ConfigError: no such profile, or the file can't be read, parsed or written.
    """
    with _edited(config_path(environ)) as file:
        if name != DEMO:
            file.profile(name, "")
        file.table["default_profile"] = name


def remove_profile(environ: Mapping[str, str], name: str) -> bool:
    """Take a profile out of the file; tell whether that leaves it without a default one.

    Raises:
        ConfigError: no such profile, or the file can't be read, parsed or written.
    """
    if name == DEMO:
        raise _reserved()
    with _edited(config_path(environ)) as file:
        if name not in file.profiles:
            raise _unknown_profile(name, file.profiles)
        was_default = name in (file.table.get("default_profile"), file.only_profile)
        del file.profiles[name]
        if was_default:
            file.table.pop("default_profile", None)
        return was_default and file.only_profile is None


def validate_key(text: str, source: str) -> str:
    """Return a key if it can be sent: printable ASCII without spaces.

    No prefix is asked for: OAuth tokens look different. The text never stands in the error.

    Raises:
        ConfigError: it is empty or malformed.
    """
    if not text:
        raise ConfigError(f"The API key from {source} is empty.")
    if not _is_visible_ascii(text):
        raise ConfigError(
            f"The API key from {source} has spaces, line breaks or non-ASCII characters in it.",
            hint="Copy it once more; a key is one word such as msk_0123abcd….",
        )
    return text


def mask_key(key: str) -> str:
    """Return as much of a key as tells it from another: never more than a third of it."""
    if not key.startswith(_KEY_PREFIX):
        return "…"
    shown = len(_KEY_PREFIX) + _SHOWN_OF_A_KEY
    return key[:shown] + "…" if len(key) >= 3 * shown else f"{_KEY_PREFIX}…"


def validate_base_url(text: str, what: str = "The base URL") -> str:
    """Return a base URL without its trailing slash; ``what`` is how the error calls it.

    Raises:
        ConfigError: it is not https (http for loopback only), names no host, or has user info, a
            query or a fragment.
    """
    from urllib.parse import urlsplit

    def refuse(reason: str) -> ConfigError:
        # The URL is not repeated: what was pasted may be a key, or have a password in it.
        return ConfigError(f"{what} {reason}.", hint=f"It looks like this: {DEFAULT_BASE_URL}")

    if not _is_visible_ascii(text):
        raise refuse("is empty, or has spaces or non-ASCII characters in it")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise refuse("is malformed") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise refuse("is no https URL")
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise refuse("has user info, a query or a fragment in it")
    if "\\" in text:
        raise refuse("has a backslash in it")
    if parts.scheme == "http" and not is_loopback(host):
        raise refuse("is not https; http is for this machine's own addresses only")
    return text.rstrip("/")


def validate_timeout(value: object, what: str = "The timeout") -> float:
    """Return a profile's time-out in seconds; ``what`` is how the error calls it.

    Raises:
        ConfigError: it is no positive number, or longer than a day.
    """
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not 0 < number <= _LONGEST_TIMEOUT:  # written so that NaN fails as well
        raise ConfigError(
            f"{what} is no number of seconds above 0 and up to {_LONGEST_TIMEOUT:.0f}."
        )
    return float(number)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or address, without asking DNS."""
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_key(
    profile: Profile, environ: Mapping[str, str], *, limit: float = _KEY_COMMAND_LIMIT
) -> str:
    """Return the profile's key, from its command where it has one.

    Raises:
        ConfigError: the command fails, takes longer than ``limit`` seconds, or prints no key; or
            it has a key in it, which would stand in the process list.
    """
    if profile.api_key is not None:
        return profile.api_key
    if profile.api_key_command is None:
        raise ConfigError(f"Profile `{profile.name}` has no key.")
    command = f"api_key_command of profile `{profile.name}`"
    if holds_key(profile.api_key_command):
        raise ConfigError(
            f"The {command} has an API key in it, and others can see what is run.",
            hint=f"`misar-ips profile add {profile.name} --replace` keeps the key itself.",
        )
    output = _output_of(profile.api_key_command, environ, limit, f"The {command}")
    first_line, _, _ = output.decode("utf-8", "replace").partition("\n")
    return validate_key(first_line.removesuffix("\r"), f"the {command}")


def _is_visible_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and bool(text)


def _output_of(command: str, environ: Mapping[str, str], limit: float, what: str) -> bytes:
    """Run the user's own command, without a shell and without our standard input."""
    import shlex
    import subprocess

    def failed(reason: str) -> ConfigError:
        return ConfigError(f"{what} {reason}.")

    try:
        done = subprocess.run(  # noqa: S603 - running it is what the user asked for
            shlex.split(command),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        raise failed(f"took longer than {limit:g} s and was ended") from None
    except OSError as error:
        raise failed(f"could not be run: {error.strerror}") from None  # it names the command
    except (ValueError, IndexError) as error:
        raise failed("is no command: it is empty, or a quote in it is not closed") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip() or "it said nothing"
        raise failed(f"failed with exit code {done.returncode}: {said}")
    return done.stdout


def _set_value(environ: Mapping[str, str], variable: str) -> str:
    value = environ[variable]
    if not value:
        raise ConfigError(
            f"{variable} is set but empty.", hint=f"Give it a value, or `unset {variable}`."
        )
    return value


def _named_profile(name: str, environ: Mapping[str, str], *, source: str) -> Profile:
    if name == DEMO:  # without a look at the file, which may be broken
        return Profile(name=DEMO, source=source, warnings=_ignored_base_url(environ))
    file = _read_file(config_path(environ))
    return file.profile(name, f"{source}, {file.path}", _ignored_base_url(environ))


def _default_profile(environ: Mapping[str, str]) -> Profile:
    file = _read_file(config_path(environ))
    source, warnings = str(file.path), _ignored_base_url(environ)
    if file.default == DEMO:
        return Profile(name=DEMO, source=source, warnings=warnings)
    if file.default is not None:
        return file.profile(file.default, source, warnings)
    if file.profiles:
        raise ConfigError(
            f"There are several profiles ({', '.join(file.profiles)}), and none is the default.",
            hint=f"Choose with `--profile NAME` or {PROFILE_VARIABLE}, "
            "or once and for all with `misar-ips profile use NAME`.",
        )
    raise NotConfiguredError(
        "No API key is configured.",
        hint="Save one with `misar-ips profile add NAME` (then chosen by itself, by "
        f"`--profile NAME` or by {PROFILE_VARIABLE}), or set {KEY_VARIABLE}; or look around "
        f"without a key: `misar-ips list --profile {DEMO}`.",
    )


def _ignored_base_url(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Warn whoever believes that the variable alone points the tool at another server."""
    if BASE_URL_VARIABLE not in environ or KEY_VARIABLE in environ:
        return ()
    return (f"{BASE_URL_VARIABLE} is ignored: it counts only together with {KEY_VARIABLE}.",)


def _reserved() -> ConfigError:
    return ConfigError(
        f"The profile name `{DEMO}` is built in; it can't be added, changed or removed.",
        hint=f"Choose another name; `--profile {DEMO}` talks to the emulator.",
    )


def _unknown_profile(name: str, names: Mapping[str, object]) -> ConfigError:
    from difflib import get_close_matches

    known = [*names, DEMO]
    near = " or ".join(f"`{each}`" for each in get_close_matches(name, known))
    meant = f"Did you mean {near}? " if near else ""
    return ConfigError(
        f"There is no profile `{name}`.", hint=f"{meant}Known profiles: {', '.join(known)}."
    )


class _File:
    """What stands in the configuration file; what is wrong in it is told where it is asked for."""

    def __init__(self, path: Path, table: Table, *, is_readable_by_others: bool = False) -> None:
        self.path = path
        self.table = table
        self._is_readable_by_others = is_readable_by_others

    @property
    def profiles(self) -> Table:
        profiles = self.table.get("profiles", {})
        if not isinstance(profiles, dict):
            raise self._malformed("profiles is no table")
        if DEMO in profiles:
            raise self._malformed(f"the profile name `{DEMO}` is built in")
        return profiles

    @property
    def only_profile(self) -> str | None:
        return next(iter(self.profiles)) if len(self.profiles) == 1 else None

    @property
    def default(self) -> str | None:
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
            raise _unknown_profile(name, self.profiles)
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


def _read_file(path: Path) -> _File:
    """Read the file; where there is none, nothing is configured."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
            mode = os.fstat(file.fileno()).st_mode
    except FileNotFoundError as error:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link to a file that is not there.") from error
        return _File(path, {})
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from error
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path} is larger than any configuration: it was not read.")
    # On Windows the mode does not say who can read a file.
    readable = os.name == "posix" and bool(mode & _READABLE_BY_OTHERS)
    return _File(path, _parsed(content, path), is_readable_by_others=readable)


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
def _edited(path: Path, patience: float = LOCK_PATIENCE) -> Iterator[_File]:
    """Hold the lock, give the file's content, and write it back if nothing was raised."""
    with replaceable(path, patience) as target:
        file = _read_file(target)
        yield file
        replace_whole(target, _as_toml(file))


def _as_toml(file: _File) -> bytes:
    import tomli_w

    try:
        return tomli_w.dumps(file.table).encode()
    except (ValueError, RecursionError) as error:  # the interpreter's limits again
        reason = "a number in it is too long or values nest too deeply"
        raise ConfigError(f"{file.path} can't be written: {reason}.", hint=_MEND_IT) from error
