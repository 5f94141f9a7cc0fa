"""Postgres crashes under load and is down for a while: its rows go through the journal."""

import time
from typing import Any

from scene import AROUND_SECONDS, Scene, Watch, account, console, logged_ids, settle


def database_gone(scene: Scene, seconds: float) -> dict[str, Any]:
    """Count the rows lost while Postgres is down for `seconds`."""
    url = scene.database()
    with scene.server(url, "database-gone") as server:
        with scene.load(server) as tally, Watch(server) as watch:
            time.sleep(AROUND_SECONDS)
            scene.postgres.stop("immediate")
            console.print(f"Postgres stopped for {seconds:.0f} s under load")
            time.sleep(seconds)
            scene.postgres.start()
            time.sleep(AROUND_SECONDS)
        settle(server)
    return {"seconds": seconds, **account(tally, logged_ids(scene, url)), "most_rows_in_memory": watch.most_rows}
