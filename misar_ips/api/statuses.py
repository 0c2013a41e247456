"""The values of ``warmup_status``: what each means, and what follows from it."""

from __future__ import annotations

STATUSES = {
    "not_started": "warm-up not begun yet",
    "warming": "warm-up in progress",
    "warmed": "warm-up complete, full daily limit",
    "suspended": "paused after a spike of complaints",
}
"""Those of the published reference. Others exist."""

STATUS_MEANINGS = STATUSES | {
    "provisioning": "ordered, not there yet",
    "active": "in use",
    "deprovisioning": "being given back",
}
"""Those of the vendor's newer library as well, where ``active`` covers warming and warmed."""

BEFORE_WARM_UP = {"not_started", "provisioning"}
LEAVING = {"deprovisioning"}
CANNOT_SEND = {"suspended", "provisioning", "deprovisioning"}
