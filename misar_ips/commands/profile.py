"""What `misar-ips profile` does: keys saved after they were tried, listed masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.api import credentials
from misar_ips.config import profiles as config
from misar_ips.config.file import config_path
from misar_ips.errors import ConfigError
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
    is_default = config.save_profile(
        session.environ, profile, make_default=make_default, replacing=replacing
    )
    if trouble:
        session.output.warning(f"The key was saved, but could not be tried. {trouble.message}")
    session.output.result(_entry(profile, default=is_default))
    session.output.note(f"Saved profile {profile.name} in {config_path(session.environ)}.")


def entries(session: Session) -> list[ProfileEntry]:
    """Return the saved profiles as they may be shown, and warn of what is wrong with the file.

    Raises:
        ConfigError: the configuration file or a profile in it is broken.
    """
    profiles, default = config.read_profiles(session.environ)
    for warning in dict.fromkeys(each for profile in profiles for each in profile.warnings):
        session.output.warning(warning)
    return [_entry(profile, default=profile.name == default) for profile in profiles]


def _entry(profile: Profile, *, default: bool) -> ProfileEntry:
    return ProfileEntry(
        name=profile.name,
        base_url=profile.base_url,
        timeout=profile.timeout,
        api_key=credentials.mask_key(profile.api_key) if profile.api_key else None,
        api_key_command=without_keys(profile.api_key_command or "") or None,
        default=default,
    )


def _ask_key(session: Session) -> str:
    try:
        key = session.output.ask_secret("API key")
    except UnicodeDecodeError:
        # `from None`: that error holds what was typed.
        raise ConfigError("The API key from standard input is no text.") from None
    return credentials.validate_key(key, "standard input")
