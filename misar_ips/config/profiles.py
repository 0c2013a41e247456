"""Where the key comes from: the configuration file and the environment, as one Profile.

This is the only reader and the only writer of ``config.toml``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from misar_ips.api.credentials import DEFAULT_BASE_URL, validate_base_url, validate_key
from misar_ips.config.file import (
    DEMO,
    Profile,
    config_path,
    edited,
    read_file,
    set_value,
    unknown_profile,
)
from misar_ips.config.locked_file import LOCK_PATIENCE
from misar_ips.errors import ConfigError, NotConfiguredError
from misar_ips.safe_text import holds_key

if TYPE_CHECKING:
    from collections.abc import Mapping

PROFILE_VARIABLE = "MISAR_IPS_PROFILE"
KEY_VARIABLE = "MISARMAIL_API_KEY"
BASE_URL_VARIABLE = "MISARMAIL_BASE_URL"

_PROFILE_NAME = "[A-Za-z0-9._-]+"
_KEY_COMMAND_LIMIT = 10.0  # seconds


def choose_profile(name: str | None, environ: Mapping[str, str]) -> Profile:
    """Return the profile to use: the first of ``--profile``, the environment, the file.

    A key and its base URL come from the same source; nothing is taken from a later one.

    Raises:
        ConfigError: there is none, it is unknown or malformed, or a variable is set but empty.
    """
    if name is not None:
        return _named_profile(name, environ, source="--profile")
    if PROFILE_VARIABLE in environ:
        chosen = set_value(environ, PROFILE_VARIABLE)
        return _named_profile(chosen, environ, source=PROFILE_VARIABLE)
    base_url = DEFAULT_BASE_URL
    if BASE_URL_VARIABLE in environ:
        base_url = set_value(environ, BASE_URL_VARIABLE)
    if KEY_VARIABLE in environ:
        return Profile(
            name="",
            api_key=validate_key(set_value(environ, KEY_VARIABLE), KEY_VARIABLE),
            base_url=validate_base_url(base_url, f"The base URL from {BASE_URL_VARIABLE}"),
            source=KEY_VARIABLE,
        )
    return _default_profile(environ)


def read_profiles(environ: Mapping[str, str]) -> tuple[list[Profile], str | None]:
    """Return the file's profiles in its order, and the name of the one used by default.

    Raises:
        ConfigError: the file or a profile in it is broken.
    """
    file = read_file(config_path(environ))
    return [file.profile(name, str(file.path)) for name in file.profiles], file.default


def read_blocklists(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the zones of the file's option ``blocklists``, None where it has no such option.

    Raises:
        ConfigError: the file is broken, or one of them is no zone.
    """
    file = read_file(config_path(environ))
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
    if not replacing and name in read_file(config_path(environ)).profiles:
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
    with edited(config_path(environ), patience) as file:
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
    with edited(config_path(environ)) as file:
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
    with edited(config_path(environ)) as file:
        if name not in file.profiles:
            raise unknown_profile(name, file.profiles)
        was_default = name in (file.table.get("default_profile"), file.only_profile)
        del file.profiles[name]
        if was_default:
            file.table.pop("default_profile", None)
        return was_default and file.only_profile is None


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


def _named_profile(name: str, environ: Mapping[str, str], *, source: str) -> Profile:
    if name == DEMO:  # without a look at the file, which may be broken
        return Profile(name=DEMO, source=source, warnings=_ignored_base_url(environ))
    file = read_file(config_path(environ))
    return file.profile(name, f"{source}, {file.path}", _ignored_base_url(environ))


def _default_profile(environ: Mapping[str, str]) -> Profile:
    file = read_file(config_path(environ))
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
