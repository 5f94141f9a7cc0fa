#!/usr/bin/env bash
# The page's unit tests and its journeys in a browser, for CI; a missing program is reported in one line.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v npm > /dev/null || ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  echo "skipped: frontend (Node.js 20.19 or newer is not installed)"
  exit 0
fi
chromium=${CHROMIUM:-$(command -v chromium || true)}
if [ -z "$chromium" ] && [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then
  { apt-get update && apt-get install --yes --no-install-recommends chromium; } > /dev/null 2>&1 || true
  chromium=$(command -v chromium || true)
fi
if [ -z "$chromium" ]; then
  make frontend
  echo "skipped: the page's journeys (no Chromium: apt-get install chromium, or set CHROMIUM)"
  exit 0
fi
CHROMIUM=$chromium make browser-test
