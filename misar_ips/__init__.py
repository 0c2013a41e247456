"""Manage MisarMail dedicated sending IPs: the library behind the command ``misar-ips``.

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misar_ips.client import Client as Client
    from misar_ips.errors import APIError as APIError
    from misar_ips.errors import MisarError as MisarError
    from misar_ips.models import DedicatedIP as DedicatedIP

__version__ = "0.1.0"
