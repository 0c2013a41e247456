"""Everything that can go wrong, as one tree.

    MisarError                         code                    exit
    ├── UsageError                     usage                      2
    │   └── ConfirmationRequiredError  confirmation_required      2
    ├── ConfigError                    config                     3
    │   ├── NotConfiguredError         config                     3
    │   └── NoHomeFolderError          config                     3
    ├── CancelledError                 cancelled                  1
    ├── OutputError                    internal_error             1
    ├── APIError                       api_error                  1
    │   ├── InvalidResponseError       invalid_response           1
    │   ├── UnauthorizedError          unauthorized               4
    │   ├── ForbiddenError             forbidden                  4
    │   ├── PlanLimitError             plan_limit                 5
    │   ├── NotFoundError              not_found                  6
    │   ├── RateLimitError             rate_limited               7
    │   └── RejectedError              rejected                   8
    ├── NetworkError                   network                    9
    │   └── ProxyError                 network                    9
    ├── OutcomeUnknownError            outcome_unknown           10
    ├── WaitTimeoutError               wait_timeout              11
    ├── WaitFailedError                wait_failed               11
    ├── CheckFailedError               check_failed              12
    ├── ChangesFoundError              changed                   12
    └── StoppedError                   interrupted              130   and 129, 131, 143

Each class knows its code in ``--json`` errors and its exit code; both are promises to scripts.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Self

from misar_ips.safe_text import without_keys

if TYPE_CHECKING:
    from collections.abc import Mapping


class ExitCode(IntEnum):
    """What the program's exit code means."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    AUTH = 4
    PLAN_LIMIT = 5
    NOT_FOUND = 6
    RATE_LIMITED = 7
    REJECTED = 8
    NETWORK = 9
    OUTCOME_UNKNOWN = 10
    WAIT_FAILED = 11
    CHECK_FAILED = 12
    HANGUP = 129
    INTERRUPTED = 130
    QUIT = 131
    TERMINATED = 143


class MisarError(Exception):
    """The root of every error this package raises on purpose.

    ``message`` says what happened, and to which IP; ``hint`` says what to do next. A key that was
    given in the place of something else is cut in both. ``maybe_applied`` tells whether the request
    that failed may have been carried out all the same. An error is never changed after it was made.
    """

    code: ClassVar[str] = "internal_error"
    exit_code: ExitCode = ExitCode.FAILED
    maybe_applied: bool = False
    _facts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = without_keys(message)
        self.hint = without_keys(hint) if hint else hint
        super().__init__(self.message)

    def with_context(
        self, before: str = "", *, hint: str | None = None, maybe_applied: bool = False
    ) -> Self:
        """Return a new error of the same kind and facts, whose message begins with ``before``.

        ``hint``, where it is given, takes the place of the old one.
        """
        kind = type(self)
        other = kind.__new__(kind)
        other.__dict__.update(self.__dict__)
        other.maybe_applied = self.maybe_applied or maybe_applied
        MisarError.__init__(other, f"{before} {self.message}".strip(), hint=hint or self.hint)
        return other

    def to_json(self) -> dict[str, object]:
        """Return the value of ``error`` in ``--json`` output; unknown facts are left out."""
        facts = {name: getattr(self, name) for name in ("code", "message", "hint", *self._facts)}
        return {name: value for name, value in facts.items() if value is not None}


class UsageError(MisarError):
    """The arguments make no sense; nothing was sent."""

    code = "usage"
    exit_code = ExitCode.USAGE


class ConfirmationRequiredError(UsageError):
    """A question was due, and nobody is there to answer it."""

    code = "confirmation_required"


class ConfigError(MisarError):
    """No profile, a broken file, an empty or malformed key; nothing was sent."""

    code = "config"
    exit_code = ExitCode.CONFIG


class NotConfiguredError(ConfigError):
    """There is no profile and no key at all."""


class NoHomeFolderError(ConfigError):
    """A folder of the user's is needed, and the home folder is not known."""

    def __init__(self, variable: str) -> None:
        super().__init__(
            "There is no home folder: HOME is not set, and the system has no entry for this user.",
            hint=f"Set HOME, or {variable} to a file.",
        )


class CancelledError(MisarError):
    """The question was answered no; nothing was changed."""

    code = "cancelled"


class OutputError(MisarError):
    """The result could not be written, to a full disk for example."""


class APIError(MisarError):
    """The server answered, and its answer was a failure.

    ``status`` is the HTTP status, ``details`` what the server said of each field, ``retry_after``
    the seconds it asked to be left alone, ``plan`` and ``upgrade_url`` its plan refusal.
    """

    code = "api_error"
    _facts = ("status", "details", "retry_after", "plan", "upgrade_url")

    def __init__(  # noqa: PLR0913 - one argument for each fact that scripts are promised
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        details: Mapping[str, object] | None = None,
        retry_after: float | None = None,
        plan: str | None = None,
        upgrade_url: str | None = None,
        maybe_applied: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.maybe_applied = maybe_applied
        self.status = status
        self.details = details
        self.retry_after = retry_after
        self.plan = plan
        self.upgrade_url = upgrade_url


class InvalidResponseError(APIError):
    """The server's answer can't be understood."""

    code = "invalid_response"


class UnauthorizedError(APIError):
    """401: the key is missing, wrong, revoked or expired."""

    code = "unauthorized"
    exit_code = ExitCode.AUTH


class ForbiddenError(APIError):
    """403 without a plan refusal: the key lacks the scope ``ips``."""

    code = "forbidden"
    exit_code = ExitCode.AUTH


class PlanLimitError(APIError):
    """The account's plan does not allow it; repeating can't help."""

    code = "plan_limit"
    exit_code = ExitCode.PLAN_LIMIT


class NotFoundError(APIError):
    """No such IP, or an API without this route."""

    code = "not_found"
    exit_code = ExitCode.NOT_FOUND


class RateLimitError(APIError):
    """Still too many requests after the retries; ``retry_after`` says when to come back."""

    code = "rate_limited"
    exit_code = ExitCode.RATE_LIMITED


class RejectedError(APIError):
    """400, 405, 409, 413, 415 or 422: the server refused the request."""

    code = "rejected"
    exit_code = ExitCode.REJECTED


class NetworkError(MisarError):
    """DNS, connect, TLS, timeout, or a connection lost; ``transient`` ones may pass."""

    code = "network"
    exit_code = ExitCode.NETWORK

    def __init__(
        self, message: str, *, hint: str | None = None, maybe_applied: bool, transient: bool = True
    ) -> None:
        super().__init__(message, hint=hint)
        self.maybe_applied = maybe_applied
        self.transient = transient


class ProxyError(NetworkError):
    """The proxy on the way to the server is not known, can't be reached, or refuses."""


class OutcomeUnknownError(MisarError):
    """A request was sent, its answer was lost, and what came of it could not be found out."""

    code = "outcome_unknown"
    exit_code = ExitCode.OUTCOME_UNKNOWN


class WaitTimeoutError(MisarError):
    """`wait` ran out of time; the IP may still get there."""

    code = "wait_timeout"
    exit_code = ExitCode.WAIT_FAILED


class WaitFailedError(MisarError):
    """What `wait` waits for can't come any more."""

    code = "wait_failed"
    exit_code = ExitCode.WAIT_FAILED


class CheckFailedError(MisarError):
    """What was checked is not as it should be; the result says what to do."""

    code = "check_failed"
    exit_code = ExitCode.CHECK_FAILED


class ChangesFoundError(MisarError):
    """Something is new since the last run of `changes`, which was told to say so."""

    code = "changed"
    exit_code = ExitCode.CHECK_FAILED


class StoppedError(MisarError):
    """Stopped by Ctrl-C or another signal; the exit code is 128 and the signal's number."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: str, *, signal_number: int = 2) -> None:
        super().__init__(message)
        self.exit_code = ExitCode(128 + signal_number)


class StopSignal(KeyboardInterrupt):
    """A signal that ends the program: SIGTERM, SIGHUP or SIGQUIT, by its ``number``."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def root_cause(error: BaseException) -> BaseException:
    """Return what an error came from in the first place."""
    while (cause := error.__cause__ or error.__context__) is not None:
        if isinstance(cause, MisarError) and not isinstance(error, MisarError):
            break  # another request's trouble, which was being handled
        error = cause
    return error
