#!/usr/bin/env bash
# Expected: a connection with a busy timeout waits for another connection's write before it reports "database is locked".
#           SQLite's documentation of the timeout: the handler "sleeps for a specified amount of time when a table is
#           locked".
# Happens:  an INSERT waits, and so does the switch to WAL while another connection reads. While another connection
#           writes, `PRAGMA journal_mode=WAL` fails at once, whatever the timeout.
# Hurts:    programs that set WAL on each new connection, as most advice for SQLite has it: two of them that open a new
#           file together end in "database is locked", seldom enough to pass tests. Here the switch is retried:
#           tests/prediction_log/database/test_sqlite.py.
# Versions: SQLite 3.51 as pysqlite3-binary 0.5.4.post2 carries it; any Python for which that has a wheel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pysqlite3-binary==0.5.4.post2
cat > "$folder/switch.py" <<'PY'
import sys
import time

from pysqlite3 import dbapi2 as sqlite

TIMEOUT = 1.0
path = f"{sys.argv[1]}/shared.db"
print("python", sys.version.split()[0], "SQLite", sqlite.sqlite_version, "busy timeout", TIMEOUT, "s")
first = sqlite.connect(path, isolation_level=None)
first.execute("CREATE TABLE notes (note)")
second = sqlite.connect(path, isolation_level=None, timeout=TIMEOUT)


def waited(statement: str) -> float:
    began = time.monotonic()
    try:
        second.execute(statement).fetchall()
        answer = "done"
    except sqlite.OperationalError as error:
        answer = str(error)
    seconds = time.monotonic() - began
    print(f"  {statement}: {answer} after {seconds:.2f} s")
    return seconds


print("another connection writes")
first.execute("BEGIN IMMEDIATE")
first.execute("INSERT INTO notes VALUES ('one')")
insert = waited("INSERT INTO notes VALUES ('two')")
switch = waited("PRAGMA journal_mode=WAL")
first.execute("COMMIT")
print("another connection reads")
first.execute("BEGIN")
first.execute("SELECT * FROM notes").fetchall()
beside_reader = waited("PRAGMA journal_mode=WAL")
first.execute("COMMIT")
if insert >= TIMEOUT / 2 and beside_reader >= TIMEOUT / 2 and switch < TIMEOUT / 10:
    print("as described")
else:
    print("changed: the switch beside a writer waits as the other statements do")
    sys.exit(1)
PY
"$folder/venv/bin/python" "$folder/switch.py" "$folder"
