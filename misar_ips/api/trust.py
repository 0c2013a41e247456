"""Whom to trust in TLS: the user's certificate authorities, else the system's, else certifi's.

Nothing here makes verification weaker; it only chooses where the authorities are read from.
OpenSSL's folders, in which each authority is a file named after its hash, are read as far as a
handshake asks for, in 2 ms; a bundle is read whole, in 50 ms.
"""

from __future__ import annotations

import errno
import os
import re
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from misar_ips.api.files import read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPENSSL = ssl.get_default_verify_paths()  # where this Python's OpenSSL was built to look

SYSTEM_FOLDERS = (_OPENSSL.openssl_capath, "/etc/ssl/certs")
SYSTEM_BUNDLES = (
    _OPENSSL.openssl_cafile,
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine, the BSDs
)

_LARGEST_BUNDLE = 1 << 24  # bytes
_HASHED = "[0-9a-f]{8}\\.[0-9]+"
"""What OpenSSL calls an authority in a folder (its command ``rehash``)."""


def authorities(
    environ: Mapping[str, str] = os.environ,
    folders: Sequence[str] = SYSTEM_FOLDERS,
    bundles: Sequence[str] = SYSTEM_BUNDLES,
) -> ssl.SSLContext:
    """Return a context that verifies certificates and names against whom is to be trusted.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` count before anything else, together where both are set.

    Raises:
        OSError: what they name can't be read, or holds no certificate.
    """
    file, folder = (environ.get(name) or None for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if file and not os.path.isfile(file):  # noqa: PTH113 - as below
        return ssl.create_default_context(capath=folder, cadata=_text_of(Path(file)))
    if file or folder:
        return ssl.create_default_context(cafile=file, capath=folder)
    if sys.platform == "win32":
        return ssl.create_default_context()  # reads the store of Windows
    for each in folders:
        if _holds_authorities(each):
            return ssl.create_default_context(capath=each)
    for each in bundles:
        if os.path.isfile(each):  # noqa: PTH113 - a Path for each would take longer than the look
            return ssl.create_default_context(cafile=each)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _text_of(file: Path) -> str:
    """Read what is not a regular file: OpenSSL waits for ever for a pipe that nobody writes to."""
    bundle, _ = read_whole(file, _LARGEST_BUNDLE)
    if not bundle:  # Python takes no text for "the usual authorities"
        raise OSError(errno.ENODATA, "it is empty")
    return bundle.decode()


def _holds_authorities(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(re.fullmatch(_HASHED, entry.name) for entry in entries)
    except OSError:
        return False
