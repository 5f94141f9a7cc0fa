"""Two checkouts of this project's server side by side: requests/s and latency, in pairs, and resident memory.

    git worktree add /tmp/before v0.1.0
    python benchmarks/serving/checkouts.py --texts reviews.csv.gz --before /tmp/before

First the servers start in turns, one at a time, from files in the page cache. Then both run at once from the same
release, and one of them is under load at a time (`pairs`). A share is the later
checkout's figure over the earlier one's, less one. The release is built by the earlier checkout: a later program reads
the releases of an earlier one. Both run on the same interpreter, so the figures do not show a difference between their
locked packages.
"""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import setting
from harness import machine, save
from pairs import Pairs, Run, alternate, latency, rate
from rich.console import Console
from servers import Recipe, Running, ours
from setting import Setting, numbers
from texts import Load

from model_release.scoring.engine import available_cpus

console = Console()
ROOT = Path(__file__).parents[2]
SIDES = ("before", "after")
CLIENTS = (1, 8)


def commit_of(checkout: Path) -> str:
    """The checkout's commit, shortened; with `+changes` where its files differ from it."""
    shown = subprocess.run(
        ["git", "-C", str(checkout), "describe", "--always", "--abbrev=10", "--dirty=+changes", "--exclude=*"],
        check=True,
        capture_output=True,
        text=True,
    )
    return shown.stdout.strip()


def build_there(checkout: Path, texts: Path, work: Path, base: str) -> None:
    """Build the release by the checkout's own scripts, unless `work` holds one."""
    command = [sys.executable, str(checkout / "benchmarks/serving/full_size.py"), "--texts", str(texts.absolute())]
    subprocess.run([*command, "--work", str(work.absolute()), "--base", base], check=True, cwd=checkout)


def recipe_of(checkout: Path, side: str, here: Setting) -> Recipe:
    """The checkout's server with its own log, whose tables the server makes itself."""
    work = (here.runs / side).absolute()
    made = ours(here.model, work, DATABASE_URL=f"sqlite:///{work}/{side}.db", PYTHONPATH=str(checkout))
    model_dir = str(here.model.model_dir.absolute())
    command = [model_dir if part == str(here.model.model_dir) else part for part in made.command]
    return replace(made, name=side, command=command, folder=checkout)


def _more(statistic: float, than: float) -> float:
    return statistic / than - 1


def figures(pairs: Pairs, load: Load, clients: int) -> dict[str, Any]:
    """The row of one load and number of clients."""

    def more_requests(after: Sequence[Run], before: Sequence[Run]) -> float:
        return _more(rate(after), rate(before))

    def longer(percent: float) -> dict[str, float]:
        return pairs.share(lambda one, other: _more(latency(one, percent), latency(other, percent)), *reversed(SIDES))

    return {
        "load": load.name,
        "mean_tokens": round(load.mean_tokens, 1),
        "clients": clients,
        "pairs": len(pairs.seen),
        "failed": pairs.failed,
        **{f"requests_per_second_{side}": round(rate(pairs.of(side)), 2) for side in SIDES},
        **{f"p50_ms_{side}": round(latency(pairs.of(side), 50) * 1000, 3) for side in SIDES},
        **{f"p99_ms_{side}": round(latency(pairs.of(side), 99) * 1000, 2) for side in SIDES},
        "requests_per_second_more": pairs.share(more_requests, *reversed(SIDES)),
        "p50_longer": longer(50),
        "p99_longer": longer(99),
    }


def main() -> None:
    parser = setting.parser(__doc__, "serving_checkouts")
    parser.set_defaults(lengths=["16", "32", "mix"])
    parser.add_argument("--before", type=Path, required=True, help="folder of the earlier checkout")
    parser.add_argument("--after", type=Path, default=ROOT, help="folder of the later checkout (this one)")
    parser.add_argument("--clients", type=numbers, default=list(CLIENTS), help="of the closed loops (1,8)")
    parser.add_argument("--pairs", type=int, default=10, help="of each load and number of clients (10)")
    parser.add_argument("--seconds", type=float, default=3, help="of each run (3)")
    parser.add_argument("--starts", type=int, default=5, help="of each server, in turns (5)")
    parser.add_argument("--warm", type=float, default=0.5, help="seconds before each run that do not count (0.5)")
    options = parser.parse_args()
    described = machine()
    checkouts = dict(zip(SIDES, (options.before.absolute(), options.after.absolute()), strict=True))
    build_there(checkouts["before"], options.texts, options.work, options.base)
    here = setting.make(options, "checkouts")
    rows = []
    ready: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(options.starts):
        for side, checkout in checkouts.items():
            with Running(recipe_of(checkout, side, here), here.runs / f"{side}-{number}.log") as running:
                ready[side].append(round(running.ready_seconds, 2))
    with ExitStack() as stack:
        sides = {
            side: stack.enter_context(Running(recipe_of(checkout, side, here), here.runs / f"{side}.log"))
            for side, checkout in checkouts.items()
        }
        resident = {side: {"ready": round(running.resident_mib(), 1)} for side, running in sides.items()}
        for load in here.loads:
            for clients in options.clients:
                pairs = alternate(
                    sides, load, clients=clients, pairs=options.pairs, seconds=options.seconds, warm=options.warm
                )
                rows.append(figures(pairs, load, clients))
                console.print(rows[-1])
        for side, running in sides.items():
            resident[side]["after the loads"] = round(running.resident_mib(), 1)
    document = {
        "machine": described,
        "threads": available_cpus(),
        "commits": {side: commit_of(checkout) for side, checkout in checkouts.items()},
        "release": {"id": here.model.manifest.release_id, "base_model": options.base},
        "seconds": options.seconds,
        "ready_seconds": ready,
        "resident_mib": resident,
        "loads": rows,
    }
    console.print(f"written: {save(options.result, document)}")


if __name__ == "__main__":
    main()
