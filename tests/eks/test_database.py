"""The programs' user and databases: the SQL on a real Postgres, and the script around it with AWS and the cluster stood in for."""

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from eks.terraform import EKS
from kit.postgres import PASSWORD, NoPostgres, Postgres, binaries
from sqlalchemy.engine import make_url

ADMIN = "administrator"
OUTPUTS = {
    "namespace": "sentiment",
    "region": "us-east-1",
    "database_host": "db.example",
    "database_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds",
}
# kubectl that runs the pod's program here, as its container would, and keeps the Secret in a file.
KUBECTL = r"""#!/usr/bin/env python3
import base64, json, os, pathlib, subprocess, sys
arguments, place = sys.argv[1:], pathlib.Path(os.environ["STAGE"])
verb = next(each for each in arguments if each in ("get", "delete", "run", "create", "apply"))
(place / "calls").open("a").write(json.dumps(arguments) + "\n")
if verb == "get" and "secret" in arguments and (place / "secret").exists():
    print(base64.b64encode((place / "secret").read_text().strip().partition("=")[2].encode()).decode(), end="")
elif verb == "run":
    (container,) = json.loads(arguments[arguments.index("--overrides") + 1])["spec"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    here = {"PGHOST": "127.0.0.1", "PGPORT": os.environ["STAGE_PORT"], "PGSSLMODE": "disable"}
    program = arguments[arguments.index("--") + 1 :]
    sys.exit(subprocess.run(program, env={"PATH": os.environ["PATH"], **given, **here}).returncode)
elif verb == "create":
    print(sys.stdin.read(), end="")
elif verb == "apply":
    (place / "secret").write_text(sys.stdin.read())
"""
AWS = """#!/usr/bin/env python3
import json, os
print(json.dumps({"username": "administrator", "password": os.environ["STAGE_PASSWORD"]}))
"""
TERRAFORM = """#!/usr/bin/env python3
import json, os, sys
print(json.loads(os.environ["STAGE_OUTPUTS"])[sys.argv[-1]], end="")
"""


def _psql() -> str:
    try:
        found = shutil.which("psql", path=f"{binaries()}{os.pathsep}{os.environ['PATH']}")
    except NoPostgres as error:
        pytest.skip(str(error))
    if found is None:
        pytest.skip("psql is not installed, which runs k8s/eks/database.sql")
    return found


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A Postgres with an administrator as RDS makes one: it may make roles and databases, and is no superuser."""
    _psql()
    with Postgres() as server:
        server.execute(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'")
        yield server


@pytest.fixture
def stage(postgres: Postgres, tmp_path: Path) -> dict[str, str]:
    """An environment in which the script meets our `kubectl`, `aws` and `terraform`."""
    for name, text in (("kubectl", KUBECTL), ("aws", AWS), ("terraform", TERRAFORM)):
        program = tmp_path / name
        program.write_text(text)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {
        "PATH": os.pathsep.join([str(tmp_path), str(Path(_psql()).parent), os.environ["PATH"]]),
        "STAGE": str(tmp_path),
        "STAGE_PORT": str(make_url(postgres.url).port),
        "STAGE_PASSWORD": PASSWORD,
        "STAGE_OUTPUTS": json.dumps(OUTPUTS),
    }


def _run(stage: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", str(EKS / "database.sh")], env=stage, capture_output=True, text=True, timeout=60)


def _url(stage: dict[str, str]) -> str:
    return (Path(stage["STAGE"]) / "secret").read_text().strip().removeprefix("DATABASE_URL=")


def test_the_programs_get_a_user_who_owns_both_databases(postgres: Postgres, stage: dict[str, str]) -> None:
    done = _run(stage)
    assert done.returncode == 0, done.stderr
    stored = make_url(_url(stage))
    assert (stored.username, stored.host, stored.database, stored.query) == (
        "sentiment",
        "db.example",
        "sentiment",
        {"sslmode": "require"},
    )
    for database in ("sentiment", "mlflow"):
        here = stored.set(host="127.0.0.1", port=make_url(postgres.url).port, database=database, query={})
        url = here.render_as_string(hide_password=False)
        postgres.execute("CREATE TABLE IF NOT EXISTS tried (x int)", url)
        assert postgres.execute("SELECT 1 AS one FROM pg_tables WHERE tablename = 'tried'", url)
    (role,) = postgres.execute("SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'sentiment'")
    assert not any(role.values())
    calls = (Path(stage["STAGE"]) / "calls").read_text()
    for secret in (PASSWORD, str(stored.password)):
        assert secret not in calls and secret not in done.stdout + done.stderr


def test_a_second_run_keeps_the_password(stage: dict[str, str]) -> None:
    assert _run(stage).returncode == 0
    first = _url(stage)
    done = _run(stage)
    assert done.returncode == 0, done.stderr
    assert _url(stage) == first and "keeping the password" in done.stdout
    assert re.fullmatch(r"[0-9a-f]{48}", str(make_url(first).password))


def test_a_refused_administrator_leaves_no_secret(stage: dict[str, str]) -> None:
    done = _run(stage | {"STAGE_PASSWORD": "wrong"})
    assert done.returncode != 0 and "password authentication failed" in done.stderr
    assert not (Path(stage["STAGE"]) / "secret").exists()
