"""As training: list the release store, and write to it."""

import os

from probe import failed, passed

from model_release import ReleaseError, ReleaseStore

store, name = ReleaseStore(os.environ["RELEASES_URI"]), os.environ["MODEL_NAME"]
try:
    store.check_writable(name)
    releases = store.list_releases(name)
except ReleaseError as error:
    failed(str(error))
passed(f"{store.base} can be written and has {len(releases)} releases of {name}")
