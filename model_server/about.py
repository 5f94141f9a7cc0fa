"""Name, version and extensions of the server."""

from functools import cache
from importlib.metadata import version as installed

NAME = "sentiment-pipeline"
EXTENSIONS = ("binary_tensor_data", "classification", "model_repository")


@cache
def version() -> str:
    """Return the installed version of this project."""
    return installed("sentiment-pipeline")
