"""What `misar-ips profile` does: keys saved after they were tried, listed masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.api import credentials
from misar_ips.config import profiles as config
from misar_ips.config.file import config_path, read_config
from misar_ips.errors import ConfigError, UnauthorizedError
from misar_ips.results import ProfileEntry
from misar_ips.safe_text import without_keys

if TYPE_CHECKING:
    from misar_ips.config.file import Profile
    from misar_ips.session import Session


def add(session: Session, wanted: Profile, *, make_default: bool, replacing: bool) -> None:
    """Ask for the key, try it with one list, and save the profile.

    Raises:
        ConfigError: the name is taken or the key malformed; nothing is saved.
        UnauthorizedError: the server does not accept the key; nothing is saved.
    """
    config.validate_free(session.environ, wanted.name, replacing=replacing)
    has_command = wanted.api_key_command is not None
    profile = wanted if has_command else wanted._replace(api_key=_ask_key(session))
    with session.client_for(profile) as client:
        trouble = client.try_key()
    if isinstance(trouble, UnauthorizedError):
        hint = f"Make a key in MisarMail's settings, then `misar-ips profile add {wanted.name}`."
        raise trouble.with_context("Nothing was saved.", hint=hint)
    is_default = config.save_profile(
        session.environ, profile, make_default=make_default, replacing=replacing
    )
    if trouble:
        session.output.warning(f"The key was saved, though trying it failed. {trouble.message}")
    session.output.result(_entry(profile, default=is_default))
    session.output.note(f"Saved profile {profile.name} in {config_path(session.environ)}.")
    _warn_of_a_variable(session, profile.name)
    which = "" if is_default else f" --profile {profile.name}"
    session.output.next_step(f"`misar-ips list{which}` shows its IPs.")


def entries(session: Session) -> list[ProfileEntry]:
    """Return the saved profiles as they may be shown, and warn of what is wrong with the file.

    Raises:
        ConfigError: the configuration file or a profile in it is broken.
    """
    file = read_config(session.environ)
    for warning in file.warnings:
        session.output.warning(warning)
    return [_entry(each, default=each.name == file.default) for each in file.all_profiles()]


def use(session: Session, name: str) -> None:
    """Make a profile the default one.

    Raises:
        ConfigError: no such profile, or the file can't be changed.
    """
    config.set_default_profile(session.environ, name)
    session.output.note(f"Profile {name} is the default now.")
    _warn_of_a_variable(session, name)


def remove(session: Session, name: str) -> None:
    """Forget a profile and its key.

    Raises:
        ConfigError: no such profile, or the file can't be changed.
    """
    none_is_default = config.remove_profile(session.environ, name)
    what_now = " No profile is the default now." if none_is_default else ""
    session.output.note(f"Removed profile {name}.{what_now}")


def _warn_of_a_variable(session: Session, name: str) -> None:
    """Warn whoever believes that commands use this profile from now on."""
    variable, account = config.PROFILE_VARIABLE, session.environ.get(config.PROFILE_VARIABLE)
    if account is None and config.KEY_VARIABLE in session.environ:
        variable, account = config.KEY_VARIABLE, "another key"
    if account not in {None, name}:
        session.output.warning(
            f"Commands still use {account}, because {variable} is set and wins over profile "
            f"{name}: `unset {variable}`, or add `--profile {name}` to each command."
        )


def _entry(profile: Profile, *, default: bool) -> ProfileEntry:
    return ProfileEntry(
        name=without_keys(profile.name),
        base_url=without_keys(profile.base_url),
        timeout=profile.timeout,
        api_key=credentials.mask_key(profile.api_key) if profile.api_key else None,
        api_key_command=without_keys(profile.api_key_command or "") or None,
        default=default,
    )


def _ask_key(session: Session) -> str:
    try:
        key = session.output.questions.ask_secret("API key")
    except UnicodeDecodeError:
        # `from None`: that error holds what was typed.
        raise ConfigError("The API key from standard input is not a text.") from None
    return credentials.validate_key(key, "standard input")
