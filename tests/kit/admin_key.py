"""An administrator's API key, as a server's file holds it and as clients send it."""

import hashlib
import json

LOAD, UNLOAD = "/v2/repository/models/sentiment/load", "/v2/repository/models/sentiment/unload"
KEY = "an admin's secret"
KEYS_FILE = json.dumps({"keys": [{"name": "ops", "sha256": hashlib.sha256(KEY.encode()).hexdigest(), "admin": True}]})
HEADERS = {"X-API-Key": KEY}
METADATA = [("x-api-key", KEY)]
