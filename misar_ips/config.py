"""Where the key comes from: the configuration file and the environment, as one Profile.

This is the only reader and the only writer of ``config.toml``.
"""

from __future__ import annotations

import math
import os
import re
import stat
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misar_ips.errors import ConfigError

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

_PROFILE_NAME = re.compile(r"[A-Za-z0-9._-]+")
_KEY = re.compile(r"[\x21-\x7e]+")
_URL = re.compile(r"[\x21-\x7e]+")
_KEY_PREFIX = "msk_"
_SHOWN_OF_A_KEY = 8  # characters after the prefix, as the vendor's own pages show them
_KEY_COMMAND_LIMIT = 10.0  # seconds
_LARGEST_FILE = 1 << 20  # bytes; a larger one is no configuration of ours
_LOCK_PATIENCE = 10.0  # seconds
_LOCK_PAUSE = 0.02  # seconds
_READABLE_BY_OTHERS = 0o044


@dataclass(frozen=True, slots=True)
class Profile:
    """One account on one server.

    ``api_key`` is the key, or ``api_key_command`` prints it; the built-in profile ``demo`` has
    neither. ``name`` is empty for a key from the environment. ``timeout`` is in seconds.
    ``source`` says where the profile was found, ``warnings`` what to know before it is used.
    """

    name: str
    base_url: str = DEFAULT_BASE_URL
    timeout: float = DEFAULT_TIMEOUT
    api_key: str | None = field(default=None, repr=False)
    api_key_command: str | None = None
    source: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def is_demo(self) -> bool:
        """Whether this is the built-in profile, which talks to the emulator in-process."""
        return self.api_key is None and self.api_key_command is None


def config_path(environ: Mapping[str, str]) -> Path:
    """Give the configuration file's path, whether or not there is a file.

    Raises:
        ConfigError: ``MISAR_IPS_CONFIG`` is set but empty.
    """
    if CONFIG_VARIABLE in environ:
        return Path(_set_value(environ, CONFIG_VARIABLE)).expanduser()
    import platformdirs

    return platformdirs.user_config_path("misar-ips") / "config.toml"


def choose_profile(name: str | None, environ: Mapping[str, str]) -> Profile:
    """Give the profile to use: the first of ``--profile``, the environment, the file.

    A key and its base URL come from the same source; nothing is taken from a later one.

    Raises:
        ConfigError: there is none, it is unknown or malformed, or a variable is set but empty.
    """
    if name is not None:
        return _named_profile(name, environ, source="--profile")
    if PROFILE_VARIABLE in environ:
        chosen = _set_value(environ, PROFILE_VARIABLE)
        return _named_profile(chosen, environ, source=PROFILE_VARIABLE)
    if BASE_URL_VARIABLE in environ:
        _set_value(environ, BASE_URL_VARIABLE)
    if KEY_VARIABLE in environ:
        return Profile(
            name="",
            api_key=check_key(_set_value(environ, KEY_VARIABLE), KEY_VARIABLE),
            base_url=check_base_url(environ.get(BASE_URL_VARIABLE, DEFAULT_BASE_URL)),
            source=KEY_VARIABLE,
        )
    return _default_profile(environ)


def read_profiles(environ: Mapping[str, str]) -> tuple[list[Profile], str | None]:
    """Give the file's profiles in its order, and the name of the one used by default.

    Raises:
        ConfigError: the file or a profile in it is broken.
    """
    path = config_path(environ)
    table = _read_table(path)
    profiles = [_profile(table, name, path, str(path)) for name in _profile_tables(table, path)]
    return profiles, _default_name(table, path)


def check_free(environ: Mapping[str, str], name: str, *, replacing: bool) -> None:
    """Make sure that a profile may be saved under a name.

    Raises:
        ConfigError: it can't be a profile's name, or there is one of that name.
    """
    if name == DEMO:
        raise ConfigError(
            f"The profile name `{DEMO}` is built in; it can't be added or changed.",
            hint=f"Choose another name; `--profile {DEMO}` talks to the emulator.",
        )
    if not _PROFILE_NAME.fullmatch(name):
        raise ConfigError(
            f"`{name}` can't be a profile's name.",
            hint="Letters, digits, `-`, `_` and `.` can stand in one.",
        )
    path = config_path(environ)
    if not replacing and name in _profile_tables(_read_table(path), path):
        raise ConfigError(
            f"There is a profile `{name}` already; nothing was changed.",
            hint=f"`misar-ips profile add {name} --replace` puts a new key in its place.",
        )


def save_profile(
    environ: Mapping[str, str], profile: Profile, *, make_default: bool, replacing: bool
) -> None:
    """Write one profile into the file and leave everything else in it as it was.

    The first profile becomes the default one, so that a second one does not leave the choice open.

    Raises:
        ConfigError: there is one of that name and it is not to be replaced, or the file can't be
            read, parsed or written; it is untouched then.
    """
    path = config_path(environ)
    with _edited(path) as table:
        check_free(environ, profile.name, replacing=replacing)
        default = None if make_default else _default_name(table, path)
        profiles = _profile_tables(table, path)
        profiles[profile.name] = {**profiles.get(profile.name, {}), **_profile_table(profile)}
        table["profiles"] = profiles
        table["default_profile"] = default or profile.name


def set_default_profile(environ: Mapping[str, str], name: str) -> None:
    """Make a profile the one that is used where nothing else is said.

    Raises:
        ConfigError: no such profile, or the file can't be read, parsed or written.
    """
    path = config_path(environ)
    with _edited(path) as table:
        if name != DEMO:
            _profile(table, name, path, str(path))
        table["default_profile"] = name


def remove_profile(environ: Mapping[str, str], name: str) -> bool:
    """Take a profile out of the file; tell whether it was the default one.

    Raises:
        ConfigError: no such profile, or the file can't be read, parsed or written.
    """
    path = config_path(environ)
    with _edited(path) as table:
        profiles = _profile_tables(table, path)
        if name not in profiles:
            raise _unknown_profile(name, list(profiles))
        del profiles[name]
        was_default = table.get("default_profile") == name
        if was_default:
            del table["default_profile"]
    return was_default


def check_key(text: str, source: str) -> str:
    """Give a key back if it can be sent: printable ASCII without spaces.

    No prefix is asked for: OAuth tokens look different. The text never stands in the error.

    Raises:
        ConfigError: it is empty or malformed.
    """
    if not text:
        raise ConfigError(f"The API key from {source} is empty.")
    if not _KEY.fullmatch(text):
        raise ConfigError(
            f"The API key from {source} has spaces, line breaks or non-ASCII characters in it.",
            hint="Copy it once more; a key is one word such as msk_0123abcd….",
        )
    return text


def mask_key(key: str) -> str:
    """Give as much of a key as tells it from another: never more than a third of it."""
    if not key.startswith(_KEY_PREFIX):
        return "…"
    shown = len(_KEY_PREFIX) + _SHOWN_OF_A_KEY
    return key[:shown] + "…" if len(key) >= 3 * shown else f"{_KEY_PREFIX}…"


def check_base_url(text: str) -> str:
    """Give a base URL without its trailing slash.

    Raises:
        ConfigError: it is not https (http for loopback only), names no host, or has user info, a
            query or a fragment.
    """
    from urllib.parse import urlsplit

    def refuse(reason: str) -> ConfigError:
        # The URL is not repeated: what was pasted may be a key, or have a password in it.
        return ConfigError(
            f"The base URL {reason}.", hint=f"It looks like this: {DEFAULT_BASE_URL}"
        )

    if not _URL.fullmatch(text):
        raise refuse("is empty, or has spaces or non-ASCII characters in it")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise refuse("is malformed") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise refuse("is no https URL")
    if "@" in parts.netloc or "?" in text or "#" in text or "\\" in text:
        raise refuse("has user info, a query or a fragment in it")
    if parts.scheme == "http" and not is_loopback(host):
        raise refuse("is not https; http is for this machine's own addresses only")
    return text.rstrip("/")


def check_timeout(value: object) -> float:
    """Give a profile's time-out in seconds.

    Raises:
        ConfigError: it is no positive number.
    """
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not 0 < number < math.inf:
        raise ConfigError("The timeout is no positive number of seconds.")
    return float(number)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or address, without asking DNS."""
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_key(profile: Profile, environ: Mapping[str, str]) -> str:
    """Give the profile's key, from its command where it has one.

    Raises:
        ConfigError: the command fails, takes longer than 10 s, or prints no key.
    """
    if profile.api_key is not None:
        return profile.api_key
    if profile.api_key_command is None:
        raise ConfigError(f"Profile `{profile.name}` has no key.")
    output = _run_key_command(profile, profile.api_key_command, environ)
    lines = output.decode("utf-8", "replace").splitlines()
    return check_key(lines[0] if lines else "", f"the api_key_command of `{profile.name}`")


def _run_key_command(profile: Profile, command: str, environ: Mapping[str, str]) -> bytes:
    import shlex
    import subprocess

    def failed(reason: str) -> ConfigError:
        return ConfigError(f"The api_key_command of profile `{profile.name}` {reason}.")

    try:
        arguments = shlex.split(command)
        done = subprocess.run(  # noqa: S603 - the user's own command, run without a shell
            arguments,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_KEY_COMMAND_LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise failed(f"took longer than {_KEY_COMMAND_LIMIT:.0f} s and was ended") from None
    except OSError as error:
        raise failed(f"could not be run: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise failed("is no command line: it is empty, or a quote in it is not closed") from error
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
    if name == DEMO:
        return Profile(name=DEMO, source=source)
    path = config_path(environ)
    return _profile(_read_table(path), name, path, f"{source}, {path}")


def _default_profile(environ: Mapping[str, str]) -> Profile:
    path = config_path(environ)
    table = _read_table(path)
    name = _default_name(table, path)
    ignored = _ignored_base_url(environ)
    if name == DEMO:
        return Profile(name=DEMO, source=str(path), warnings=ignored)
    if name is None:
        raise _no_profile(list(_profile_tables(table, path)))
    return _profile(table, name, path, str(path), ignored)


def _ignored_base_url(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Warn whoever believes that the variable alone points the tool at another server."""
    if BASE_URL_VARIABLE not in environ:
        return ()
    return (f"{BASE_URL_VARIABLE} is ignored: it counts only together with {KEY_VARIABLE}.",)


def _no_profile(names: list[str]) -> ConfigError:
    if names:
        return ConfigError(
            f"There are several profiles ({', '.join(names)}), and none is the default.",
            hint=f"Choose with `--profile NAME` or {PROFILE_VARIABLE}, "
            "or once and for all with `misar-ips profile use NAME`.",
        )
    return ConfigError(
        "No API key is configured.",
        hint="Save one with `misar-ips profile add NAME` (then chosen by itself, by "
        f"`--profile NAME` or by {PROFILE_VARIABLE}), or set {KEY_VARIABLE}; or look around "
        f"without a key: `misar-ips list --profile {DEMO}`.",
    )


def _unknown_profile(name: str, names: list[str]) -> ConfigError:
    known = ", ".join([*names, DEMO])
    return ConfigError(f"There is no profile `{name}`.", hint=f"Known profiles: {known}.")


def _default_name(table: Table, path: Path) -> str | None:
    profiles = _profile_tables(table, path)
    if "default_profile" not in table:
        return next(iter(profiles)) if len(profiles) == 1 else None
    name = table["default_profile"]
    if not isinstance(name, str):
        raise _malformed(path, "default_profile is no text")
    if name not in profiles and name != DEMO:
        raise _malformed(path, f"default_profile names `{name}`, and there is no such profile")
    return name


def _profile_tables(table: Table, path: Path) -> dict[Any, Any]:
    profiles = table.get("profiles", {})
    if not isinstance(profiles, dict):
        raise _malformed(path, "profiles is no table")
    return profiles


def _profile(
    table: Table, name: str, path: Path, source: str, warnings: tuple[str, ...] = ()
) -> Profile:
    """Read one profile; what is wrong with the others does not matter here."""
    profiles = _profile_tables(table, path)
    if name not in profiles:
        raise _unknown_profile(name, list(profiles))
    values = profiles[name]
    if not isinstance(values, dict):
        raise _malformed(path, f"profiles.{name} is no table")
    key, command = (_text_value(values, option, name, path) for option in _KEY_OPTIONS)
    if (key is None) == (command is None):
        raise _malformed(path, f"profiles.{name} needs either api_key or api_key_command")
    base_url = _text_value(values, "base_url", name, path)
    return Profile(
        name=name,
        api_key=None if key is None else check_key(key, f"profile `{name}`"),
        api_key_command=command,
        base_url=check_base_url(DEFAULT_BASE_URL if base_url is None else base_url),
        timeout=check_timeout(values.get("timeout", DEFAULT_TIMEOUT)),
        source=source,
        warnings=warnings + _permission_warning(path),
    )


_KEY_OPTIONS = ("api_key", "api_key_command")


def _text_value(values: Table, option: str, name: str, path: Path) -> str | None:
    value = values.get(option)
    if value is not None and not isinstance(value, str):
        raise _malformed(path, f"profiles.{name}.{option} is no text")
    return value


def _profile_table(profile: Profile) -> Table:
    values = {"api_key": profile.api_key, "api_key_command": profile.api_key_command}
    table = {option: value for option, value in values.items() if value is not None}
    if profile.base_url != DEFAULT_BASE_URL:
        table["base_url"] = profile.base_url
    return table if profile.timeout == DEFAULT_TIMEOUT else {**table, "timeout": profile.timeout}


def _malformed(path: Path, reason: str) -> ConfigError:
    return ConfigError(f"{path}: {reason}.", hint="Mend the file by hand; it was not touched.")


def _permission_warning(path: Path) -> tuple[str, ...]:
    """Warn of a file that others can read, except on Windows, where the mode does not say."""
    try:
        readable = os.name == "posix" and path.stat().st_mode & _READABLE_BY_OTHERS
    except OSError:
        return ()
    return (f"Others can read the keys in {path}: `chmod 600 {path}`.",) if readable else ()


def _read_table(path: Path) -> Table:
    import tomllib

    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from error
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path} is larger than any configuration: it was not read.")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise _not_toml(path, content[: error.start], "the text is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, str(error)) from error
    except (ValueError, RecursionError) as error:
        # Values that only the interpreter's own limits refuse: the parser tells no place.
        reason = "a number too long or values nested too deeply"
        raise _not_toml(path, b"", f"{reason}, somewhere after") from error


def _not_toml(path: Path, before: bytes, reason: str) -> ConfigError:
    line = before.count(b"\n") + 1
    column = len(before) - (before.rfind(b"\n") + 1) + 1
    return _unreadable(path, f"{reason} (at line {line}, column {column})")


def _unreadable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"{path} is not valid TOML: {reason}.", hint="Mend the file by hand; it was not touched."
    )


@contextmanager
def _edited(path: Path) -> Iterator[Table]:
    """Hold the lock, give the file's table, and write it back if nothing was raised."""
    target = Path(os.path.realpath(path))  # a link stays a link; what it points to is replaced
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(target.with_name(target.name + ".lock")):
            table = _read_table(target)
            yield table
            _replace(target, table)
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written: {error.strerror}.", hint="It is as it was."
        ) from error


def _replace(target: Path, table: Table) -> None:
    """Put the new file in the old one's place at once: a reader sees one or the other, whole."""
    import tempfile

    import tomli_w

    _refuse_foreign_file(target)
    content = tomli_w.dumps(table).encode()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:  # mkstemp made it 0600
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _refuse_foreign_file(target: Path) -> None:
    """Keep root from taking a user's file over, key and all, by renaming its own onto it."""
    if os.name != "posix" or not target.exists():
        return
    if target.stat().st_uid != os.geteuid():
        raise ConfigError(
            f"{target} belongs to another user; it was not changed.",
            hint=f"Change it as its owner, or set {CONFIG_VARIABLE} to a file of your own.",
        )


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last through a power cut; Windows can't open a folder for it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the system itself takes back when its holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, stat.S_IRUSR | stat.S_IWUSR)
    try:
        give_up_at = time.monotonic() + _LOCK_PATIENCE
        while not _try_lock(descriptor):
            if time.monotonic() > give_up_at:
                raise ConfigError(
                    f"Another misar-ips is holding {path}.", hint="Try again once it is done."
                )
            time.sleep(_LOCK_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        _lock_now(descriptor)
    except BlockingIOError:
        return False
    except PermissionError:  # how Windows says that the lock is held
        if os.name == "posix":
            raise
        return False
    return True


if os.name == "nt":

    def _lock_now(descriptor: int) -> None:
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

else:

    def _lock_now(descriptor: int) -> None:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
