"""The model server without its prediction log, which the log's cost is measured against; flags as `model_server`'s.

No row is made, none is queued. The server has no such setting: a prediction that is not logged cannot be watched.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from model_release.console import run
from model_server.cli import app
from model_server.service import InferenceService
from prediction_log import LogWriter


def _nothing(*_: object) -> None:
    return None


for owner, name in ((InferenceService, "_log_rows"), (LogWriter, "put")):
    if not hasattr(owner, name):
        raise SystemExit(f"{owner.__name__}.{name} is gone: this program would measure the log against itself")
    setattr(owner, name, _nothing)

if __name__ == "__main__":
    run(app)
