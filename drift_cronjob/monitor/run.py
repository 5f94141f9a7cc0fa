"""`monitor`: the watch and its HTTP interface in one process."""

import logging
import socket

import uvicorn

from drift_cronjob.errors import DriftError
from drift_cronjob.monitor.app import make_app
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.watch import Watch

DRAIN_SECONDS = 5


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise DriftError(
            f"MONITOR_PORT {port} of {host} cannot be listened on ({error.strerror}); choose another by --port"
        ) from None
    return listener


def run(settings: MonitorSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        DriftError, LogError, ReleaseError: the port is taken, or an address in the settings is none.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    watch = Watch(settings)
    listener = _bind(settings.host, settings.port)
    watch.start()
    config = uvicorn.Config(
        make_app(lambda: watch.figures),
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    try:
        uvicorn.Server(config).run([listener])
    finally:
        watch.stop()
