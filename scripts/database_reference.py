"""Make docs/reference/database-url.md from the table of parameters: `python scripts/database_reference.py [--check]`.

`--check` writes nothing and ends with 1 when the page differs from the code.
"""

import sys
from pathlib import Path

from reference_pages import ROOT, cell, code, write_or_compare

from prediction_log.database.libpq import PARAMETERS, Parameter

PAGE = ROOT / "docs/reference/database-url.md"
HEAD = """# DATABASE_URL

The prediction log lives in an SQLite file or in Postgres 15 or later.

| form | example |
|---|---|
| a file | `sqlite:///var/predictions.db`, `sqlite:////absolute/path.db` |
| a server | `postgresql://user:password@host:5432/database?sslmode=verify-full&sslrootcert=system` |
| several servers | `postgresql://user:password@first:5432,second:5433/log?target_session_attrs=read-write` |
| a socket | `postgresql://user@%2Frun%2Fpostgresql/log`, `postgresql:///log?host=/run/postgresql` |
| a service | `postgresql://?service=log` |

An address that `psql` takes is taken, or refused by name with the remedy. What an address leaves out comes from its
service, then from the environment variables of libpq (`PGHOST`, `PGPASSWORD`, `PGPASSFILE`, …), as in `psql`.
Characters such as `@`, `/` and `%` in a password are percent-encoded. No password is printed, in whichever part of
the address it is.

## Behind a pooler

PgBouncer works in session and in transaction mode with its own defaults: nothing is kept in a session, and statements
have no name. In statement mode transactions are not possible, so it is refused. In session mode every server process
keeps a connection of the pool. `options` is refused by PgBouncer unless its `ignore_startup_parameters` names it.

## Replicas and roles that may only read

`sentiment status`, `sentiment doctor`, the monitor's figures and `python -m prediction_log hourly` read from a hot
standby or with a role that has `SELECT` alone. Servers, drift checks and `maintain` write. Drift checks and the
monitor read from `DATABASE_READ_URL` where it is set, and write their verdict to `DATABASE_URL`. With several
servers, `target_session_attrs=read-write` finds the one that takes writes, and `prefer-standby` a replica.

## Parameters

"""


def _row(parameter: Parameter) -> str:
    use: str = parameter.use
    values = parameter.values or ()
    if use == "refused" and values:
        use = f"refused, but for {', '.join(code(value) for value in values)}"
    elif values:
        use = f"{use}: {', '.join(code(value) for value in values)}"
    variable = code(parameter.variable) if parameter.variable else ""
    return f"| {code(parameter.name)} | {variable} | {use} | {cell(parameter.note)} |"


def page() -> str:
    """Return the page's text."""
    rows = "\n".join(_row(parameter) for parameter in PARAMETERS.values())
    end = "\n\nThis page is made from `prediction_log/database/libpq.py` by `scripts/database_reference.py`.\n"
    return f"{HEAD}| parameter | variable | use | note |\n|---|---|---|---|\n{rows}{end}"


if __name__ == "__main__":
    sys.exit(write_or_compare(PAGE, page(), Path(__file__), "--check" in sys.argv[1:]))
