#!/usr/bin/env bash
# Print a version's section of CHANGELOG.md: scripts/release_notes.sh 0.1.0
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?usage: scripts/release_notes.sh VERSION}
notes=$(awk -v heading="## [$version]" '
  index($0, "## [") == 1 { inside = index($0, heading) == 1; next }
  inside' CHANGELOG.md)
if [ -z "${notes//[[:space:]]/}" ]; then
  echo "error: CHANGELOG.md has no entries under \"## [$version]\"; move the entries of \"Unreleased\" there" >&2
  exit 1
fi
printf '%s\n' "$notes"
