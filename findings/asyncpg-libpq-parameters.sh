#!/usr/bin/env bash
# asyncpg sends the connection parameters of libpq that it does not know to the server, as settings of the session.
#
# Expected: an address that psql takes is taken. channel_binding, connect_timeout, keepalives and gssencmode are the
#   client's business in libpq (PostgreSQL's documentation, 34.1.2 "Parameter Key Words") and never leave the client.
# Happens: asyncpg puts them into the start-up packet, as its documentation says of options that it does not recognise.
#   Postgres then refuses the connection: unrecognized configuration parameter "channel_binding".
# Hurts: everybody who copies the address from the console of a managed Postgres, such as Neon's with
#   ?sslmode=require&channel_binding=require. Fixed here by a table of all parameters; test:
#   tests/prediction_log/database/test_postgres_url.py::test_an_address_that_psql_takes
# Versions: asyncpg 0.32.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check asyncpg==0.32.0
"$folder/venv/bin/python" - <<'PY'
import asyncio
import sys

import asyncpg

print(f"Python {sys.version.split()[0]}, asyncpg {asyncpg.__version__}")
ASKED = {"channel_binding": "require", "connect_timeout": "10", "keepalives_idle": "30", "gssencmode": "disable"}


async def main() -> dict[str, str]:
    sent: dict[str, str] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the start-up packet, as a server does, and refuse it politely."""
        length = int.from_bytes(await reader.readexactly(4), "big")
        words = (await reader.readexactly(length - 4))[4:].rstrip(b"\0").split(b"\0")
        sent.update(zip((word.decode() for word in words[::2]), (word.decode() for word in words[1::2]), strict=True))
        fields = b"SFATAL\0VFATAL\0C28000\0Mno more of this\0\0"
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    query = "&".join(f"{name}={value}" for name, value in ASKED.items())
    try:
        await asyncpg.connect(f"postgresql://me:word@127.0.0.1:{port}/log?sslmode=disable&{query}")
    except asyncpg.PostgresError as error:
        print("the connection ends with:", error)
    server.close()
    return sent


sent = asyncio.run(main())
print("parameters in the start-up packet:", sent)
if ASKED.items() <= sent.items():
    print("as described")
else:
    sys.exit("changed: parameters of libpq no longer reach the server")
PY
