#!/bin/sh
# nginx asks the DNS itself and has to be told where that is; then the image's own entrypoint fills in the template.
set -eu
RESOLVERS=$(sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf | sed 's/^.*:.*$/[&]/' | tr '\n' ' ')
export RESOLVERS
exec /docker-entrypoint.sh "$@"
