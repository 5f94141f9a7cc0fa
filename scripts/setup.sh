#!/usr/bin/env bash
# Make the virtual environment that every make target uses. A second run does nothing until a version changes.
#   VENV        where it goes (.venv)
#   PYTHON      the interpreter (the newest of python3.13, 3.12, 3.11, python3 that fits)
#   TORCH_INDEX the index that torch comes from; PyTorch's CPU index unless set, and PyPI where that index cannot be reached
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
stamp="$venv/.setup"
want=$(cat pyproject.toml lock/constraints.txt scripts/setup.sh | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
  exit 0
fi

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
for python in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
  if command -v "$python" > /dev/null && "$python" -c "$fits" 2> /dev/null; then
    found=$python
    break
  fi
done
if [ -z "${found:-}" ]; then
  echo "error: no Python 3.11, 3.12 or 3.13 found (tried: ${PYTHON:-python3.13 python3.12 python3.11 python3})." >&2
  echo "       Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2
  exit 2
fi
echo "setting up $venv with $("$found" --version) (once; about 5 minutes)"
if ! "$venv/bin/python" -c "$fits" 2> /dev/null; then
  "$found" -m venv --clear "$venv" || {
    echo "error: $found cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv" >&2
    exit 2
  }
fi

pip=("$venv/bin/python" -m pip install --disable-pip-version-check --quiet --constraint lock/constraints.txt)
torch=$(grep '^torch==' lock/constraints.txt)
index=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
reachable='import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + "/torch/", timeout=4)'
if "$venv/bin/python" -c 'import torch' 2> /dev/null; then
  :
elif "$venv/bin/python" -c "$reachable" "$index" 2> /dev/null; then
  echo "torch: $torch from $index"
  "${pip[@]}" --extra-index-url "$index" "$torch"  # its 2.13.0+cpu sorts before the package index's 2.13.0
else
  echo "torch: $torch from the package index ($index cannot be reached)"
  "${pip[@]}" "$torch"
fi
echo "packages: everything else"
"${pip[@]}" --editable '.[dev]'
echo "$want" > "$stamp"
