"""As Grafana: query Prometheus, and compare the parts that it scrapes with the expected parts."""

import json
import os
from urllib.parse import quote

from probe import fetch, passed, settled

url = os.environ["PROMETHEUS_URL"]
# A part is scraped if one of its pods is; for the server, a pod of the promoted release.
UP = 'max by (component) (up{component!="server"} or up{component="server", sentiment_variant="champion"})'


def series(query: str) -> list[dict]:
    return json.loads(fetch(f"{url}/api/v1/query?query={quote(query)}"))["data"]["result"]


def missing() -> str:
    """Name the parts that are not scraped; empty if all are. The server is expected once a release is promoted."""
    wanted = {part for part in os.environ["SCRAPED"].split(",") if part}
    if series("ml_champion_info"):
        wanted.add("server")
    up = {one["metric"].get("component") for one in series(UP) if one["value"][1] == "1"}
    unscraped = ", ".join(sorted(wanted - up))
    return f"{url} does not scrape: {unscraped}; see its page Status > Target health" if unscraped else ""


settled(missing)
passed(f"{url} scrapes {len(series(UP))} parts")
