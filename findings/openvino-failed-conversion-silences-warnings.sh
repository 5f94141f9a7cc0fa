#!/usr/bin/env bash
# Expected: a library that cannot convert a model raises its error, and leaves the logging of the program that called it
#           as it was. Python's logging manual leaves the root logger to the application.
# Happens:  `openvino.convert_model` sets the root logger's level to ERROR while it works. It restores the level when the
#           conversion succeeded, and leaves it at ERROR when the conversion raised.
# Hurts:    a program that tries OpenVINO and falls back to another engine, or converts several models: from the first
#           failure on, all its warnings and information are lost, those of other libraries too. Here the export restores
#           the level: tests/training_job/build/test_export.py.
# Versions: openvino 2026.4.1, onnx 1.22.0; any Python from 3.11 on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 onnx==1.22.0
cat > "$folder/convert.py" <<'PY'
import logging
import sys
from importlib.metadata import version
from pathlib import Path

import onnx
import openvino
from onnx import TensorProto, helper

folder = Path(sys.argv[1])
print("python", sys.version.split()[0], "openvino", version("openvino"), "onnx", version("onnx"))


def save(name, operator, domain):
    """Save a model of one operator that passes ONNX's checker."""
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, 2]) for end in "xy"]
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    model = helper.make_model(helper.make_graph([node], name, ends[:1], ends[1:]), opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, folder / f"{name}.onnx")
    return folder / f"{name}.onnx"


logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
root, levels = logging.getLogger(), []
for name, operator, domain in (("known", "Relu", ""), ("custom", "Own", "com.example")):
    path = save(name, operator, domain)
    try:
        openvino.convert_model(path)
        outcome = "converted"
    except Exception as error:
        outcome = f"raised {type(error).__name__}"
    levels.append(logging.getLevelName(root.level))
    print(f"{name}: {outcome}; the root logger's level is {levels[-1]}")
    logging.getLogger("application").warning("the application still works after %s", name)
if levels == ["INFO", "ERROR"]:
    print("as described")
else:
    print("changed: the levels were", levels)
    sys.exit(1)
PY
"$folder/venv/bin/python" "$folder/convert.py" "$folder"
