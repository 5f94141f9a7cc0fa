"""As Prometheus: reach the Alertmanager that alerts are sent to."""

import json
import os

from probe import asked, passed

url = os.environ["ALERTMANAGER_URL"]
alerts = json.loads(asked(f"{url}/api/v2/alerts"))
passed(f"{url} takes alerts and has {len(alerts)}")
