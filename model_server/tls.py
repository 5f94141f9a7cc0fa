"""TLS from files, REST and gRPC alike; a renewed certificate is used without a restart."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import grpc

from model_server.errors import StartError

log = logging.getLogger("model_server")
_CHECK_SECONDS = 5.0


class Certificate:
    """A certificate chain and its key, in PEM files that may be renewed.

    Raises:
        StartError: the files cannot be read, or do not match.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self.context.load_cert_chain(chain, key)
            self._pem = self._read()
        except OSError as error:  # ssl.SSLError is one
            reason = error.strerror or str(error)
            raise StartError(
                f"TLS_CERT_FILE {chain}, TLS_KEY_FILE {key}: {reason}; give PEM files that match"
            ) from None

    def _read(self) -> tuple[bytes, bytes]:
        return self._key.read_bytes(), self._chain.read_bytes()

    def credentials(self) -> Any:
        """Return credentials that give each handshake of a gRPC server the current certificate."""
        first = self._pem
        given = [first]

        def renewed() -> Any:
            pem = self._pem
            if pem == given[0]:
                return None
            given[0] = pem
            return grpc.ssl_server_certificate_configuration([pem])

        return grpc.dynamic_ssl_server_credentials(grpc.ssl_server_certificate_configuration([first]), renewed)

    def refresh(self) -> None:
        """Load renewed files; files that do not match (yet) leave the former certificate."""
        try:
            pem = self._read()
            if pem == self._pem:
                return
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self._chain, self._key
            )  # raises if they do not match
            self.context.load_cert_chain(self._chain, self._key)
        except OSError as error:
            log.error("TLS: the former certificate stays; %s: %s", self._chain, error.strerror or error)
            return
        self._pem = pem
        log.info("TLS: renewed certificate from %s", self._chain)

    async def watch(self) -> None:
        """Refresh every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            self.refresh()  # on the event loop, where handshakes read the context
