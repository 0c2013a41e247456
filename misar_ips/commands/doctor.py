"""What `misar-ips doctor` looks at: what is set, where it came from, and whether it works.

Each point is looked at by itself, so that one that is broken does not hide the others. The API is
asked once, and what DNS and TLS are worth follows from how that goes.
"""

from __future__ import annotations

import os
import platform
import socket
import ssl
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from misar_ips.api import credentials
from misar_ips.config import profiles as config
from misar_ips.config.file import config_path
from misar_ips.dns.verdicts import FAIL, PASS, WARNING
from misar_ips.errors import (
    APIError,
    CheckFailedError,
    ConfigError,
    ForbiddenError,
    MisarError,
    NetworkError,
    RateLimitError,
    UnauthorizedError,
    root_cause,
)
from misar_ips.hostnames import is_loopback
from misar_ips.results import Finding
from misar_ips.times import in_words
from misar_ips.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from misar_ips.api.reply import Reply
    from misar_ips.config.file import Profile
    from misar_ips.session import Session

_MOST_CLOCKS_DIFFER = 60.0  # seconds
_FEW_LEFT = 0.1  # of a minute's requests
_LIBRARIES = ("httpx", "rich", "typer")


def examine(session: Session, profile_name: str | None) -> tuple[Finding, ...]:
    """Look at everything, and give what was found, in the order in which it is needed."""
    environ = session.environ
    return (
        _versions(),
        *_configuration(environ),
        *_account(session, profile_name),
    )


def require_health(findings: Sequence[Finding]) -> None:
    """Make sure that nothing was found to be broken.

    Raises:
        CheckFailedError: something was.
    """
    broken = [finding.name for finding in findings if finding.status == FAIL]
    if broken:
        raise CheckFailedError(
            f"Broken: {', '.join(broken)}.", hint="What to do stands beside each."
        )


def _versions() -> Finding:
    from importlib.metadata import version

    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return Finding("versions", PASS, f"{program_and_platform()}; {libraries}.")


def program_and_platform() -> str:
    """Return program, Python and platform in one line, as a report of a fault needs them."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"misar-ips {__version__}, {python}, {platform.platform(terse=True)} ({sys.executable})"


def _configuration(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        path = config_path(environ)
        profiles, default = config.read_profiles(environ)
    except ConfigError as error:
        yield _failed("configuration", error)
        return
    if not path.exists():
        yield Finding("configuration", PASS, f"There is no file {path}; none is needed.")
        return
    names = ", ".join(profile.name for profile in profiles) or "none"
    default_one = f"; the default one is {default}" if default else ""
    yield Finding("configuration", PASS, f"{path}. Profiles: {names}{default_one}.")
    warnings = dict.fromkeys(each for profile in profiles for each in profile.warnings)
    for warning in warnings:
        yield Finding("permissions", WARNING, warning)
    if profiles and not warnings and os.name == "posix":
        yield Finding("permissions", PASS, "Only you can read the keys in it.")


def _account(session: Session, profile_name: str | None) -> Iterator[Finding]:
    environ = session.environ
    try:
        profile = config.choose_profile(profile_name, environ)
    except ConfigError as error:
        is_fresh = not _sources(profile_name, environ)
        yield Finding("profile", WARNING if is_fresh else FAIL, error.message, error.hint)
        return
    yield _profile(profile, profile_name, environ)
    if config.BASE_URL_VARIABLE in environ and profile.source != config.KEY_VARIABLE:
        yield _ignored_base_url()
    yield Finding("key", PASS, _key(profile))
    if profile.is_demo:
        yield Finding("url", PASS, "None: the demo account is inside the program.")
    else:
        yield Finding("url", PASS, f"{profile.base_url}, {_source_of_url(profile, environ)}.")
    yield from _api(session, profile)


def _sources(profile_name: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return every place that names an account, the one that counts first."""
    named = [] if profile_name is None else ["--profile"]
    named += [each for each in (config.PROFILE_VARIABLE, config.KEY_VARIABLE) if each in environ]
    try:
        profiles, default = config.read_profiles(environ)
    except ConfigError:
        return [*named, "the configuration file"]  # whatever stands in it
    if default:
        return [*named, f"the file's default profile {default}"]
    return [*named, "the configuration file"] if profiles else named


def _profile(profile: Profile, profile_name: str | None, environ: Mapping[str, str]) -> Finding:
    chosen_by, *shadowed = _sources(profile_name, environ) or [profile.source]
    others = [each for each in shadowed if not each.endswith(f" profile {profile.name}")]
    message = (
        f"Profile {profile.name}, from {profile.source}."
        if profile.name
        else f"None: the key in {profile.source} is used."
    )
    if not others:
        return Finding("profile", PASS, message)
    message = f"{message} It shadows {', '.join(others)}."
    if chosen_by == "--profile":  # said on purpose, for this once
        return Finding("profile", PASS, message)
    return Finding("profile", WARNING, message, f"If that is not meant: `unset {chosen_by}`.")


def _ignored_base_url() -> Finding:
    return Finding(
        "url",
        WARNING,
        f"{config.BASE_URL_VARIABLE} is ignored: it counts only together with "
        f"{config.KEY_VARIABLE}.",
        f"`unset {config.BASE_URL_VARIABLE}`, or set both.",
    )


def _key(profile: Profile) -> str:
    if profile.is_demo:
        return "None: the demo account needs no key."
    if profile.api_key is None:
        return f"Printed by the api_key_command of profile {profile.name}."
    source = f"profile {profile.name}" if profile.name else profile.source
    return f"{credentials.mask_key(profile.api_key)}, from {source}."


def _source_of_url(profile: Profile, environ: Mapping[str, str]) -> str:
    if profile.source == config.KEY_VARIABLE and config.BASE_URL_VARIABLE in environ:
        return f"from {config.BASE_URL_VARIABLE}"
    if profile.base_url == credentials.DEFAULT_BASE_URL:
        return "the default"
    return f"from profile {profile.name}"


def _api(session: Session, profile: Profile) -> Iterator[Finding]:
    """Ask the API for the list, once, and give what that tells."""
    is_near = profile.is_demo or is_loopback(urlsplit(profile.base_url).hostname or "")
    try:
        with session.client_for(profile) as client:
            started = session.clock()
            reply = client.probe()
            seconds = session.clock() - started
    except ConfigError as error:
        yield _failed("key", error)
    except NetworkError as error:
        yield from _unreachable(error, profile)
    else:
        if not is_near:
            yield _known(profile)
            yield Finding("tls", PASS, "Its certificate is trusted.")
        yield from _answered(reply, seconds)
        if not is_near and reply.date:
            yield _clock((datetime.now(UTC) - reply.date).total_seconds())


def _unreachable(error: NetworkError, profile: Profile) -> Iterator[Finding]:
    cause = root_cause(error)
    if isinstance(cause, socket.gaierror):
        yield _failed("dns", error)
    elif isinstance(cause, ssl.SSLError):
        yield _known(profile)
        yield _failed("tls", error)
    else:
        yield _failed("api", error)


def _known(profile: Profile) -> Finding:
    return Finding("dns", PASS, f"{urlsplit(profile.base_url).hostname} is known.")


def _answered(reply: Reply, seconds: float) -> Iterator[Finding]:
    answered = Finding("api", PASS, f"It answered after {seconds * 1000:.0f} ms.")
    accepted = Finding("access", PASS, "The API accepts the key.")
    try:
        number = len(reply.ips())
    except UnauthorizedError as error:
        yield from (answered, _failed("access", error), *_limit(reply))
    except ForbiddenError as error:
        yield from (answered, accepted, _failed("scope", error), *_limit(reply))
    except RateLimitError as error:
        yield from (answered, Finding("limit", WARNING, error.message, error.hint))
    except APIError as error:
        yield _failed("api", error)
    else:
        yield from (answered, accepted)
        yield Finding("scope", PASS, f"The key has the scope `ips`; IPs of the account: {number}.")
        yield from _limit(reply)


def _limit(reply: Reply) -> Iterator[Finding]:
    quota = reply.quota
    if quota is None:
        return
    left, most = quota
    message = f"{left} of {most} requests are left."
    if left >= _FEW_LEFT * most:
        yield Finding("limit", PASS, message)
    else:
        yield Finding("limit", WARNING, message, "Wait a minute before a script goes on.")


def _clock(seconds_ahead: float) -> Finding:
    if abs(seconds_ahead) <= _MOST_CLOCKS_DIFFER:
        return Finding("clock", PASS, "This machine's clock agrees with the server's.")
    direction = "ahead of" if seconds_ahead > 0 else "behind"
    return Finding(
        "clock",
        WARNING,
        f"This machine's clock is {in_words(abs(seconds_ahead))} {direction} the server's.",
        "Let the system set it from the network (NTP); certificates depend on it.",
    )


def _failed(name: str, error: MisarError) -> Finding:
    return Finding(name, FAIL, error.message, error.hint)
