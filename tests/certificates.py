"""Certificates of the tests' own, good and bad, made with the program ``openssl``."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Authority:
    """A certificate authority of the tests, made with the program ``openssl``."""

    def __init__(self, folder: Path, name: str = "Authority of a test") -> None:
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._run(
            *("req", "-x509", "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "keyUsage=critical,keyCertSign", "-out", "ca.pem", *self._key("ca")),
        )

    def folder_of_trust(self) -> Path:
        """Return a folder that trusts this authority alone, as SSL_CERT_DIR takes it."""
        folder = self._folder / "trusted"
        if not folder.exists():
            folder.mkdir()
            digest = self._run("x509", "-in", "ca.pem", "-noout", "-hash")
            (folder / f"{digest.strip()}.0").symlink_to(self.certificate)
        return folder

    def server(self, name: str, days: int = 1) -> ssl.SSLContext:
        """Return what a server needs to show a certificate for a name such as ``IP:127.0.0.1``."""
        (self._folder / "extensions").write_text(
            f"subjectAltName={name}\nauthorityKeyIdentifier=keyid\n"
        )
        self._run("req", "-new", "-subj", "/CN=server", "-out", "request.pem", *self._key("server"))
        self._run(
            *("x509", "-req", "-in", "request.pem", "-out", "server.pem", "-days", str(days)),
            *("-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7", "-extfile", "extensions"),
        )
        return self._context("server")

    def server_with_own_signature(self) -> ssl.SSLContext:
        """Return what a server needs to show a certificate that nobody else signed."""
        return self._context("ca")

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        return context

    def _key(self, name: str) -> list[str]:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        return [*curve, "-nodes", "-keyout", f"{name}.key"]

    def _run(self, *arguments: str) -> str:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("needs the program openssl to make certificates")
        done = subprocess.run(
            [openssl, *arguments], cwd=self._folder, check=True, capture_output=True, text=True
        )
        return done.stdout
