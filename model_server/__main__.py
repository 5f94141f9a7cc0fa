"""`python -m model_server`."""

import sys

if __name__ == "__main__":
    # `import openvino` reports its use to Google Analytics, from a forked process; without this module it does not.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

    from model_release.console import run
    from model_server.cli import app

    run(app)
