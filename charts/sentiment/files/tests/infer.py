"""Ask the promoted release by the V2 protocol, and compare its id with the champion that the store names.

With API keys enabled, it requests the release's id only, which needs no key.
"""

import json
import os

from probe import failed, fetch, passed

from model_release import ReleaseError, ReleaseStore

name = os.environ["MODEL_NAME"]
try:
    champion = ReleaseStore(os.environ["RELEASES_URI"]).champion(name)
except ReleaseError as error:
    failed(str(error))
if champion is None:
    passed("no release is promoted yet, so nothing can be checked; train and promote one, and run this again")

server = os.environ["SERVER_URL"]
if os.environ["API_KEYS"]:
    serving = json.loads(fetch(f"{server}/health"))["release_id"]
    if serving != champion.id:
        failed(f"release {serving} is served and {champion.id} is the champion: promote {champion.id} again")
    passed(f"release {champion.id} is served")
body = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["A fine film."]}]})
answer = json.loads(fetch(f"{server}/v2/models/{name}/infer", body.encode()))
outputs = {output["name"]: output["data"] for output in answer["outputs"]}
if answer["model_version"] != champion.id:
    failed(f"release {answer['model_version']} answers and {champion.id} is the champion: promote {champion.id} again")
passed(f"release {champion.id} answers {outputs['label'][0]} ({outputs['confidence'][0]:.3f})")
