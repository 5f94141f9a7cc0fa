"""Write the OpenAPI documents of the predictor and the monitor, which the page's types are generated from.

`--check` writes nothing and exits with 1 where a committed document differs from its program's.
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "frontend" / "openapi"


def documents() -> dict[str, str]:
    """Return the documents' text by file name."""
    from drift_cronjob.monitor.app import openapi
    from model_server.rest.openapi import document

    found = {"predictor.json": document(), "monitor.json": openapi()}
    return {name: json.dumps(made, indent=1, sort_keys=True) + "\n" for name, made in found.items()}


def main() -> int:
    """Write the documents, or compare them with `--check`; return the exit code."""
    made = documents()
    stale = [
        name for name, text in made.items() if not (FOLDER / name).is_file() or (FOLDER / name).read_text() != text
    ]
    if "--check" in sys.argv:
        for name in stale:
            sys.stderr.write(
                f"frontend/openapi/{name} differs from its program's document; run `make frontend-types`\n"
            )
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(made[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
