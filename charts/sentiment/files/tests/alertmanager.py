"""As Prometheus: reach the Alertmanager."""

import json
import os

from probe import fetch, passed

url = os.environ["ALERTMANAGER_URL"]
alerts = json.loads(fetch(f"{url}/api/v2/alerts"))
passed(f"{url} accepts alerts and has {len(alerts)}")
