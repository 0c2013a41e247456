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
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from misar_ips.api import credentials
from misar_ips.config import profiles as config
from misar_ips.config.file import CONFIG_VARIABLE, read_config
from misar_ips.dns.verdicts import FAIL, PASS, WARNING
from misar_ips.errors import (
    APIError,
    CheckFailedError,
    ConfigError,
    ForbiddenError,
    MisarError,
    NetworkError,
    NoHomeFolderError,
    ProxyError,
    RateLimitError,
    UnauthorizedError,
    root_cause,
)
from misar_ips.hostnames import is_loopback
from misar_ips.results import Finding
from misar_ips.safe_text import without_keys
from misar_ips.times import in_words
from misar_ips.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from misar_ips.api.reply import Reply
    from misar_ips.config.file import ConfigFile, Profile
    from misar_ips.output.writer import Output
    from misar_ips.session import Session

_MOST_CLOCKS_DIFFER = 60.0  # seconds
_FEW_LEFT = 0.1  # of a minute's requests
_ENDINGS = ("/mail/v1", "/api/v1")  # of base URLs: the reference prints both
_CULPRITS = {"SSL_": "tls", "This machine's cert": "tls", "The base URL": "url", "": "proxy"}
"""How the error begins where a connection can't be prepared, and at which point that is told."""

_LIBRARIES = ("httpx", "rich", "typer")


def examine(session: Session, profile_name: str | None) -> tuple[Finding, ...]:
    """Look at everything, and return what was found, in the order in which it is needed."""
    file = _file(session.environ)
    found = (_versions(), *_configuration(file), *_account(session, profile_name, file))
    return tuple(replace(each, message=without_keys(each.message)) for each in found)


def report(output: Output, findings: Sequence[Finding]) -> None:
    """Write what was found.

    Raises:
        CheckFailedError: something is broken, whether or not anybody still reads.
    """
    broken = [finding.name for finding in findings if finding.status == FAIL]
    try:
        output.result(findings)
    except BrokenPipeError:
        if not broken:
            raise
    if broken:
        raise CheckFailedError(f"Broken: {', '.join(broken)}.", hint="What to do is beside each.")


def _versions() -> Finding:
    from importlib.metadata import version

    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return Finding("versions", PASS, f"{program_and_platform()}; {libraries}.")


def program_and_platform() -> str:
    """Return program, Python and platform in one line, as a report of a fault needs them."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"misar-ips {__version__}, {python}, {platform.platform(terse=True)} ({sys.executable})"


def _file(environ: Mapping[str, str]) -> ConfigFile | ConfigError:
    """Read the file once: a pipe can't be read again."""
    try:
        return read_config(environ)
    except ConfigError as error:
        return error


def _configuration(file: ConfigFile | ConfigError) -> Iterator[Finding]:
    try:
        found = _unless_error(file)
        profiles, default = found.all_profiles(), found.default
    except NoHomeFolderError as error:  # a key from the environment needs no folder
        yield Finding("configuration", WARNING, error.message, error.hint)
    except ConfigError as error:
        yield _failed("configuration", error)
    else:
        yield from _profiles_in(found, [profile.name for profile in profiles], default)


def _profiles_in(
    file: ConfigFile, profiles: Sequence[str], default: str | None
) -> Iterator[Finding]:
    if file.absence:
        hint = f"`unset {CONFIG_VARIABLE}`, or `misar-ips profile add NAME` makes the file."
        yield Finding("configuration", WARNING, file.absence, hint)
    elif not file.exists:
        yield Finding("configuration", PASS, f"There is no file {file.path}; none is needed.")
    else:
        default_one = f"; the default one is {default}" if default else ""
        names = ", ".join(profiles) or "none"
        yield Finding("configuration", PASS, f"{file.path}. Profiles: {names}{default_one}.")
        for warning in file.warnings:
            yield Finding("permissions", WARNING, warning)
        if profiles and not file.warnings and os.name == "posix":
            yield Finding("permissions", PASS, "Only you can read the keys in it.")


def _account(
    session: Session, profile_name: str | None, file: ConfigFile | ConfigError
) -> Iterator[Finding]:
    try:
        profile = config.choose_profile(
            profile_name, session.environ, lambda _environ: _unless_error(file)
        )
    except ConfigError as error:
        yield _failed("profile", error)
        return
    yield _profile(profile, _sources(profile_name, session.environ, file))
    try:
        key = None if profile.is_demo else config.read_key(profile, session.environ)
    except ConfigError as error:
        yield _failed("key", error)
        yield from _url(profile, session.environ)
        return
    yield Finding("key", PASS, _key(profile))
    yield from _url(profile, session.environ)
    # Its command is not run a second time.
    yield from _api(session, profile if key is None else profile._replace(api_key=key))


def _sources(
    profile_name: str | None, environ: Mapping[str, str], file: ConfigFile | ConfigError
) -> list[str]:
    """Return every place that names an account, the one that counts first."""
    named = [] if profile_name is None else ["--profile"]
    named += [each for each in (config.PROFILE_VARIABLE, config.KEY_VARIABLE) if each in environ]
    try:
        default, profiles = _unless_error(file).default, _unless_error(file).profiles
    except NoHomeFolderError:
        return named
    except ConfigError:
        return [*named, "the configuration file"]  # whatever is in it
    if default:
        return [*named, f"the file's default profile {default}"]
    return [*named, "the configuration file"] if profiles else named


def _unless_error(file: ConfigFile | ConfigError) -> ConfigFile:
    if isinstance(file, ConfigError):
        raise file
    return file


def _profile(profile: Profile, sources: Sequence[str]) -> Finding:
    chosen_by, *shadowed = sources
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


def _key(profile: Profile) -> str:
    if profile.is_demo:
        return "None: the demo account needs no key."
    if profile.api_key is None:
        return f"Printed by the api_key_command of profile {profile.name}."
    source = f"profile {profile.name}" if profile.name else profile.source
    return f"{credentials.mask_key(profile.api_key)}, from {source}."


def _url(profile: Profile, environ: Mapping[str, str]) -> Iterator[Finding]:
    variable, url = config.BASE_URL_VARIABLE, profile.base_url
    for warning in profile.warnings:
        if warning.startswith(variable):
            yield Finding("url", WARNING, warning, f"`unset {variable}`, or set both.")
    if profile.is_demo:
        yield Finding("url", PASS, "None: the demo account is inside the program.")
        return
    if profile.source == config.KEY_VARIABLE and variable in environ:
        source = f"from {variable}"
    elif url == credentials.DEFAULT_BASE_URL:
        source = "the default"
    else:
        source = f"from profile {profile.name}"
    if url.endswith(_ENDINGS):
        yield Finding("url", PASS, f"{url}, {source}.")
    else:
        ending = f"{url}, {source}: it does not end in {_ENDINGS[0]}."
        yield Finding("url", WARNING, ending, f"MisarMail's is {credentials.DEFAULT_BASE_URL}.")


def _api(session: Session, profile: Profile) -> Iterator[Finding]:
    """Ask the API for the list, once, and return what that tells."""
    try:
        client = session.client_for(profile)
    except ConfigError as error:
        starts = (start for start in _CULPRITS if error.message.startswith(start))
        yield _failed(_CULPRITS[next(starts, "")], error)
        return
    try:
        with client:
            started = session.clock()
            with session.waits.during("Waiting for the API to answer"):
                reply = client.probe()
            seconds = session.clock() - started
    except NetworkError as error:
        yield from _unreachable(error, profile, client.proxy)
        return
    is_near = profile.is_demo or is_loopback(urlsplit(profile.base_url).hostname or "")
    if not is_near:
        yield _found(profile, client.proxy)
        yield Finding("tls", PASS, "Its certificate is trusted.")
    yield from _answered(reply, seconds, profile)
    if not is_near and reply.date:
        yield _clock((datetime.now(UTC) - reply.date).total_seconds())


def _unreachable(error: NetworkError, profile: Profile, proxy: str | None) -> Iterator[Finding]:
    cause = root_cause(error)
    if isinstance(error, ProxyError):
        yield _failed("proxy", error)
    elif isinstance(cause, socket.gaierror):
        yield _failed("dns", error)
    elif isinstance(cause, ssl.SSLError):
        yield _found(profile, proxy)
        yield _failed("tls", error)
    else:
        yield _failed("api", error)


def _found(profile: Profile, proxy: str | None) -> Finding:
    """Return how the server was found: a proxy looks its name up itself."""
    if proxy:
        return Finding("proxy", PASS, f"Requests go through {proxy}.")
    return Finding("dns", PASS, f"{urlsplit(profile.base_url).hostname} is known.")


def _answered(reply: Reply, seconds: float, profile: Profile) -> Iterator[Finding]:
    answered = Finding("api", PASS, f"It answered after {seconds * 1000:.0f} ms.")
    accepted = Finding("access", PASS, "The API accepts the key.")
    try:
        number = len(reply.ips())
    except UnauthorizedError as error:
        yield from (
            answered,
            _failed("access", error.with_context(hint=profile.new_key_hint)),
            *_limit(reply),
        )
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
