"""Manage MisarMail dedicated sending IPs: the library behind the command ``misar-ips``.

    from misar_ips import Client

    with Client("msk_…") as client:
        for ip in client.list():
            print(ip.id, ip.warmup_percent)

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.version import __version__ as __version__

if TYPE_CHECKING:
    from misar_ips.api.client import Client
    from misar_ips.api.models import DedicatedIP, RequestedIP, WarmupStep
    from misar_ips.errors import (
        APIError,
        ConfigError,
        ForbiddenError,
        InvalidResponseError,
        MisarError,
        NetworkError,
        NotFoundError,
        OutcomeUnknownError,
        PlanLimitError,
        RateLimitError,
        RejectedError,
        UnauthorizedError,
        UsageError,
    )

__all__ = [
    "APIError",
    "Client",
    "ConfigError",
    "DedicatedIP",
    "ForbiddenError",
    "InvalidResponseError",
    "MisarError",
    "NetworkError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PlanLimitError",
    "RateLimitError",
    "RejectedError",
    "RequestedIP",
    "UnauthorizedError",
    "UsageError",
    "WarmupStep",
]


def __getattr__(name: str) -> object:
    """Load a public name from the module that has it."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'misar_ips' has no attribute {name!r}")
    homes = {
        "Client": "api.client",
        "DedicatedIP": "api.models",
        "RequestedIP": "api.models",
        "WarmupStep": "api.models",
    }
    return getattr(import_module(f"misar_ips.{homes.get(name, 'errors')}"), name)
