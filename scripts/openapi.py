"""Write the OpenAPI documents of the predictor and the monitor, which the page's types are made from.

`--check` writes nothing and exits with 1 where a committed document differs from its program's.
"""

import json
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "frontend" / "openapi"


def documents() -> dict[str, str]:
    """The documents' text by file name."""
    from drift_cronjob.monitor.app import openapi
    from model_server.lifecycle.state import ServerState
    from model_server.lifecycle.switch import ReleaseSwitch
    from model_server.rest.app import make_api
    from model_server.settings import ServerSettings
    from prediction_log import LogWriter

    with tempfile.TemporaryDirectory() as folder:
        log = LogWriter(f"sqlite:///{folder}/log.db", Path(folder) / "spill")
        settings = ServerSettings()
        state = ServerState(settings, log)
        predictor = make_api(state, ReleaseSwitch(settings, state)).openapi()
    found = {"predictor.json": predictor, "monitor.json": openapi()}
    return {name: json.dumps(document, indent=1, sort_keys=True) + "\n" for name, document in found.items()}


def main() -> int:
    """Write, or with `--check` compare; the exit code."""
    made = documents()
    stale = [
        name for name, text in made.items() if not (FOLDER / name).is_file() or (FOLDER / name).read_text() != text
    ]
    if "--check" in sys.argv:
        for name in stale:
            sys.stderr.write(f"frontend/openapi/{name} is not what its program says. Type: make frontend-types\n")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(made[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
