"""What a command needs, made when it is first used: profile, client, output, the time."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self, TextIO

from misar_ips.output.writer import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from io import BufferedIOBase
    from pathlib import Path

    import httpx

    from misar_ips.api.client import Client
    from misar_ips.api.models import IPList
    from misar_ips.config.file import Profile
    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.dns.resolver import Limits, Resolver
    from misar_ips.emulator.store import Store
    from misar_ips.errors import MisarError
    from misar_ips.output.waits import Waits

_DEMO_URL = "http://localhost/mail/v1"
_DEMO_KEY = "msk_demo"
_WHY_NO_DNS = "the demo looks nothing up without `--resolver`"


class Session:
    """One run of the program.

    Everything from outside comes in here: the environment, the streams, the network's
    ``transport``, a ``clock`` that counts seconds, how to ``sleep``, the ``jitter`` of waits (a
    number from 0 to 1), the system's ``nameservers``, and for how long they are asked
    (``dns_limits``); tests bring their own.
    """

    def __init__(  # noqa: PLR0913 - the outside world has as many sides
        self,
        *,
        environ: Mapping[str, str] = os.environ,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] | None = None,
        nameservers: Callable[[], Sequence[Nameserver]] | None = None,
        dns_limits: Limits | None = None,
    ) -> None:
        self.environ = environ
        self.output = Output(
            environ, stdin or sys.stdin, stdout or sys.stdout, stderr or sys.stderr, self.now
        )
        self._stdin = stdin or sys.stdin
        self._transport = transport
        self.sleep = sleep
        self.clock = clock
        self._jitter = jitter
        self._nameservers = nameservers
        self._dns_limits = dns_limits
        self._profile_name: str | None = None
        self._opened = ExitStack()

    def open(self, profile: str | None, *, json: bool, debug: bool) -> Self:
        """Take a command's common options; nothing is read or sent yet."""
        self._profile_name = self.output.profile = profile
        self.output.json = json
        self.output.verbose = debug
        return self

    @cached_property
    def profile(self) -> Profile:
        """The profile to use; its warnings are given when it is first asked for."""
        from misar_ips.config.profiles import choose_profile

        profile = choose_profile(self._profile_name, self.environ)
        for warning in profile.warnings:
            self.output.warning(warning)
        return profile

    @cached_property
    def waits(self) -> Waits:
        """What the run waits for right now."""
        from misar_ips.output.waits import Waits

        return Waits(self.output)

    @cached_property
    def client(self) -> Client:
        """The client for the profile; people are told where it is the demo account's."""
        client = self._opened.enter_context(self.client_for(self.profile))
        if self.profile.is_demo and self.output.is_for_people:
            self.output.note(f"Demo account, from {self.profile.source}: nothing here is real.")
        return client

    def explained(self, error: MisarError) -> MisarError:
        """Return an error with what only the session knows of it: where a refused key came from."""
        from misar_ips.errors import UnauthorizedError

        profile: Profile | None = self.__dict__.get("profile")
        if profile is None or not isinstance(error, UnauthorizedError):
            return error
        return error.with_context(hint=profile.new_key_hint)

    def client_for(self, profile: Profile) -> Client:
        """Return a client for any profile, saved or not yet."""
        from misar_ips.api.client import Client
        from misar_ips.config.profiles import read_key

        log = self.output.debug if self.output.verbose else None
        if profile.is_demo:
            transport = self._transport or self._demo_transport()
            return Client(_DEMO_KEY, _DEMO_URL, transport=transport, sleep=self.sleep, log=log)
        key = read_key(profile, self.environ)
        self.output.hide(key)
        return Client(
            key,
            profile.base_url,
            timeout=profile.timeout,
            transport=self._transport,
            sleep=self.sleep,
            clock=self.clock,
            jitter=self.jitter,
            log=log,
            waiting=self.waits.during,
        )

    def listed(self) -> IPList:
        """Return the account's IPs as the server lists them, and warn where it lists a part.

        Raises:
            MisarError: they could not be listed.
        """
        ips = self.client.list()
        if not ips.is_whole:
            whole = ips.total if ips.total is not None and ips.total > len(ips) else "more"
            self.output.warning(f"The server listed {len(ips)} of {whole} IPs.")
        return ips

    @property
    def input_bytes(self) -> BufferedIOBase:
        """Standard input as bytes, for what need not be text; closed, it is empty."""
        import io

        stdin = self._stdin or io.StringIO()
        return getattr(stdin, "buffer", None) or io.BytesIO(stdin.read().encode())

    @property
    def is_demo(self) -> bool:
        """Whether the profile is the demo; where nothing is configured, it is not."""
        from misar_ips.errors import NotConfiguredError

        with suppress(NotConfiguredError):
            return self.profile.is_demo
        return False

    def resolver(self, nameservers: Sequence[Nameserver], limits: Limits | None = None) -> Resolver:
        """Return what asks DNS: these nameservers, else the system's; in the demo, else nobody."""
        from misar_ips.dns.nameservers import system_nameservers
        from misar_ips.dns.resolver import Limits, Resolver

        limits = self._dns_limits or limits or Limits()
        log = self.output.debug if self.output.verbose else None
        if not nameservers and self.is_demo:
            return Resolver((), limits, why_none=_WHY_NO_DNS)
        asked = nameservers or (self._nameservers or system_nameservers)()
        return Resolver(asked, limits, log=log)

    def jitter(self) -> float:
        """Return a number from 0 to 1 by chance."""
        from random import random  # takes its time to load

        return (self._jitter or random)()

    def command_for(self, *arguments: str) -> str:
        """Return a command line that does something with the same profile as this one."""
        import shlex

        profile = () if self._profile_name is None else ("--profile", self._profile_name)
        return shlex.join(("misar-ips", *arguments, *profile))

    def now(self) -> datetime:
        """Return the server's time where it has answered, so that a wrong clock can't mislead."""
        client = self.__dict__.get("client")  # not opened just to be asked for the time
        server_time: datetime | None = client.server_time if client else None
        return server_time or datetime.now(UTC)

    def carried_out(self) -> tuple[str, ...]:
        """Return what this run has surely changed, for whoever stops it before that was told."""
        client = self.__dict__.get("client")
        return tuple(client.carried_out) if client else ()

    def emulator_store(self, path: Path | None = None) -> Store:
        """Return the emulator's state, from its usual place or another."""
        from misar_ips.emulator.store import Store, default_path

        return self._opened.enter_context(closing(Store(path or default_path(self.environ))))

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()

    def _demo_transport(self) -> httpx.BaseTransport:
        import httpx

        from misar_ips.emulator.handler import Emulator
        from misar_ips.errors import NoHomeFolderError

        try:
            store = self.emulator_store()
        except NoHomeFolderError as error:
            from pathlib import Path  # they take their time to load
            from tempfile import TemporaryDirectory

            self.output.warning(f"{error.message} The demo account starts anew with each command.")
            folder = self._opened.enter_context(TemporaryDirectory())
            store = self.emulator_store(Path(folder) / "emulator.db")
        return httpx.MockTransport(Emulator(store, rate_limit=0))
