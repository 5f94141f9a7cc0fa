"""Run the watch and its HTTP interface in one process."""

import logging

from drift_cronjob.monitor.app import make_app
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.watch import Watch
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, listen

DRAIN_SECONDS = 5


def run(settings: MonitorSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        PortUnavailable, LogError, ReleaseError: the port is taken, or an address in the settings is invalid.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    watch = Watch(settings)
    listener = listen(settings.host, settings.port, "MONITOR_PORT", "choose another by --port")
    watch.start()
    server = HttpServer(make_app(lambda: watch.figures), HttpLimits.of(settings), drain_seconds=DRAIN_SECONDS)
    try:
        server.run([listener])
    finally:
        watch.stop()
