"""The disk of the journal is full under load: a small file system for it alone, filled by a file.

While Postgres takes rows the journal is not needed; while Postgres is away rows have to wait in memory.
"""

import errno
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from scene import AROUND_SECONDS, Scene, Watch, account, console, log_gauges, logged_ids, settle

DISK_MIB = 16


class NoSmallDisk(Exception):
    """No file system can be mounted here; the message gives the reason."""


class SmallDisk:
    """A file system of `DISK_MIB`, mounted during the `with`.

    Raises:
        NoSmallDisk: at the start of the `with`.
    """

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
        self._filler = self.folder / "filler"
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(self.folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            reason = "" if done.returncode == 0 else done.stderr.strip() or f"mount ended with {done.returncode}"
        except OSError as error:
            reason = str(error)
        if reason:
            self.folder.rmdir()
            raise NoSmallDisk(reason.splitlines()[0])
        return self

    def fill(self) -> None:
        """Fill every free byte."""
        with self._filler.open("wb", buffering=0) as stream:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        stream.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.folder).free

    def empty(self) -> None:
        """Free the bytes that `fill` took."""
        self._filler.unlink()

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)
        self.folder.rmdir()


def disk_full(scene: Scene, seconds: float, state: str) -> dict[str, Any]:
    """Rows lost while the journal's disk is full for `seconds`, and Postgres `there` or `away`."""
    url = scene.database()
    with SmallDisk() as disk, scene.server(url, f"disk-{state}", SPILL_DIR=str(disk.folder / "spill")) as server:
        with scene.load(server) as tally, Watch(server) as watch:
            time.sleep(AROUND_SECONDS)
            if state == "away":
                scene.postgres.stop("immediate")
                time.sleep(AROUND_SECONDS)
            journalled = log_gauges(server)["spilled"]
            disk.fill()
            free = disk.free_bytes()
            console.print(f"the journal's disk full for {seconds:.0f} s under load, Postgres {state}")
            time.sleep(seconds)
            before, journalled = journalled, log_gauges(server)["spilled"]
            disk.empty()
            if state == "away":
                time.sleep(AROUND_SECONDS)
                scene.postgres.start()
            time.sleep(AROUND_SECONDS)
        settle(server)
    return {
        "seconds": seconds,
        **account(tally, logged_ids(scene, url)),
        "most_rows_in_memory": watch.most_rows,
        "bytes_free_while_full": free,
        "rows_journalled_before": int(before),
        "rows_journalled_while_full": int(journalled - before),
    }
