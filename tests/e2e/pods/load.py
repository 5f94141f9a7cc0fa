"""Steady V2 load from inside the cluster, with standard-library means: `load.py URL SECONDS RATE CLIENTS`.

Half the clients keep their connection, half open one a request, as real callers do. Nothing is tried again: a request
that is refused, cut off or answered with anything but 200 has failed. Prints one JSON line at the end.
"""

import http.client
import json
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

TEXTS = ["A film of rare warmth, and funny besides.", "Two hours that I shall not get back."]


class Client(threading.Thread):
    def __init__(self, url: str, end: float, pause: float, keep: bool, delay: float) -> None:
        super().__init__(daemon=True)
        self._url, self._end, self._pause, self._keep, self._delay = urlsplit(url), end, pause, keep, delay
        self.answered, self.rows, self.releases = 0, 0, Counter()
        self.failures: list[str] = []
        self.seconds: list[float] = []
        self._connection: http.client.HTTPConnection | None = None

    def _ask(self) -> None:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._url.hostname, self._url.port or 80, timeout=30)
        tensor = {"name": "text", "shape": [len(TEXTS)], "datatype": "BYTES", "data": TEXTS}
        headers = {"Content-Type": "application/json", "Connection": "keep-alive" if self._keep else "close"}
        start = time.monotonic()
        self._connection.request("POST", self._url.path, json.dumps({"inputs": [tensor]}), headers)
        response = self._connection.getresponse()
        body = response.read()
        self.seconds.append(time.monotonic() - start)
        if response.status != 200:
            raise OSError(f"status {response.status}: {body[:200]!r}")
        answer = json.loads(body)
        self.releases[answer.get("model_version", "?")] += 1
        self.answered, self.rows = self.answered + 1, self.rows + len(TEXTS)
        if not self._keep or response.will_close:
            self._connection.close()
            self._connection = None

    def run(self) -> None:
        time.sleep(self._delay)
        while (now := time.monotonic()) < self._end:
            try:
                self._ask()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {type(error).__name__}: {error}")
                self._connection = None
            time.sleep(max(0.0, self._pause - (time.monotonic() - now)))


def main() -> None:
    url, seconds, rate, count = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    end = time.monotonic() + seconds
    clients = [Client(url, end, count / rate, place % 2 == 0, place / rate) for place in range(count)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    times = sorted(second for client in clients for second in client.seconds) or [0.0]
    failures = [failure for client in clients for failure in client.failures]
    releases: Counter[str] = sum((client.releases for client in clients), Counter())
    print(
        json.dumps(
            {
                "answered": sum(client.answered for client in clients),
                "failed": len(failures),
                "rows": sum(client.rows for client in clients),
                "releases": dict(releases),
                "p50_ms": round(1000 * times[len(times) // 2], 1),
                "p99_ms": round(1000 * times[int(len(times) * 0.99)], 1),
                "failures": failures[:20],
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
