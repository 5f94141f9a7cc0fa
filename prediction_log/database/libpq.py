"""The parameters of a Postgres address as psql accepts them: each is used, ignored or refused by name.

A new address of a managed Postgres brings parameters that a driver may not know. A parameter of a security check is
never ignored: the check is made, or the address is refused.
"""

import os
import re
from collections.abc import Callable, Mapping
from configparser import Error as ConfigError
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prediction_log.errors import LogError

Use = Literal["used", "ignored", "refused"]
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSIONS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
_ADDRESSES = {"host", "hostaddr"}  # those of one source are not mixed with another's
_NUMBER = re.compile(r"^ *[+-]?\d+ *$")
_PORTS = re.compile(r"^(\d{1,5}(,\d{0,5})*)?$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A connection parameter of libpq.

    Attributes:
        use: whether the log uses it, ignores it, or refuses every value but the harmless ones in `values`.
        note: the reason, or the remedy for a refused parameter.
        variable: the environment variable that gives it where the address does not.
        values: the values that are taken; any unless given.
        pattern: of the numbers that are taken, with an `example`.
    """

    name: str
    use: Use
    note: str
    variable: str | None = None
    values: tuple[str, ...] | None = None
    pattern: re.Pattern[str] | None = None
    example: str = ""

    def check(self, value: str, source: str) -> None:
        """Raise LogError for a value that cannot be used; an empty one means that it is not given."""
        if not value or self.use == "ignored":
            return
        if self.values is not None and value not in self.values:
            if self.use == "refused":
                raise LogError(f"{source}: {self.name}={value} cannot be used: {self.note}")
            raise LogError(f"{source}: {self.name}={value} is unknown; give one of {', '.join(self.values)}")
        if self.values is None and self.use == "refused":
            raise LogError(f"{source}: {self.name} cannot be used: {self.note}")
        if self.pattern is not None and not self.pattern.match(value):
            raise LogError(f"{source}: {self.name} is not a number; give digits, such as {self.name}={self.example}")


_TIMES = "the log sets its own time limits for every use of a connection"
_TLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
PARAMETERS: dict[str, Parameter] = {
    one.name: one
    for one in (
        Parameter("host", "used", "names, addresses or folders of sockets; several are tried in turn", "PGHOST"),
        Parameter("hostaddr", "used", "addresses, instead of `host`; not both", "PGHOSTADDR"),
        Parameter("port", "used", "one for all hosts, or one each", "PGPORT", None, _PORTS, "5432"),
        Parameter("dbname", "used", "the database", "PGDATABASE"),
        Parameter("user", "used", "the role", "PGUSER"),
        Parameter("password", "used", "never printed", "PGPASSWORD"),
        Parameter("passfile", "used", "the file of passwords; `~/.pgpass` unless given", "PGPASSFILE"),
        Parameter("service", "used", "a section of the service file, for what the address leaves out", "PGSERVICE"),
        Parameter("servicefile", "used", "that file; `~/.pg_service.conf` unless given", "PGSERVICEFILE"),
        Parameter("target_session_attrs", "used", "which of several servers", "PGTARGETSESSIONATTRS", SESSIONS),
        Parameter(
            "load_balance_hosts", "used", "the order of several hosts", "PGLOADBALANCEHOSTS", ("disable", "random")
        ),
        Parameter(
            "connect_timeout",
            "used",
            "seconds for each host; 5 unless given or 0",
            "PGCONNECT_TIMEOUT",
            pattern=_NUMBER,
            example="10",
        ),
        Parameter("application_name", "used", "shown in pg_stat_activity", "PGAPPNAME"),
        Parameter("fallback_application_name", "used", "where `application_name` is not given"),
        Parameter("options", "used", "settings for the session; PgBouncer refuses it by default", "PGOPTIONS"),
        Parameter("sslmode", "used", "as in psql; `prefer` unless given", "PGSSLMODE", SSL_MODES),
        Parameter("sslrootcert", "used", "a file, or `system` for the machine's authorities", "PGSSLROOTCERT"),
        Parameter("sslcert", "used", "the client's certificate", "PGSSLCERT"),
        Parameter("sslkey", "used", "the key of that certificate", "PGSSLKEY"),
        Parameter("sslpassword", "used", "the password of that key; never printed"),
        Parameter("sslcrl", "used", "a file of revoked certificates", "PGSSLCRL"),
        Parameter("ssl_min_protocol_version", "used", "the oldest TLS", "PGSSLMINPROTOCOLVERSION", _TLS),
        Parameter("ssl_max_protocol_version", "used", "the newest TLS", "PGSSLMAXPROTOCOLVERSION", _TLS),
        Parameter("sslnegotiation", "used", "as in psql 17", "PGSSLNEGOTIATION", ("postgres", "direct")),
        Parameter(
            "channel_binding",
            "used",
            "the driver cannot bind a channel: `require` demands a verified certificate instead, as "
            "`sslmode=verify-full` does, of the machine's authorities unless `sslrootcert` is given",
            "PGCHANNELBINDING",
            ("disable", "prefer", "require"),
        ),
        Parameter("krbsrvname", "used", "for Kerberos", "PGKRBSRVNAME"),
        Parameter("gsslib", "used", "for Kerberos", "PGGSSLIB", ("gssapi", "sspi")),
        Parameter("client_encoding", "ignored", "the driver speaks UTF-8", "PGCLIENTENCODING"),
        Parameter("keepalives", "ignored", _TIMES),
        Parameter("keepalives_idle", "ignored", _TIMES),
        Parameter("keepalives_interval", "ignored", _TIMES),
        Parameter("keepalives_count", "ignored", _TIMES),
        Parameter("tcp_user_timeout", "ignored", _TIMES),
        Parameter("sslcompression", "ignored", "servers no longer compress TLS", "PGSSLCOMPRESSION"),
        Parameter("max_protocol_version", "ignored", "the driver speaks 3.0", "PGMAXPROTOCOLVERSION"),
        Parameter(
            "min_protocol_version",
            "refused",
            "the driver speaks 3.0; leave it out",
            "PGMINPROTOCOLVERSION",
            ("3.0",),
        ),
        Parameter("sslcertmode", "refused", "leave it out", "PGSSLCERTMODE", ("allow",)),
        Parameter("sslcrldir", "refused", "put the lists into one file and give `sslcrl`", "PGSSLCRLDIR"),
        Parameter("sslsni", "refused", "the driver sends the host's name; leave it out", "PGSSLSNI", ("1",)),
        Parameter("sslkeylogfile", "refused", "it would write the connection's secrets; leave it out"),
        Parameter(
            "gssencmode",
            "refused",
            "the driver does not encrypt by Kerberos; use TLS (`sslmode`)",
            "PGGSSENCMODE",
            ("disable", "prefer"),
        ),
        Parameter("gssdelegation", "refused", "leave it out", "PGGSSDELEGATION", ("0",)),
        Parameter("requirepeer", "refused", "the driver cannot check it; leave it out", "PGREQUIREPEER"),
        Parameter(
            "require_auth",
            "refused",
            "the driver cannot check it; give `sslmode=verify-full` instead",
            "PGREQUIREAUTH",
        ),
        Parameter("scram_client_key", "refused", "give a password"),
        Parameter("scram_server_key", "refused", "give a password"),
        Parameter("oauth_issuer", "refused", "give a password or a certificate"),
        Parameter("oauth_client_id", "refused", "give a password or a certificate"),
        Parameter("oauth_client_secret", "refused", "give a password or a certificate"),
        Parameter("oauth_scope", "refused", "give a password or a certificate"),
        Parameter("replication", "refused", "leave it out", None, ("false", "off", "no", "0")),
    )
}


def checked(name: str, value: str, source: str) -> str:
    """Check and return a parameter's value from an address, a service or the environment.

    Args:
        source: where the value comes from, as messages name it.

    Raises:
        LogError: libpq has no such parameter, or the log cannot use this value.
    """
    if name not in PARAMETERS:
        raise LogError(
            f"{source}: {name!r} is not a parameter of a Postgres address; leave it out (a server's setting goes "
            "into options, such as options=-c%20search_path%3Dlog)"
        )
    PARAMETERS[name].check(value, source)
    return value


def fill(given: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return a connection's parameters: the given ones, then the service's, then the environment's, as in psql.

    Raises:
        LogError: a parameter cannot be used, or the service is not defined.
    """
    found = {name: value for name, value in given.items() if value}

    def add(parameters: Callable[[str], str | None], source: Callable[[str], str]) -> None:
        for name in PARAMETERS:
            taken = name in found or (name in _ADDRESSES and not _ADDRESSES.isdisjoint(found))
            if not taken and (value := parameters(name)):
                found[name] = checked(name, value, source(name))

    def variable(name: str) -> str | None:
        return environment.get(PARAMETERS[name].variable or "")

    service = found.get("service") or variable("service")
    if service:
        parameters = _service(service, found.get("servicefile") or variable("servicefile"), environment)
        add(parameters.get, lambda _: f"the service {service!r}")
    add(variable, lambda name: PARAMETERS[name].variable or name)
    return found


def _service(name: str, file: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    folder = environment.get("PGSYSCONFDIR")
    files = [Path(file or "~/.pg_service.conf"), *([Path(folder, "pg_service.conf")] if folder else [])]
    for path in files:
        parser = RawConfigParser(interpolation=None, comment_prefixes=("#",), strict=False)
        try:
            parser.read(path.expanduser())
        except (ConfigError, UnicodeDecodeError) as error:
            raise LogError(f"the service file {path} cannot be read; check its form") from error
        if parser.has_section(name):
            unknown = next((key for key in parser[name] if key not in PARAMETERS), None)
            if unknown is not None:
                raise LogError(
                    f"the service file {path}: {unknown!r} is not a parameter of a Postgres address; leave it out"
                )
            return dict(parser[name])
    looked = " and ".join(str(path) for path in files)
    raise LogError(f"the service {name!r} is not defined in {looked}; check service and PGSERVICEFILE")


def environment() -> Mapping[str, str]:
    """The environment that `fill` reads."""
    return os.environ
