#!/bin/bash
# Expected: OTEL_PROPAGATORS concerns programs that propagate traces. A cluster's operator sets it for every pod, such as
#           `b3` (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables lists it as a known value); a
#           web application that was never instrumented starts as before.
# Happens:  FastAPI imports `opentelemetry.propagate` for its own telemetry wherever the package opentelemetry-api happens
#           to be installed, and that import raises ValueError for a propagator whose package is not installed. `import
#           fastapi` ends with a traceback, with tracing off and no SDK there.
# Hurts:    every FastAPI program in such an environment, at its start; the variable is not in the traceback's message.
#           Here: tests/model_server/tracing/test_tracing.py::test_a_propagator_that_is_missing_does_not_matter_without_traces
# Versions: fastapi 0.165.0, opentelemetry-api 1.45.2, Python 3.11
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fastapi==0.165.0 opentelemetry-api==1.45.2
python="$folder/venv/bin/python"
"$python" -c 'import platform, fastapi, importlib.metadata as m; print("fastapi", fastapi.__version__, "opentelemetry-api", m.version("opentelemetry-api"), "Python", platform.python_version())'
plain=$("$python" -c 'import fastapi; print("imported")' 2>&1 | tail -1 || true)
b3=$(OTEL_PROPAGATORS=b3 "$python" -c 'import fastapi; print("imported")' 2>&1 | tail -1 || true)
echo "import fastapi                       -> $plain"
echo "OTEL_PROPAGATORS=b3, import fastapi  -> $b3"
if [ "$plain" = imported ] && [[ "$b3" = "ValueError: Propagator b3 not found."* ]]; then
  echo "as described"
else
  echo "changed: $plain, $b3"
  exit 1
fi
