"""`python -m conformance --rest URL --grpc HOST:PORT --model NAME`: run the kit against a server.

Exit code 0: no check failed. 1: some did. 2: the server does not answer, or the arguments are wrong.
"""

import argparse
import fnmatch
import sys
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

import conformance.checks  # noqa: F401  (registers them)
from conformance.check import CHECKS, run
from conformance.report import print_table, write_json
from conformance.target import TEXTS, Target


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m conformance", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--rest", required=True, metavar="URL", help="such as http://127.0.0.1:8080")
    add("--grpc", metavar="HOST:PORT", help="left out: the gRPC checks are skipped")
    add("--model", required=True, metavar="NAME")
    add("--input", metavar="NAME", help="the BYTES input; left out: the first one of the model's metadata")
    add("--text", action="append", metavar="TEXT", help="a text to send; give two or more, they must differ")
    add("--max-body-bytes", type=int, metavar="N", help="the server's limit of a body; left out: no check goes over it")
    add("--extension", action="append", metavar="NAME", help="one that the server has but does not declare")
    add("--timeout", type=float, default=30.0, metavar="SECONDS")
    add("--loading", nargs=2, metavar=("URL", "HOST:PORT"), help="such a server that is still loading")
    add("--overload", nargs=2, metavar=("URL", "HOST:PORT"), help="such a server with a short queue, to be flooded")
    add("--only", action="append", metavar="PATTERN", help="checks by name, such as 'binary.*'")
    add("--json", type=Path, metavar="FILE", help="write the rows there")
    add("--all", action="store_true", help="print each check, not only those that failed")
    return parser


def make_target(given: argparse.Namespace) -> Target:
    """The server of the arguments, with the others beside it."""
    common: dict[str, Any] = {
        "model": given.model,
        "input": given.input,
        "timeout": given.timeout,
        "texts": tuple(given.text or TEXTS),
        "assumed": tuple(given.extension or ()),
    }
    others = {
        field: None if pair is None else Target(pair[0], pair[1], **common)
        for field, pair in (("loading", given.loading), ("overloadable", given.overload))
    }
    return Target(given.rest, given.grpc, max_body_bytes=given.max_body_bytes, **common, **others)


def main() -> int:
    given = arguments().parse_args()
    target, console = make_target(given), Console()
    if len(set(target.texts)) < 2:
        console.print("--text: give two or more texts that differ")
        return 2
    try:
        target.http.get("/v2/health/live")
    except httpx.HTTPError as error:
        console.print(f"--rest {given.rest} does not answer ({type(error).__name__}); is the server up?")
        return 2
    patterns = given.only or ["*"]
    chosen = [one for one in CHECKS if any(fnmatch.fnmatch(one.name, pattern) for pattern in patterns)]
    rows = run(target, chosen)
    print_table(rows, console, everything=given.all)
    if given.json:
        write_json(rows, given.json, target.server_metadata)
    return int(any(row.outcome == "fail" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
