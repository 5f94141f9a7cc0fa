"""Ask Prometheus which of the release's pods it scrapes."""

import json
import os

from probe import asked, failed, passed

url = os.environ["PROMETHEUS_URL"]
targets = json.loads(asked(f"{url}/api/v1/query?query=up"))["data"]["result"]
if not targets:
    failed(f"{url} scrapes nothing; see its page Status > Target health")
passed(f"{url} scrapes {len(targets)} targets, {sum(target['value'][1] == '1' for target in targets)} of them up")
