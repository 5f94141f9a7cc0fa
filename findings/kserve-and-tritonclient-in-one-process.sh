#!/usr/bin/env bash
# Expected: two clients of the Open Inference Protocol can be imported into one Python process; neither package excludes the
#           other, and pip installs both.
# Happens:  both generate Python modules from their copies of the protocol's .proto, with the same message names and different
#           fields. protobuf's default pool accepts a name once per process, so the second import ends with a TypeError.
# Hurts:    whoever writes a gateway, a migration check or a test suite that talks to KServe and to Triton: it works until both
#           imports meet in one process, then a module fails at import, in an order that depends on unrelated code.
# Versions: kserve 0.21.0, tritonclient 2.73.0, protobuf 6.33.6.
# Here:     the server's own module registers in a separate pool, so that either client can be imported beside it;
#           tests/model_server/rpc/test_proto.py
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check kserve==0.21.0 'tritonclient[grpc]==2.73.0' protobuf==6.33.6

cat > "$folder/look.py" <<'PY'
import importlib
import sys

for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        print(f"import {name}: works")
    except TypeError as error:
        print(f"import {name}: TypeError: {str(error).splitlines()[0]}")
PY

python=$folder/venv/bin/python
"$python" -c 'from importlib.metadata import version as v; print(*(f"{n} {v(n)}" for n in ("kserve", "tritonclient", "protobuf")), sep=", ")'
first=$("$python" "$folder/look.py" kserve tritonclient.grpc 2> /dev/null)
second=$("$python" "$folder/look.py" tritonclient.grpc kserve 2> /dev/null)
printf '%s\n\n%s\n' "$first" "$second"
if [ "$(grep -c works <<< "$first")" = 1 ] && [ "$(grep -c works <<< "$second")" = 1 ] \
  && [ "$(grep -c TypeError <<< "$first$second")" = 2 ]; then
  echo "as described"
else
  echo "changed: both clients can be imported in one order at least"
  exit 1
fi
