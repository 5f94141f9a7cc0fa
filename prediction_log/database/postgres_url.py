"""Postgres addresses in the forms that psql takes: several hosts, sockets, passwords and hosts in the query."""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from sqlalchemy.engine import URL

from prediction_log.database.libpq import checked
from prediction_log.errors import LogError

DRIVER = "postgresql+asyncpg"
SECRETS = ("password", "sslpassword")
FORMS = (
    "give sqlite:///path/to/file.db or postgresql://user:password@host:5432/database (percent-encode special "
    "characters of the password)"
)
# A bare `@` stands only before the hosts: behind them it would be a password's, and what follows it would be shown.
_URL = re.compile(
    r"^(?:(?P<account>[^@/?]*)@)?(?P<hosts>[^/?]*)(?:/(?P<database>[^?@]*))?(?:\?(?P<query>.*))?$", re.DOTALL
)
# A password with a bare `/` or `?`, which psql would refuse.
_LOOSE = re.compile(
    r"^(?P<account>[^:/?@]*:[^@]*)@(?P<hosts>[^/?@]*)(?:/(?P<database>[^?@]*))?(?:\?(?P<query>.*))?$", re.DOTALL
)
_HOST = re.compile(r"^(?P<host>\[[^\]@]*\]|[^:\[\]@]*)(?::(?P<port>\d{0,5}))?$")


def parse(rest: str, source: str) -> URL:
    """The address behind `postgresql://`; what its query says of user, password and database replaces them.

    Several hosts are in the query's `host`, each with its port.

    Args:
        source: the variable that gives the address.

    Raises:
        LogError: it has no such form, or a parameter that cannot be used; no part of a password is in the message.
    """
    match = _URL.match(rest)
    hosts = _authority(match["hosts"]) if match else None
    if hosts is None:
        match = _LOOSE.match(rest)
        hosts = _authority(match["hosts"]) if match else None
    if match is None or hosts is None:
        raise LogError(f"{source} cannot be read; {FORMS}")
    user, _, password = (match["account"] or "").partition(":")
    query = _query(match["query"] or "", source)
    ports = query.pop("port", "").split(",")
    if "host" in query:
        hosts = _hosts(query.pop("host")) or []
    hosts = _with_ports(hosts, [port for port in ports if port or len(ports) > 1], source)
    many = len(hosts) > 1
    if many:
        query["host"] = ",".join(_place(host, port) for host, port in hosts)
    host, port = hosts[0] if len(hosts) == 1 else ("", "")
    return URL.create(
        DRIVER,
        username=query.pop("user", "") or unquote(user) or None,
        password=query.pop("password", "") or unquote(password) or None,
        host=host or None,
        port=int(port) if port else None,
        database=query.pop("dbname", "") or unquote(match["database"] or "") or None,
        query=query,
    )


def places(url: URL) -> list[tuple[str, str]]:
    """The hosts and ports of a parsed address, each empty where it is not given."""
    several = url.query.get("host")
    if isinstance(several, str):
        return _hosts(several) or []
    return [(url.host or "", str(url.port or ""))] if url.host or url.port else []


def shown(url: URL) -> str:
    """A parsed address as a person may see it, without its passwords."""
    account = quote(url.username or "", safe="") + (":***" if url.password else "")
    hosts = ",".join(_place(quote(host, safe=":") if "/" in host else host, port) for host, port in places(url))
    query = "&".join(
        f"{name}={'***' if name in SECRETS else quote(str(value), safe='/')}"
        for name, value in url.query.items()
        if name != "host"
    )
    start = f"postgresql://{account}{'@' if account else ''}{hosts}"
    return start + (f"/{quote(url.database)}" if url.database else "") + (f"?{query}" if query else "")


def _place(host: str, port: str) -> str:
    named = f"[{host}]" if ":" in host else host
    return f"{named}:{port}" if port else named


def _hosts(text: str) -> list[tuple[str, str]] | None:
    """Each host with its port; None where one has no such form."""
    found = []
    for part in text.split(",") if text else []:
        match = _HOST.match(f"[{part}]" if part.count(":") > 1 and "[" not in part else part)
        if match is None or int(match["port"] or 0) > 65535:
            return None
        found.append((match["host"].removeprefix("[").removesuffix("]"), match["port"] or ""))
    return found


def _authority(text: str) -> list[tuple[str, str]] | None:
    found = _hosts(text)
    return None if found is None else [(unquote(host), port) for host, port in found]


def _with_ports(hosts: list[tuple[str, str]], ports: list[str], source: str) -> list[tuple[str, str]]:
    if not ports:
        return hosts
    hosts = hosts or [("", "")]
    if len(ports) not in (1, len(hosts)):
        raise LogError(f"{source}: port names {len(ports)} ports for {len(hosts)} hosts; give one, or one each")
    many = ports * len(hosts) if len(ports) == 1 else ports
    return [(host, port or own) for (host, own), port in zip(hosts, many, strict=True)]


def _pairs(text: str, source: str) -> Iterable[tuple[str, str]]:
    for part in text.split("&") if text else []:
        name, mark, value = part.partition("=")
        if not mark:
            raise LogError(f"{source}: a parameter behind the ? has no value; give name=value, joined by &")
        # JDBC's way to ask for TLS, which libpq takes.
        yield ("sslmode", "require") if part == "ssl=true" else (unquote(name), unquote(value))


def _query(text: str, source: str) -> dict[str, str]:
    """The parameters of the query; the last of several counts, and several hosts add up."""
    found: dict[str, str] = {}
    for name, value in _pairs(text, source):
        checked(name, value, source)
        found[name] = f"{found[name]},{value}" if name == "host" and name in found else value
    if found.get("host") and _hosts(found["host"]) is None:
        raise LogError(f"{source}: host in the query cannot be read; give names or addresses, joined by commas")
    return found
