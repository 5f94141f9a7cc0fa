#!/usr/bin/env bash
# Expected: `nncf.set_log_level(logging.ERROR)` quietens NNCF. Handlers that other programs attached belong to these.
# Happens:  it sets the level of every handler of the logger `nncf`, whoever attached it. Since `nncf` does not propagate,
#           pytest 9.2 attaches its capturing handler to it, and uses one handler for the whole session. From the first test
#           that calls `set_log_level` on, `caplog` of all later tests holds no warning of any logger.
# Hurts:    whoever tests code that quantises: unrelated tests fail, only in some orders of the files. An application's own
#           handler for `nncf`, which writes to a file, loses its lines alike. Here the logger's level is set for the time
#           of the quantisation, and no handler's: tests/training_job/build/test_quantise.py.
# Versions: nncf 3.4.0, openvino 2026.4.1, pytest 9.2.0; any Python from 3.11 on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nncf==3.4.0 openvino==2026.4.1 pytest==9.2.0
cat > "$folder/test_levels.py" <<'PY'
import logging

import nncf
import pytest


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_warning_is_captured(when, caplog):
    if when == "after":
        nncf.set_log_level(logging.ERROR)
    logging.getLogger("application").warning("the disk is nearly full")
    print(when, "set_log_level: messages", caplog.messages, "level of the handler", caplog.handler.level)


def test_a_later_test_of_other_code(caplog):
    logging.getLogger("application").warning("the disk is nearly full")
    print("a later test: messages", caplog.messages, "level of the handler", caplog.handler.level)
PY
"$folder/venv/bin/python" -c 'import importlib.metadata as m, sys
print("python", sys.version.split()[0], "nncf", m.version("nncf"), "pytest", m.version("pytest"))'
cd "$folder"
"$folder/venv/bin/python" -m pytest -q -s -p no:cacheprovider test_levels.py | tee "$folder/output.txt"
if grep -q "before set_log_level: messages \['the disk" "$folder/output.txt" && grep -q "a later test: messages \[\] level of the handler 40" "$folder/output.txt"; then
  echo "as described"
else
  echo "changed: a later test captures its warning"
  exit 1
fi
