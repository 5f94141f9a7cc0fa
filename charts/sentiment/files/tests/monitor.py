"""Ask the monitor which of its sources it reaches."""

import os
import re

from probe import failed, fetch, passed

url = os.environ["MONITOR_URL"]
fetch(f"{url}/healthz")
metrics = fetch(f"{url}/metrics").decode()
sources = dict(re.findall(r'^ml_monitor_up\{source="(\w+)"\} ([0-9.]+)$', metrics, re.MULTILINE))
if down := [source for source, up in sources.items() if float(up) == 0]:
    failed(f"the monitor does not reach: {', '.join(down)}; see its log (kubectl logs)")
passed(f"the monitor reaches: {', '.join(sources) or 'nothing that it names'}")
