"""What `misar-ips metrics` does: the facts of the account as Prometheus reads them.

What is not known has no line: a value that is missing can be alerted on, a wrong one can't.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from misar_ips.api.statuses import STATUSES
from misar_ips.api.warmup import warm_up_of
from misar_ips.commands.check import dns_checks
from misar_ips.dns.verdicts import FAIL, UNKNOWN
from misar_ips.errors import MisarError, OutputError
from misar_ips.safe_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from prometheus_client.metrics_core import Metric

    from misar_ips.api.models import DedicatedIP, DetailedIP
    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.dns.verdicts import Check
    from misar_ips.session import Session

_LABELS = ("profile", "id", "address", "pool")
_UP = "misar_ips_up", "Whether the account could be read."
_SUCCESS = "misar_ips_last_success_timestamp_seconds", "When the account was last read."
_STATUS = "misar_ips_warmup_status", "Whether this is the status of the IP's warm-up."
_OF_AN_IP = {
    "misar_ips_warmup_percent": "Progress through the whole warm-up, from 0 to 100.",
    "misar_ips_daily_limit": "Messages a day, as MisarMail tells; a suspended IP sends none.",
    "misar_ips_reputation_score": "The reputation score, as MisarMail tells it.",
    "misar_ips_behind_days": "Days since the first missed step of the warm-up was over.",
    "misar_ips_estimated_warmed_timestamp_seconds": "When the IP is warmed, by estimate.",
    "misar_ips_checks_failed": "Checks of DNS and blocklists that failed.",
    "misar_ips_checks_unknown": "Checks of DNS and blocklists that could not be made.",
}
_READABLE_BY_ALL = 0o644  # the collector is another user


def metrics(
    session: Session,
    *,
    output: Path | None,
    dns: bool,
    zones: Sequence[str],
    nameservers: Sequence[Nameserver],
) -> None:
    """Write the account's metrics to the file ``output``, or to standard output without one.

    Where the account can't be read, they say that and nothing else. With ``dns`` or ``zones`` of
    blocklists the IPs are checked as well.

    Raises:
        OutputError: the file can't be written; it is as it was.
        MisarError: the IPs could not be listed.
    """
    profile = session.profile.name
    write = partial(_write, session, output)
    try:
        detailed = _read(session)
        ips = [ip for ip, _ in detailed]
        checks = dns_checks(session, ips, nameservers, names=dns, zones=zones)
    except MisarError:
        with suppress(OutputError):  # the first trouble decides
            write([_of_account(_UP, profile, 0)])
        raise
    now = session.now()
    made = checks if dns or zones else [None for _ in ips]
    rows = [(ip, _values(ip, now, found)) for ip, found in zip(ips, made, strict=True)]
    write(
        [
            _of_account(_UP, profile, 1),
            _of_account(_SUCCESS, profile, now.timestamp()),
            _status_family(profile, ips),
            *_families(profile, rows),
        ]
    )


def _write(session: Session, output: Path | None, families: Iterable[Metric]) -> None:
    text = _as_text(families)
    if output is None:
        session.output.text(text)
    else:
        _replace(output, text)


def _read(session: Session) -> tuple[DetailedIP, ...]:
    """Return the account's IPs; a warning says of how many the details could not be read."""
    listed = {ip.id: ip for ip in session.listed()}
    detailed = session.client.with_details(listed.values(), patiently=True)
    if errors := [error for _, error in detailed if error]:
        some = f"{len(errors)} of {len(detailed)} IPs"
        session.output.warning(f"The details of {some} are not known. {errors[0].message}")
    return detailed


def _values(
    ip: DedicatedIP, now: datetime, checks: Sequence[Check] | None
) -> dict[str, float | None]:
    """Return the value of each metric of an IP, None for what is not known."""
    warm_up = warm_up_of(ip, now)
    end = warm_up.estimated_warmed_at
    statuses = None if checks is None else [check.status for check in checks]
    values = (
        ip.warmup_percent,
        ip.daily_limit,
        ip.reputation_score,
        warm_up.behind_days,
        None if end is None else end.timestamp(),
        None if statuses is None else statuses.count(FAIL),
        None if statuses is None else statuses.count(UNKNOWN),
    )
    return dict(zip(_OF_AN_IP, values, strict=True))


def _of_account(metric: tuple[str, str], profile: str, value: float) -> Metric:
    """Return a metric of the whole account; a key without a profile has no label either."""
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(*metric, labels=["profile"] if profile else [])
    family.add_metric([_label(profile)] if profile else [], value)
    return family


def _status_family(profile: str, ips: Iterable[DedicatedIP]) -> Metric:
    """Return 0 or 1 for each documented status, and for another one that an IP has."""
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(*_STATUS, labels=[*_LABELS, "status"])
    for ip in ips:
        for status in dict.fromkeys((*STATUSES, ip.warmup_status)) if ip.warmup_status else ():
            is_it = float(status == ip.warmup_status)
            family.add_metric([*_labels_of(profile, ip), _label(status)], is_it)
    return family


def _families(
    profile: str, rows: Iterable[tuple[DedicatedIP, dict[str, float | None]]]
) -> Iterator[Metric]:
    from prometheus_client.metrics_core import GaugeMetricFamily

    for name, meaning in _OF_AN_IP.items():
        family = GaugeMetricFamily(name, meaning, labels=_LABELS)
        for ip, values in rows:
            if (value := values[name]) is not None:
                family.add_metric(_labels_of(profile, ip), value)
        yield family


def _labels_of(profile: str, ip: DedicatedIP) -> list[str]:
    return [_label(text) for text in (profile, ip.id, ip.address, ip.pool)]


def _label(text: str | None) -> str:
    """Return a label's value, without what a terminal would act on; a line break is escaped."""
    return "\n".join(map(plain, (text or "").split("\n")))


def _as_text(families: Iterable[Metric]) -> str:
    """Return the metrics in Prometheus' text format."""
    from prometheus_client.exposition import generate_latest
    from prometheus_client.registry import Collector

    class Collected(Collector):
        def collect(self) -> Iterable[Metric]:
            return families

    return generate_latest(Collected()).decode()


def _replace(path: Path, text: str) -> None:
    """Put a new file in the old one's place at once; any number of writers may do so.

    Raises:
        OutputError: it can't be written; the old one is as it was.
    """
    try:
        target = Path(os.path.realpath(path))  # a link stays a link
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        new = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            new.chmod(_READABLE_BY_ALL)
            new.replace(target)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror}.") from error
