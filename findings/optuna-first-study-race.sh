#!/usr/bin/env bash
# Expected: `create_study(load_if_exists=True)` lets several workers start with one database. Its documentation: where the
#           study exists already, "the creation of the study is skipped, and the existing one is returned".
# Happens:  of processes that open a new database at the same moment, some die while the tables are created: the storage
#           looks for a table and creates it then, and so it does with alembic's version. `load_if_exists` covers the
#           study's row alone.
# Hurts:    whoever starts several workers with a new SQLite or Postgres, as a Kubernetes Job with `parallelism: 2` does.
#           The workers that die report "table ... already exists" or "UNIQUE constraint failed". Here a lock is held
#           while a study is opened: tests/training_job/test_search_workers.py.
# Versions: optuna 5.0.0, SQLAlchemy 2.1.9; any Python from 3.11 on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0 SQLAlchemy==2.1.9
cat > "$folder/worker.py" <<'PY'
import sys

import optuna

sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.readline()
optuna.logging.set_verbosity(optuna.logging.ERROR)
try:
    optuna.create_study(storage=sys.argv[1], study_name="shared", load_if_exists=True)
    answer = "opened"
except Exception as error:
    answer = str(error).splitlines()[0]
sys.stdout.write(answer + "\n")
PY
cat > "$folder/race.py" <<'PY'
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

folder = Path(sys.argv[1])
print("python", sys.version.split()[0], "optuna", version("optuna"), "SQLAlchemy", version("SQLAlchemy"))
died = set()
for number in range(10):
    url = f"sqlite:///{folder}/new-{number}.db"
    command = [sys.executable, str(folder / "worker.py"), url]
    workers = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(4)]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    answers = [worker.communicate()[0].strip() for worker in workers]
    print(f"database {number}:", *answers, sep="\n  ")
    died |= {answer for answer in answers if answer != "opened"}
    if died:
        break
if any("already exists" in answer or "UNIQUE constraint" in answer for answer in died):
    print("as described")
else:
    print("changed: four workers opened each of ten new databases at once")
    sys.exit(1)
PY
"$folder/venv/bin/python" "$folder/race.py" "$folder"
