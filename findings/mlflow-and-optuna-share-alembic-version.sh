#!/usr/bin/env bash
# Expected: two programs that migrate by Alembic can use one database. Alembic's cookbook and its option `version_table`
#   (https://alembic.sqlalchemy.org/en/latest/api/runtime.html) give each its own version table; MLflow's and
#   Optuna's documentations each offer any SQLAlchemy URL and name no such limit.
# Happens: MLflow and Optuna both keep their revision in Alembic's default table `alembic_version`. Whichever comes
#   second to a database cannot use it: MLflow says "Can't locate revision", and Optuna asks for an update of the very
#   version that is installed, although its own tables are new.
# Hurts: a small installation with one Postgres (or one SQLite file) for tracking and search; the second program ends at
#   its first use. Our prediction log did the same beside either: tests/prediction_log/maintenance/test_shared_database.py.
# Versions: mlflow 3.17.2, optuna 5.0.0, alembic as pip resolves it; SQLite.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow==3.17.2 optuna==5.0.0
"$folder/venv/bin/pip" list 2>/dev/null | grep -iE '^(mlflow|optuna|alembic|sqlalchemy) '

cat > "$folder/use.py" <<'PYTHON'
import sys

def mlflow(url):
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    SqlAlchemyStore(url, sys.argv[3]).search_experiments()

def optuna(url):
    import optuna
    optuna.create_study(storage=url, study_name="search", load_if_exists=True)

try:
    {"mlflow": mlflow, "optuna": optuna}[sys.argv[1]](sys.argv[2])
    print(f"{sys.argv[1]}: works")
except Exception as error:
    print(f"{sys.argv[1]}: {type(error).__name__}: {' '.join(str(error).split())}")
PYTHON

use() { # PROGRAM DATABASE
  "$folder/venv/bin/python" "$folder/use.py" "$1" "sqlite:///$folder/$2.db" "$folder/artifacts" 2>/dev/null | tail -1
}

seen=""
for order in "mlflow optuna" "optuna mlflow"; do
  for program in $order; do
    line=$(use "$program" "${order// /-then-}")
    echo "${order// / then }: $line"
    seen+="$line"$'\n'
  done
done

works=$(grep -c ': works$' <<<"$seen" || true)
if [ "$works" = 2 ] && grep -q "optuna: RuntimeError: .*updating optuna" <<<"$seen" &&
  grep -q "mlflow: CommandError: Can't locate revision" <<<"$seen"; then
  echo "as described"
else
  echo "changed: two of four first uses worked before, and the second program of each database failed"
  exit 1
fi
