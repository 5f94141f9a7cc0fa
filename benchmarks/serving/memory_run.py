"""Memory over a long mixed run: resident set sampled, its slope, and its last part beside its first.

    python benchmarks/serving/memory_run.py --texts reviews.csv.gz --minutes 30

All lengths in random order over REST by closed loops, and beside them a slow client of each of our transports, with
several texts a request. Memory grows while kernels for new shapes are compiled; flat means that it does not after that.
"""

import random
import threading
import time
from collections import Counter
from typing import Any

import numpy as np
import setting
from driving import REFUSED, drive
from harness import machine, save
from rich.console import Console
from servers import Running, start
from texts import Load, together

from sentiment_cli.client.transports import TRANSPORTS, connect
from sentiment_cli.errors import ServerAnswer

console = Console()
SETTLING_SHARE = 0.2  # of the run, before which the figures of flatness do not begin
PART_SHARE = 0.1  # of the run, whose mean is a point of the comparison
PAUSE_SECONDS = 0.5
REFUSALS = (*REFUSED, "RESOURCE_EXHAUSTED", "UNAVAILABLE")


def _beside(running: Running, load: Load, transport: str, stop: threading.Event, outcomes: Counter[str]) -> None:
    """One client of one transport, 1 to 8 texts a request, until `stop`."""
    rng = random.Random(transport)
    recipe = running.recipe
    client = connect(transport, f"http://127.0.0.1:{recipe.port}", f"127.0.0.1:{recipe.grpc_port}")
    while not stop.wait(PAUSE_SECONDS):
        try:
            client.predict(rng.choices(load.texts, k=rng.randint(1, 8)))
            outcomes["answered"] += 1
        except ServerAnswer as error:
            outcomes["refused" if error.status in REFUSALS else "failed"] += 1
    client.close()


def _sample(running: Running, every: float, stop: threading.Event, samples: list[tuple[float, float]]) -> None:
    begun = time.monotonic()
    while not stop.wait(every):
        samples.append((time.monotonic() - begun, running.resident_mib()))


def flatness(samples: list[tuple[float, float]]) -> dict[str, Any]:
    """Slope by least squares after the settling share, and the run's last part beside its first after that."""
    seconds, resident = np.array(samples).T
    end = seconds[-1]
    settled = seconds >= SETTLING_SHARE * end
    slope = float(np.polyfit(seconds[settled] / 3600, resident[settled], 1)[0])
    first = resident[settled & (seconds < (SETTLING_SHARE + PART_SHARE) * end)].mean()
    last = resident[seconds >= (1 - PART_SHARE) * end].mean()
    return {
        "resident_mib_first": round(float(resident[0]), 1),
        "resident_mib_largest": round(float(resident.max()), 1),
        "resident_mib_settled": round(float(first), 1),
        "resident_mib_last": round(float(last), 1),
        "growth_share": round(float(last / first - 1), 4),
        "slope_mib_per_hour": round(slope, 2),
    }


def main() -> None:
    parser = setting.parser(__doc__, "serving_memory")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--every", type=float, default=5, help="seconds between samples (5)")
    options = parser.parse_args()
    described = machine()
    here = setting.make(options, "memory")
    mixed = together(here.loads)
    stop, samples = threading.Event(), []
    by_transport = {transport: Counter[str]() for transport in TRANSPORTS}
    with start("ours", here.model, here.runs) as running:
        jobs = [
            threading.Thread(target=_beside, args=(running, mixed, transport, stop, outcomes))
            for transport, outcomes in by_transport.items()
        ]
        jobs.append(threading.Thread(target=_sample, args=(running, options.every, stop, samples)))
        for job in jobs:
            job.start()
        try:
            seen = drive(running.recipe, mixed, options.minutes * 60, clients=options.clients)
        finally:
            stop.set()
            for job in jobs:
                job.join()
    outcomes = sum(by_transport.values(), Counter({"answered": len(seen.answered)}))
    outcomes["refused"] += (refused := len(seen.latencies_of(REFUSED)))
    outcomes["failed"] += len(seen.outcomes) - len(seen.answered) - refused
    document = {
        "machine": described,
        "release": {"id": here.model.manifest.release_id, "base_model": options.base},
        "minutes": options.minutes,
        "clients": options.clients,
        **{outcome: outcomes[outcome] for outcome in ("answered", "refused", "failed")},
        "first_failures": seen.first_failures[:3],
        **flatness(samples),
        "samples": [[round(at), round(resident, 1)] for at, resident in samples],
    }
    console.print({key: value for key, value in document.items() if key != "samples"})
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
