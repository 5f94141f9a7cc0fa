"""As the server: list the releases that it may serve, and leave rows in the store as without a database."""

import os
import uuid

from probe import failed, passed

from model_release import ReleaseError, ReleaseStore
from prediction_log import LogError
from prediction_log.ingest.spill_store import SpillStore

CONTENT = b"written by helm test\n"
# A replay takes such a name for a file that is being written, and leaves it alone.
NAME = f".probe-{uuid.uuid4().hex}"

store, name = ReleaseStore(os.environ["RELEASES_URI"]), os.environ["MODEL_NAME"]
try:
    releases = store.list_releases(name)
    spill = SpillStore(os.environ["SPILL_URI"])
    spill.put(NAME, CONTENT)
    read = spill.get(NAME)
    spill.delete(NAME)
except (ReleaseError, LogError) as error:
    failed(str(error))
if read != CONTENT:
    failed(f"{spill.base} gave back other bytes than were written")
passed(f"{store.base} has {len(releases)} releases of {name}; rows can be written to {spill.base}, read and removed")
