"""What the end of each command's `--help` teaches: examples, and how the command may end."""

from __future__ import annotations

from dataclasses import dataclass

from misar_ips.errors import ExitCode

EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "the server failed, or the question was answered no",
    ExitCode.USAGE: "wrong arguments, or nobody there to answer a question",
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

_LOCAL = (ExitCode.DONE, ExitCode.USAGE)
_FILE = (*_LOCAL, ExitCode.CONFIG)
_SERVER = (
    ExitCode.DONE,
    ExitCode.FAILED,
    ExitCode.USAGE,
    ExitCode.CONFIG,
    ExitCode.AUTH,
    ExitCode.RATE_LIMITED,
    ExitCode.NETWORK,
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A command's examples, and the exit codes that it may end with."""

    examples: tuple[str, ...]
    exit_codes: tuple[ExitCode, ...]


LESSONS = {
    "list": Lesson(
        (
            "misar-ips list --pool marketing --status warming",
            "misar-ips list --sort warmup_percent",
            "misar-ips list --json | jq -r '.[].address'",
        ),
        _SERVER,
    ),
    "show": Lesson(
        (
            "misar-ips show ip_abc123",
            "misar-ips show 198.51.100.42 --watch",
            "misar-ips show ip_abc123 --json | jq .warmup",
        ),
        (*_SERVER, ExitCode.NOT_FOUND),
    ),
    "request": Lesson(
        (
            "misar-ips request --pool transactional --rdns mail.example.com",
            "misar-ips request --wait",
        ),
        (*_SERVER, ExitCode.PLAN_LIMIT, ExitCode.REJECTED, ExitCode.OUTCOME_UNKNOWN),
    ),
    "wait": Lesson(
        (
            "misar-ips wait ip_abc123 --for provisioned",
            "misar-ips wait ip_abc123 --for warmed --timeout 28d && echo warmed",
        ),
        (*_SERVER, ExitCode.NOT_FOUND, ExitCode.WAIT_FAILED),
    ),
    "update": Lesson(
        (
            "misar-ips update ip_abc123 --rdns mail.example.com",
            "misar-ips update 198.51.100.42 --pool transactional",
        ),
        (*_SERVER, ExitCode.NOT_FOUND, ExitCode.REJECTED, ExitCode.OUTCOME_UNKNOWN),
    ),
    "release": Lesson(
        ("misar-ips release ip_jkl012", "misar-ips release ip_abc123 ip_def456 --yes"),
        (*_SERVER, ExitCode.NOT_FOUND, ExitCode.REJECTED, ExitCode.OUTCOME_UNKNOWN),
    ),
    "check": Lesson(
        (
            "misar-ips check",
            "misar-ips check ip_abc123 --blocklists",
            "misar-ips check --json | jq -r '.[] | select(.ok | not) | .address'",
        ),
        (*_SERVER, ExitCode.NOT_FOUND, ExitCode.CHECK_FAILED),
    ),
    "doctor": Lesson(
        ("misar-ips doctor", "misar-ips doctor --profile work --json"),
        (*_LOCAL, ExitCode.CHECK_FAILED),
    ),
    "profile add": Lesson(
        (
            "misar-ips profile add work",
            "misar-ips profile add ci < key.txt",
            "misar-ips profile add vault --api-key-command 'op read op://infra/misar/key'",
        ),
        (ExitCode.DONE, ExitCode.FAILED, ExitCode.USAGE, ExitCode.CONFIG, ExitCode.AUTH),
    ),
    "profile list": Lesson(
        ("misar-ips profile list", "misar-ips profile list --json | jq -r '.[].name'"), _FILE
    ),
    "profile use": Lesson(("misar-ips profile use work", "misar-ips profile use demo"), _FILE),
    "profile remove": Lesson(("misar-ips profile remove ci",), _FILE),
    "emulator serve": Lesson(
        (
            "misar-ips emulator serve",
            "misar-ips emulator serve --port 0 --plan max",
            "misar-ips emulator serve --fault POST:lost-reply:1 --fault GET:503:2",
        ),
        _FILE,
    ),
    "emulator advance": Lesson(
        ("misar-ips emulator advance 24h", "misar-ips emulator advance 28d"), _FILE
    ),
    "emulator reset": Lesson(("misar-ips emulator reset",), _FILE),
}


def lesson(command: str) -> str:
    """Give the end of a command's help, which Typer leaves as it is after a backspace."""
    taught = LESSONS[command]
    codes = sorted({*taught.exit_codes, ExitCode.INTERRUPTED})
    lines = ["Examples:", *(f"  {example}" for example in taught.examples), ""]
    meanings = [f"  {code:>3}  {EXIT_CODES[code]}" for code in codes]
    return "\b\n" + "\n".join(lines) + "\n\b\n" + "\n".join(["Exit codes:", *meanings])
