"""A real PgBouncer in front of a real Postgres, with its own defaults but for what a test names."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Literal, Self

from sqlalchemy.engine import make_url

PoolMode = Literal["session", "transaction", "statement"]


class NoPgBouncer(Exception):
    """PgBouncer is not installed; install the package `pgbouncer`."""


def program() -> str:
    """Return the path of PgBouncer.

    Raises:
        NoPgBouncer: this machine has none.
    """
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NoPgBouncer(NoPgBouncer.__doc__)
    return found


class PgBouncer:
    """A pooler on a free port of 127.0.0.1, running within `with`.

    But in session mode, each transaction takes the next of two server connections, so that state which a program leaves
    behind in a session is missed at once.
    """

    def __init__(self, server_url: str, pool_mode: PoolMode, auth: Literal["scram-sha-256", "md5"]) -> None:
        self._server = make_url(server_url)
        self._pool_mode, self._auth = pool_mode, auth
        self._folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (self._folder / "users.txt").write_text(f'"{self._server.username}" "{self._server.password}"\n')
        (self._folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={self._server.host} port={self._server.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = {self._auth}\nauth_file = {self._folder}/users.txt\npool_mode = {self._pool_mode}\n"
            f"server_round_robin = 1\nmin_pool_size = 2\ndefault_pool_size = {20 if self._pool_mode == 'session' else 2}\n"
        )
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # it refuses to run as root
            nobody = pwd.getpwnam("nobody")
            as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for path in (self._folder, *self._folder.iterdir()):
                shutil.chown(path, nobody.pw_name)
        with (self._folder / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                [program(), str(self._folder / "pgbouncer.ini")], stdout=log, stderr=log, cwd="/", **as_user
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, server_url: str) -> str:
        """Return the pooler's address of the database at `server_url`."""
        changed = make_url(server_url).set(host="127.0.0.1", port=self.port)
        return changed.render_as_string(hide_password=False)

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
                return
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > end:
                raise RuntimeError(f"PgBouncer does not listen: {(self._folder / 'log.txt').read_text()[-2000:]}")
            time.sleep(0.02)
