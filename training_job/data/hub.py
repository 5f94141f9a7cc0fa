"""Datasets and base models of a model hub, read by its libraries (HF_ENDPOINT, HF_HUB_OFFLINE)."""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from sentiment_common.addresses import proxy_of
from sentiment_common.errors import first_line
from sentiment_common.settings import environment
from training_job.errors import BaseModelError, DataError

BASE_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
PROBE_SECONDS = 5.0
# With the libraries' defaults a machine without a network waits for minutes.
_SHORT = {"HF_HUB_ETAG_TIMEOUT": "10", "HF_HUB_DOWNLOAD_TIMEOUT": "30"}


def _reason(error: BaseException) -> str:
    """Return the first line of the innermost cause that has a message."""
    reason = ""
    cause: BaseException | None = error
    while cause is not None:
        reason = first_line(cause) if str(cause).strip() else reason
        cause = cause.__cause__ or cause.__context__
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


def _endpoint() -> str:
    return environment().get("HF_ENDPOINT", "https://huggingface.co")


def _settle() -> None:
    """Set short time-outs, and the use of the cache only if the hub does not answer; call it before the imports."""
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
    """Load one split of a dataset; return its columns' names, and a function from a column's index to its values.

    Args:
        name: `owner/name`, or a local folder that the `datasets` library can read.

    Raises:
        DataError: the dataset cannot be loaded; names the remedy.
    """
    _settle()
    import datasets

    datasets.disable_progress_bars()
    try:
        found = datasets.load_dataset(name, split=split)
    except Exception as error:  # of aiohttp, httpx, pyarrow and the library itself
        raise DataError(
            f"hub:{name}, split {split!r}, cannot be read from {_endpoint()} ({_reason(error)}); check the name, the "
            "network and HF_ENDPOINT, or use files: --train reviews.csv --test more.csv"
        ) from error
    names = list(found.column_names)
    return names, lambda place: found[names[place]][:]


def fetch_base(name: str) -> Path:
    """Return the folder of a hub's base model, downloaded unless it is in the hub's cache.

    Raises:
        BaseModelError: the model is not in the cache and cannot be downloaded; names the remedy.
    """
    _settle()
    import huggingface_hub
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        folder = huggingface_hub.snapshot_download(name, allow_patterns=list(BASE_FILES))
    except Exception as error:  # of httpx, the system and the library itself
        raise BaseModelError(
            f"the base model {name!r} is not in the hub's cache and could not be downloaded from {_endpoint()} "
            f"({_reason(error)}); set BASE_MODEL=minilm, which needs no hub, or BASE_MODEL=/folder/of/a/model"
        ) from error
    return Path(folder)
