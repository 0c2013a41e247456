"""What the end of each `--help` teaches: examples, and how the command may end."""

from __future__ import annotations

from dataclasses import dataclass, field

from misar_ips.errors import ExitCode

EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "the server failed, or the question was answered no",
    ExitCode.USAGE: "wrong arguments, or nobody there to answer the question",
    ExitCode.CONFIG: "no profile, unknown profile, broken file or key",
    ExitCode.AUTH: "the key is not accepted, or lacks the scope ips",
    ExitCode.PLAN_LIMIT: "the plan does not allow it",
    ExitCode.NOT_FOUND: "no such IP",
    ExitCode.RATE_LIMITED: "too many requests",
    ExitCode.REJECTED: "the server refused the request as it stands",
    ExitCode.NETWORK: "no connection, or it was lost",
    ExitCode.OUTCOME_UNKNOWN: "whether it was carried out is not known",
    ExitCode.WAIT_FAILED: "out of time, or it can't get there any more",
    ExitCode.CHECK_FAILED: "check or doctor found a problem",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
}
"""What each exit code means, in half a line."""

_ANYWHERE = {
    ExitCode.DONE: EXIT_CODES[ExitCode.DONE],
    ExitCode.FAILED: "its output could not be written",
    ExitCode.USAGE: "wrong arguments",
    ExitCode.INTERRUPTED: EXIT_CODES[ExitCode.INTERRUPTED],
}
_FILE = {**_ANYWHERE, ExitCode.CONFIG: "no such profile, or the file is broken"}
_NO_ROUTE = "the server has no dedicated IPs at this URL"
_STATE = {**_ANYWHERE, ExitCode.CONFIG: "the emulator's file can't be used"}


@dataclass(frozen=True, slots=True)
class Lesson:
    """A command's examples, and what the exit codes mean that it may end with."""

    examples: tuple[str, ...]
    exit_codes: dict[ExitCode, str] = field(default_factory=dict)


def _of_the_api(*codes: ExitCode) -> dict[ExitCode, str]:
    """Return what every command that talks to the API may end with, and these codes."""
    usual = {code: EXIT_CODES[code] for code in (*_OF_THE_API, *codes)}
    return {**usual, **_ANYWHERE, ExitCode.FAILED: "the server failed"}


_OF_THE_API = (
    ExitCode.CONFIG,
    ExitCode.AUTH,
    ExitCode.PLAN_LIMIT,
    ExitCode.RATE_LIMITED,
    ExitCode.REJECTED,
    ExitCode.NETWORK,
)

LESSONS = {
    "": Lesson(
        (
            "misar-ips list --profile demo",
            "misar-ips profile add work",
            "misar-ips request --pool transactional --wait",
        )
    ),
    "request": Lesson(
        (
            "misar-ips request --pool transactional --rdns mail.example.com",
            "misar-ips request --wait",
            "misar-ips request --json | jq -r .id",
        ),
        {
            **_of_the_api(ExitCode.OUTCOME_UNKNOWN, ExitCode.WAIT_FAILED),
            ExitCode.NOT_FOUND: _NO_ROUTE,
        },
    ),
    "wait": Lesson(
        (
            "misar-ips wait ip_abc123 --for provisioned",
            "misar-ips wait ip_abc123 --for warmed --timeout 28d && echo warmed",
        ),
        _of_the_api(ExitCode.NOT_FOUND, ExitCode.WAIT_FAILED),
    ),
    "list": Lesson(
        (
            "misar-ips list --pool marketing --status warming",
            "misar-ips list --sort warmup_percent",
            "misar-ips list --json | jq -r '.[].address'",
        ),
        {**_of_the_api(), ExitCode.NOT_FOUND: _NO_ROUTE},
    ),
    "show": Lesson(
        (
            "misar-ips show ip_abc123",
            "misar-ips show 198.51.100.42 --watch",
            "misar-ips show ip_abc123 --json | jq .warmup",
        ),
        _of_the_api(ExitCode.NOT_FOUND),
    ),
    "check": Lesson(
        (
            "misar-ips check",
            "misar-ips check ip_abc123 --blocklists",
            "misar-ips check --json | jq -r '.[] | select(.ok | not).address'",
        ),
        {**_of_the_api(ExitCode.NOT_FOUND), ExitCode.CHECK_FAILED: "a check failed"},
    ),
    "update": Lesson(
        (
            "misar-ips update ip_abc123 --rdns mail.example.com",
            "misar-ips update 198.51.100.42 --pool transactional",
        ),
        _of_the_api(ExitCode.NOT_FOUND, ExitCode.OUTCOME_UNKNOWN),
    ),
    "release": Lesson(
        ("misar-ips release ip_jkl012", "misar-ips release ip_abc123 ip_def456 --yes"),
        {
            **_of_the_api(ExitCode.NOT_FOUND, ExitCode.OUTCOME_UNKNOWN),
            ExitCode.FAILED: EXIT_CODES[ExitCode.FAILED],
            ExitCode.USAGE: EXIT_CODES[ExitCode.USAGE],
        },
    ),
    "doctor": Lesson(
        ("misar-ips doctor", "misar-ips doctor --profile work --json"),
        {**_ANYWHERE, ExitCode.CHECK_FAILED: "something is broken"},
    ),
    "profile": Lesson(
        (
            "misar-ips profile add work",
            "misar-ips profile use work",
            "misar-ips profile list",
        )
    ),
    "profile add": Lesson(
        (
            "misar-ips profile add work",
            "misar-ips profile add ci < key.txt",
            "misar-ips profile add vault --api-key-command 'op read op://infra/misar/key'",
        ),
        {
            **_ANYWHERE,
            ExitCode.FAILED: "no key was typed",
            ExitCode.CONFIG: "the name is taken, or the key or the file is broken",
            ExitCode.AUTH: "the server does not accept the key; it is not saved",
        },
    ),
    "profile list": Lesson(
        ("misar-ips profile list", "misar-ips profile list --json | jq -r '.[].name'"), _FILE
    ),
    "profile use": Lesson(("misar-ips profile use work", "misar-ips profile use demo"), _FILE),
    "profile remove": Lesson(
        ("misar-ips profile remove ci", "misar-ips profile remove work && misar-ips profile list"),
        _FILE,
    ),
    "emulator": Lesson(
        (
            "misar-ips emulator serve",
            "misar-ips emulator advance 7d",
            "misar-ips emulator reset",
        )
    ),
    "emulator serve": Lesson(
        (
            "misar-ips emulator serve",
            "misar-ips emulator serve --port 0 --plan max",
            "misar-ips emulator serve --fault POST:lost-reply:1 --fault GET:503:2",
        ),
        _STATE,
    ),
    "emulator advance": Lesson(
        ("misar-ips emulator advance 24h", "misar-ips emulator advance 28d"), _STATE
    ),
    "emulator reset": Lesson(
        ("misar-ips emulator reset", "misar-ips emulator reset --db scratch.db"), _STATE
    ),
}
"""By the command's name; a command with others under it leaves exit codes to them."""
