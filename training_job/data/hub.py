"""What is read of a model hub: datasets and base models, by the hub's own libraries (HF_ENDPOINT, HF_HUB_OFFLINE)."""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from sentiment_common.addresses import proxy_of
from sentiment_common.settings import environment
from training_job.errors import BaseModelError, DataError

BASE_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
PROBE_SECONDS = 5.0
# The libraries' own limits keep a machine without a network waiting for minutes.
_SHORT = {"HF_HUB_ETAG_TIMEOUT": "10", "HF_HUB_DOWNLOAD_TIMEOUT": "30"}


def _reason(error: BaseException) -> str:
    """The first line of the innermost cause that says something."""
    said = ""
    cause: BaseException | None = error
    while cause is not None:
        said = str(cause).strip().splitlines()[0] if str(cause).strip() else said
        cause = cause.__cause__ or cause.__context__
    return f"{type(error).__name__}: {said}"[:300] if said else type(error).__name__


def _endpoint() -> str:
    return environment().get("HF_ENDPOINT", "https://huggingface.co")


def _settle() -> None:
    """Before the libraries are imported: short time-outs, and the cache alone where the hub does not answer."""
    for variable, value in _SHORT.items():
        os.environ.setdefault(variable, value)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    parts = urlsplit(_endpoint())
    if not parts.hostname or proxy_of(_endpoint()):
        return  # a proxy reaches what this machine cannot
    if exceptions := getproxies().get("no"):  # the hub's client does not read `.hub.corp` as hub.corp too
        os.environ["no_proxy"] = f"{exceptions},{parts.hostname}"
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), PROBE_SECONDS).close()
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"


def read_dataset(name: str, split: str) -> tuple[list[str], Callable[[int], Sequence[object]]]:
    """The columns of one split of a dataset: their names, and a function from a column's place to its values.

    Args:
        name: `owner/name`, or a local folder that the `datasets` library can read.

    Raises:
        DataError: it cannot be had; names the remedy.
    """
    _settle()
    import datasets

    datasets.disable_progress_bars()
    try:
        found = datasets.load_dataset(name, split=split)
    except Exception as error:  # the library lets aiohttp's, httpx's, pyarrow's and its own families through
        raise DataError(
            f"hub:{name}, split {split!r}, cannot be read from {_endpoint()} ({_reason(error)}); check the name, the "
            "network and HF_ENDPOINT, or give a file: --train reviews.csv --test more.csv"
        ) from error
    names = list(found.column_names)
    return names, lambda place: found[names[place]][:]


def fetch_base(name: str) -> Path:
    """The folder of a base model of the hub, downloaded unless it is in the hub's cache.

    Raises:
        BaseModelError: it cannot be had; names the remedy.
    """
    _settle()
    import huggingface_hub
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        folder = huggingface_hub.snapshot_download(name, allow_patterns=list(BASE_FILES))
    except Exception as error:  # httpx's, the system's and the library's own families
        raise BaseModelError(
            f"the base model {name!r} is neither in the hub's cache nor to be had from {_endpoint()} "
            f"({_reason(error)}); set BASE_MODEL=minilm, which needs no hub, or BASE_MODEL=/folder/of/a/model"
        ) from error
    return Path(folder)
