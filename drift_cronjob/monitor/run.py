"""`monitor`: the watch and its HTTP interface in one process."""

import logging

from drift_cronjob.errors import DriftError
from drift_cronjob.monitor.app import make_app
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.watch import Watch
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, listen

DRAIN_SECONDS = 5


def run(settings: MonitorSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        DriftError, LogError, ReleaseError: the port is taken, or an address in the settings is none.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    watch = Watch(settings)
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        raise DriftError(
            f"MONITOR_PORT {settings.port} of {settings.host} cannot be listened on ({error.strerror}); "
            "choose another by --port"
        ) from None
    watch.start()
    server = HttpServer(make_app(lambda: watch.figures), HttpLimits.of(settings), drain_seconds=DRAIN_SECONDS)
    try:
        server.run([listener])
    finally:
        watch.stop()
