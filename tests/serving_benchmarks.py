"""The modules of the serving benchmarks, which are scripts and no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_FOLDER = Path(__file__).parents[1] / "benchmarks/serving"


def serving_module(name: str) -> ModuleType:
    """`benchmarks/serving/NAME.py`, its folder not put on the path."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_serving_{name}", _FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
