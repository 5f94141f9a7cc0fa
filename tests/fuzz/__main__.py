"""`python -m fuzz`: `--codec N` inputs for the codec in this process, `--requests N` for a server; exit code 1 on a finding."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from fuzz.traffic import fuzz_server


def main() -> int:
    parser = argparse.ArgumentParser("python -m fuzz")
    parser.add_argument("--codec", type=int, default=0, metavar="N")
    parser.add_argument("--requests", type=int, default=0, metavar="N")
    parser.add_argument("--rest", metavar="URL", help="needed for --requests")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="left out: REST alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.requests and not given.rest:
        parser.error("--requests needs --rest URL")
    found: dict[str, Any] = {"seed": given.seed}
    if given.codec:
        del sys.argv[1:]  # kserve, which the codec imports, parses the program's arguments
        from fuzz.codec import fuzz_codec

        found["codec"] = fuzz_codec(given.codec, given.seed)
    if given.requests:
        found["server"] = asyncio.run(fuzz_server(given.rest, given.grpc, given.requests, given.seed))
    Console().print_json(data=found)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    server = found.get("server", {"faults": [], "ready": True})
    return int(bool(found.get("codec", {"crashes": []})["crashes"] or server["faults"] or not server["ready"]))


if __name__ == "__main__":
    sys.exit(main())
