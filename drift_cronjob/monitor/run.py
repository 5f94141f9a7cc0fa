"""`monitor`: the watch and its HTTP interface in one process."""

import logging

import uvicorn

from drift_cronjob.monitor.app import make_app
from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.monitor.watch import Watch


def run(settings: MonitorSettings) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    watch = Watch(settings)
    watch.start()
    try:
        app = make_app(lambda: watch.figures)
        uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, log_level="warning")
    finally:
        watch.stop()
