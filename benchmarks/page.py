"""The page by Lighthouse: scores, seconds to first paint and to interactive, bytes of the first load.

    sentiment serve --ui &
    python benchmarks/page.py --url http://127.0.0.1:8088

It needs Node.js and Chromium (CHROME_PATH), and fetches Lighthouse from npm at its first run. Each view is loaded
`--runs` times as Lighthouse's mobile phone (slowed processor and network) and as its desktop; figures are medians.
"""

import argparse
import json
import subprocess
import sys
from statistics import median
from typing import Any

from harness import machine, save
from rich.console import Console

LIGHTHOUSE = "lighthouse@12.8.2"
VIEWS = {"try it": "#/", "health": "#/health", "drift": "#/drift", "model": "#/model"}
SCORES = ("performance", "accessibility", "best-practices")
SECONDS = {
    "first_contentful_paint_s": "first-contentful-paint",
    "largest_contentful_paint_s": "largest-contentful-paint",
    "interactive_s": "interactive",
}
console = Console()


def report(url: str, form: str) -> dict[str, Any]:
    """One run of Lighthouse.

    Raises:
        SystemExit: it cannot be run; its last line gives the reason.
    """
    command = ["npx", "--yes", LIGHTHOUSE, url, "--output=json", "--quiet", f"--only-categories={','.join(SCORES)}"]
    command += ["--chrome-flags=--headless=new --no-sandbox --disable-gpu"]
    if form == "desktop":
        command.append("--preset=desktop")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        output = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        sys.exit(f"error: Lighthouse failed on {url}: {output[-1] if output else 'no output'}")
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def figures(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of several reports; scores of 0 to 100, and what lost points outside of performance."""
    row: dict[str, Any] = {
        name.replace("-", "_"): round(100 * median(each["categories"][name]["score"] for each in reports))
        for name in SCORES
    }
    for name, audit in SECONDS.items():
        row[name] = round(_middle(reports, audit) / 1000, 2)
    row["blocking_ms"] = round(_middle(reports, "total-blocking-time"))
    row["transferred_kb"] = round(_middle(reports, "total-byte-weight") / 1000)
    named = {
        reference["id"]
        for each in reports
        for name in SCORES[1:]
        for reference in each["categories"][name]["auditRefs"]
        if reference["weight"] and (score := each["audits"][reference["id"]]["score"]) is not None and score < 1
    }
    return row | {"failed_audits": sorted(named)}


def _middle(reports: list[dict[str, Any]], audit: str) -> float:
    return float(median(each["audits"][audit]["numericValue"] for each in reports))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8088", help="of `sentiment serve --ui` (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="of each view (3)")
    options = parser.parse_args()
    described, rows = machine(), []
    for form in ("desktop", "mobile"):
        for view, place in VIEWS.items():
            url = f"{options.url.rstrip('/')}/{place}"
            row = figures([report(url, form) for _ in range(options.runs)])
            rows.append({"view": view, "as": form, **row})
            console.print(rows[-1])
    document = {"machine": described, "lighthouse": LIGHTHOUSE.partition("@")[2], "runs": options.runs, "views": rows}
    console.print(f"written: {save('page', document)}")


if __name__ == "__main__":
    main()
