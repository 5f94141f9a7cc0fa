"""Cold start and resident memory of each server, ready and after a mixed load.

    python benchmarks/serving/footprint.py --texts reviews.csv.gz

Start counts from the start of the process to the first readiness probe that is answered with 200, the files being in
the page cache from the second start on. Memory is the resident set of the process and of those that it started. The
mixed load holds all lengths in random order, with 1, 8 and 32 clients.
"""

from typing import Any

import setting
from driving import drive
from harness import machine, save
from rich.console import Console
from servers import DEFAULT_SERVERS, SERVERS, Skipped, start
from setting import Setting
from texts import together

console = Console()


def footprint(name: str, here: Setting, clients: list[int], seconds: float, starts: int) -> dict[str, Any]:
    """One server's figures."""
    ready_seconds = []
    for number in range(starts - 1):
        with start(name, here.model, here.runs / f"{name}-{number}") as running:
            ready_seconds.append(running.ready_seconds)
    mixed = together(here.loads)
    with start(name, here.model, here.runs / name) as running:
        ready_seconds.append(running.ready_seconds)
        resident: dict[str, int] = {"ready": round(running.resident_mib())}
        failed = 0
        for count in clients:
            seen = drive(running.recipe, mixed, seconds, clients=count)
            failed += len(seen.outcomes) - len(seen.answered)
            resident[f"after_{count}_clients"] = round(running.resident_mib())
        shown = running.recipe.shown
    return {
        "server": name,
        "shown": shown,
        "seconds_to_ready": [round(taken, 2) for taken in ready_seconds],
        "resident_mib": resident,
        "failed": failed,
    }


def main() -> None:
    parser = setting.parser(__doc__, "serving_footprint")
    parser.add_argument("--servers", type=setting.names, default=DEFAULT_SERVERS, help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--clients", type=setting.numbers, default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=60, help="of the mixed load with each number of clients (60)")
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    described = machine()
    here = setting.make(options, "footprint")
    rows, skipped = [], {}
    for name in options.servers:
        try:
            rows.append(footprint(name, here, options.clients, options.seconds, options.starts))
            console.print(rows[-1])
        except Skipped as reason:
            skipped[name] = str(reason)
            console.print(f"skipped: {reason}")
    release = {"id": here.model.manifest.release_id, "base_model": options.base}
    document = {"machine": described, "release": release, "skipped": skipped, "servers": rows}
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
