"""Connections to Postgres: to the first suitable host, directly or through a pooler.

Behind PgBouncer each transaction may run in another server process, so sessions hold no state: settings are
`SET LOCAL`, statements have no name, and every statement runs inside of a transaction.
"""

import random
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from prediction_log.database.libpq import environment, fill
from prediction_log.database.postgres_url import DRIVER, places
from prediction_log.errors import LogError

CONNECT_SECONDS = 5.0
_TLS = (
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcrl",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "sslnegotiation",
    "krbsrvname",
    "gsslib",
)
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
_SESSION = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool"
_NEXT_HOST = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


def postgres_engine(url: URL, patience: float | None = None) -> AsyncEngine:
    """An engine whose connections end with their use.

    Args:
        patience: seconds after which a statement is given up that the server does not end itself.
    """

    async def connect() -> Any:
        return await connect_postgres(url, "prediction_log", patience)

    def create() -> Any:
        # Statements without a name do not outlive their transaction, and may not be kept either.
        return engine.dialect.dbapi.connect(  # type: ignore[union-attr]
            async_creator_fn=connect, prepared_statement_cache_size=0, prepared_statement_name_func=lambda: ""
        )

    engine = create_async_engine(f"{DRIVER}://", poolclass=NullPool, creator=create)
    return engine


async def connect_postgres(url: URL, application_name: str, patience: float | None = None) -> Any:
    """An asyncpg connection to the first host that answers and is of the kind that the address asks for.

    Raises:
        LogError: a parameter of the address, its service or the environment cannot be used.
        OSError, asyncpg.PostgresError: no host can be used; several hosts' reasons are in one message.
    """
    given = _given(url)
    parameters = fill(given, environment())
    arguments = _arguments(parameters, application_name, patience)
    hosts: list[tuple[str | None, int | None]] = list(_hosts(parameters))
    if parameters.get("load_balance_hosts") == "random":
        random.shuffle(hosts)
    kind = parameters.get("target_session_attrs", "any")
    reasons: list[str] = []
    for wanted in ("standby", "any") if kind == "prefer-standby" else (kind,):
        for host, port in hosts:
            try:
                connection = await asyncpg.connect(host=host, port=port, **arguments)
                if wanted == "any" or await _is(connection, wanted):
                    return connection
                connection.terminate()
                raise asyncpg.TargetServerAttributeNotMatched(f"the server is not {wanted}")
            except _NEXT_HOST as error:
                if len(hosts) == 1 and kind != "prefer-standby":
                    raise
                reasons.append(f"{host or 'localhost'}: {_line(error)}")
    raise ConnectionError(f"no host can be used ({'; '.join(dict.fromkeys(reasons))})")


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return "no answer in time" if isinstance(error, TimeoutError) else text.splitlines()[0] if text else "refused"


async def _is(connection: Any, wanted: str) -> bool:
    async with connection.transaction():
        standby, read_only = await connection.fetchrow(_SESSION)
    return bool(
        {
            "primary": not standby,
            "standby": standby,
            "read-write": not (standby or read_only),
            "read-only": standby or read_only,
        }[wanted]
    )


def _given(url: URL) -> dict[str, str]:
    """The parameters of a parsed address by their names in libpq."""
    found = {name: str(value) for name, value in url.query.items()}
    hosts = places(url)
    found["host"] = ",".join(host for host, _ in hosts)
    found["port"] = ",".join(port for _, port in hosts).strip(",") and ",".join(port for _, port in hosts)
    return found | {"user": url.username or "", "password": url.password or "", "dbname": url.database or ""}


def _hosts(parameters: Mapping[str, str]) -> list[tuple[str | None, int | None]]:
    if parameters.get("host") and parameters.get("hostaddr"):
        raise LogError("the database address: host and hostaddr are both given; give one of them")
    named = parameters.get("hostaddr") or parameters.get("host") or ""
    ports = parameters.get("port", "").split(",")
    hosts = named.split(",")
    if len(ports) not in (1, len(hosts)):
        raise LogError(
            f"the database address: port names {len(ports)} ports for {len(hosts)} hosts; give one, or one each"
        )
    many = ports * len(hosts) if len(ports) == 1 else ports
    # asyncpg looks for a socket, then for localhost, where no host is given.
    return [(host or None, int(port or 5432)) for host, port in zip(hosts, many, strict=True)]


def _arguments(parameters: Mapping[str, str], application_name: str, patience: float | None) -> dict[str, Any]:
    for name in _FILES:
        path = parameters.get(name)
        if path and path != "system" and not Path(path).is_file():
            raise LogError(f"the database address: the file {path} of {name} does not exist; check the path")
    name = parameters.get("application_name") or parameters.get("fallback_application_name") or application_name
    settings = {"application_name": name}
    if options := parameters.get("options"):
        settings["options"] = options
    encryption = {name: parameters[name] for name in _TLS if parameters.get(name)}
    return {
        "dsn": f"postgresql://?{urlencode(_verified(encryption, parameters))}",
        "user": parameters.get("user"),
        "password": parameters.get("password"),
        "passfile": parameters.get("passfile"),
        "database": parameters.get("dbname"),
        "timeout": _connect_seconds(parameters.get("connect_timeout", "0")),
        "command_timeout": patience,
        "server_settings": settings,
        "statement_cache_size": 0,
        "target_session_attrs": "any",
    }


def _connect_seconds(text: str) -> float:
    seconds = int(text)
    return float(max(2, seconds)) if seconds > 0 else CONNECT_SECONDS  # 2 is libpq's least


def _verified(encryption: dict[str, str], parameters: Mapping[str, str]) -> dict[str, str]:
    """The TLS parameters with those of a channel that has to be bound, and of the machine's authorities."""
    mode = encryption.get("sslmode", "")
    if parameters.get("channel_binding") == "require":
        hosts = (parameters.get("hostaddr") or parameters.get("host") or "/").split(",")
        if mode == "disable" or any(host.startswith("/") for host in hosts):  # a socket has no TLS
            raise LogError(
                "the database address: channel_binding=require needs TLS; leave it out, or give sslmode=verify-full"
            )
        mode = "verify-full"
        encryption.setdefault("sslrootcert", "system")
    if encryption.get("sslrootcert") == "system":
        if mode not in ("", "verify-full"):
            raise LogError(
                f"the database address: sslmode={mode} is too weak for sslrootcert=system; give sslmode=verify-full"
            )
        mode = "verify-full"
        encryption["sslrootcert"] = _system_authorities()
    return encryption | ({"sslmode": mode} if mode else {"sslmode": "prefer"})


def _system_authorities() -> str:
    file = ssl.get_default_verify_paths().cafile
    if file is None:
        raise LogError("this machine has no certificate authorities; install ca-certificates, or give sslrootcert=FILE")
    return file
