"""Where the key comes from: the configuration file and the environment, as one Profile.

Where the file is broken or can't be used, whatever reads or changes it raises ConfigError. Then it
is as it was.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from misar_ips.api.credentials import DEFAULT_BASE_URL, validate_base_url, validate_key
from misar_ips.config.file import (
    CONFIG_VARIABLE,
    DEMO,
    Profile,
    config_path,
    edited,
    read_config,
    set_value,
)
from misar_ips.errors import ConfigError, NotConfiguredError
from misar_ips.safe_text import holds_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from misar_ips.config.file import ConfigFile

    Environ: TypeAlias = Mapping[str, str]

PROFILE_VARIABLE = "MISAR_IPS_PROFILE"
KEY_VARIABLE = "MISARMAIL_API_KEY"
BASE_URL_VARIABLE = "MISARMAIL_BASE_URL"

_PROFILE_NAME = "[A-Za-z0-9._-]+"
_KEY_COMMAND_LIMIT = 10.0  # seconds


def choose_profile(
    name: str | None, environ: Environ, read: Callable[[Environ], ConfigFile] = read_config
) -> Profile:
    """Return the profile to use: the first of ``--profile``, the environment, the file.

    A key and its base URL come from the same source; nothing is taken from a later one. ``read``
    returns the file, for whoever needs it for more than this.

    Raises:
        ConfigError: there is none, it is unknown or malformed, or a variable is set but empty.
    """
    source = "--profile"
    if name is None and PROFILE_VARIABLE in environ:
        name, source = set_value(environ, PROFILE_VARIABLE), PROFILE_VARIABLE
    if name is None:
        profile = _from_variables(environ)
        return profile or _default_profile(read(environ), _ignored_base_url(environ))
    if name == DEMO:  # without a look at the file, which may be broken
        return Profile(name=DEMO, source=source, warnings=_ignored_base_url(environ))
    file = read(environ)
    return file.profile(name, f"{source}, {file.path}", _ignored_base_url(environ))


def validate_free(environ: Environ, name: str, *, replacing: bool) -> None:
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
            hint="It consists of letters, digits, `-`, `_` and `.`.",
        )
    if not replacing and name in read_config(environ).profiles:
        raise ConfigError(
            f"There is a profile `{name}` already; nothing was changed.",
            hint=f"`misar-ips profile add {name} --replace` puts a new one in its place.",
        )


def save_profile(
    environ: Environ, profile: Profile, *, make_default: bool, replacing: bool
) -> bool:
    """Write one profile into the file, and return whether it is the default one.

    Everything else in the file is left as it was. The first profile becomes the default one, so
    that a second one does not leave the choice open.

    Raises:
        ConfigError: there is one of that name and it is not to be replaced.
    """
    with edited(config_path(environ)) as file:
        validate_free(environ, profile.name, replacing=replacing)
        is_default = make_default or not (file.profiles or file.default)
        default = profile.name if is_default else file.default
        file.put(profile)
        if default:
            file.table["default_profile"] = default
    return default == profile.name


def set_default_profile(environ: Environ, name: str) -> None:
    """Make a profile, which must be there, the one that is used where nothing else is said."""
    with edited(config_path(environ)) as file:
        file.profile(name, "")
        file.table["default_profile"] = name


def remove_profile(environ: Environ, name: str) -> bool:
    """Take a profile out of the file, and return whether that leaves it without a default one."""
    if name == DEMO:
        raise _reserved()
    with edited(config_path(environ)) as file:
        if name not in file.profiles:
            raise file.unknown(name)
        was_default = name == file.table.get("default_profile", file.only_profile)
        del file.profiles[name]
        if was_default:
            file.table.pop("default_profile", None)
        return was_default and file.only_profile is None


def read_key(profile: Profile, environ: Environ, *, limit: float = _KEY_COMMAND_LIMIT) -> str:
    """Return the profile's key, from its command where it has one.

    Raises:
        ConfigError: the command fails, takes longer than ``limit`` seconds, or prints no key; it
            is in another user's file; or it has a key in it, which the process list would show.
    """
    if profile.api_key is not None:
        return profile.api_key
    if profile.api_key_command is None:
        raise ConfigError(f"Profile `{profile.name}` has no key.")
    what = f"api_key_command of profile `{profile.name}`"
    if not profile.may_run:
        raise ConfigError(
            f"The {what} was not run: the configuration file belongs to another user.",
            hint=f"Set {CONFIG_VARIABLE} to a file of your own.",
        )
    if holds_key(profile.api_key_command):
        raise ConfigError(
            f"The {what} has an API key in it, and others can see what is run.",
            hint=f"`misar-ips profile add {profile.name} --replace` keeps the key itself.",
        )
    from misar_ips.config.key_command import first_line_of

    line = first_line_of(profile.api_key_command, environ, limit, f"The {what}")
    return validate_key(line, f"the {what}")


def _from_variables(environ: Environ) -> Profile | None:
    base_url = DEFAULT_BASE_URL
    if BASE_URL_VARIABLE in environ:
        base_url = set_value(environ, BASE_URL_VARIABLE)
    if KEY_VARIABLE not in environ:
        return None
    return Profile(
        name="",
        api_key=validate_key(set_value(environ, KEY_VARIABLE), KEY_VARIABLE),
        base_url=validate_base_url(base_url, f"The base URL from {BASE_URL_VARIABLE}"),
        source=KEY_VARIABLE,
    )


def _default_profile(file: ConfigFile, warnings: tuple[str, ...]) -> Profile:
    if file.default is not None:
        return file.profile(file.default, str(file.path), warnings)
    if file.profiles:
        raise ConfigError(
            f"There are several profiles ({', '.join(file.profiles)}), and none is the default.",
            hint=f"Choose with `--profile NAME` or {PROFILE_VARIABLE}, "
            "or once and for all with `misar-ips profile use NAME`.",
        )
    raise NotConfiguredError(
        f"No API key is configured. {file.absence}".strip(),
        hint="Save one with `misar-ips profile add NAME` (then chosen by itself, by "
        f"`--profile NAME` or by {PROFILE_VARIABLE}), or set {KEY_VARIABLE}; or look around "
        f"without a key: `misar-ips list --profile {DEMO}`.",
    )


def _ignored_base_url(environ: Environ) -> tuple[str, ...]:
    """Warn whoever believes that the variable alone points the tool at another server."""
    if BASE_URL_VARIABLE not in environ or KEY_VARIABLE in environ:
        return ()
    return (f"{BASE_URL_VARIABLE} is ignored: it counts only together with {KEY_VARIABLE}.",)


def _reserved() -> ConfigError:
    return ConfigError(
        f"The profile name `{DEMO}` is built in; it can't be added, changed or removed.",
        hint=f"Choose another name; `--profile {DEMO}` talks to the emulator.",
    )
