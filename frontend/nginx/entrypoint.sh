#!/bin/sh
# nginx resolves names itself and needs the resolvers' addresses; the image's own entrypoint fills in the template.
set -eu
RESOLVERS=$(sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf | sed 's/^.*:.*$/[&]/' | tr '\n' ' ')
export RESOLVERS
exec /docker-entrypoint.sh "$@"
