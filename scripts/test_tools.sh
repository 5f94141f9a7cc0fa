#!/usr/bin/env bash
# Install for CI, from Debian's packages, the programs without which some tests are skipped.
#   pgbouncer   tests/prediction_log: the log behind a pooler
set -euo pipefail
missing=()
for program in pgbouncer; do
  PATH=$PATH:/usr/sbin command -v "$program" > /dev/null || missing+=("$program")
done
[ ${#missing[@]} -gt 0 ] || exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
if [ -f /etc/debian_version ]; then
  { "${as_root[@]}" apt-get update && "${as_root[@]}" apt-get install --yes --no-install-recommends "${missing[@]}"; } > /dev/null 2>&1 && exit 0
fi
echo "skipped: tests with ${missing[*]} (apt-get could not install it; they run where it is on the PATH)"
