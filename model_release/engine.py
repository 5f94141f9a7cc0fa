"""Engines: padded token batches in, logits and embeddings out."""

import math
import os
import queue
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from model_release.errors import ReleaseCorrupt
from model_release.signal_stack import kept_signal_stack

# `import openvino` reports its use to Google Analytics, from a forked process; without this module it does not.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
Precision = Literal["int8", "bf16", "fp32"]

# Compiled kernels that are kept, of each kind; a shape has several. The batching policy and `scorer.pad` allow about
# 80 shapes, of which none may push another out: that costs milliseconds at each change. OpenVINO's default of 5,000
# costs gigabytes where shapes are not bounded.
KERNELS_KEPT = 512

_CGROUP2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


class Engine(Protocol):
    """What runs the network. `forward` may be called from as many threads at once as the engine has streams."""

    def forward(self, ids: IntArray, mask: IntArray) -> tuple[FloatArray, FloatArray]:
        """ids and mask i64[b, s] → logits f32[b, 2], task embedding f32[b, h]."""
        ...

    def warm(self, shapes: Sequence[tuple[int, int]]) -> None:
        """Run each (batch, tokens) shape once, so that no request pays for a first compilation."""
        ...

    def close(self) -> None:
        """Give memory and threads back; the engine is not used afterwards."""
        ...


def available_cpus() -> int:
    """Whole CPUs that this process may use: the cgroup quota (v2, v1) rounded up, at most its affinity mask."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        if _CGROUP2.exists():
            quota, period = _CGROUP2.read_text().split()
        else:
            quota, period = _CGROUP1_QUOTA.read_text().strip(), _CGROUP1_PERIOD.read_text().strip()
        limit = math.ceil(int(quota) / int(period)) if int(quota) > 0 else affinity
    except (OSError, ValueError):  # no cgroup, or "max"
        limit = affinity
    return max(1, min(affinity, limit))


class OpenVINOEngine:
    """An IR folder (`model.xml`, `model.bin`) compiled for the CPU at a fixed precision.

    `streams` forward passes run side by side on an equal part of the threads each, over one copy of the weights: more
    answers a second where several texts wait, a longer pass where one comes alone.

    The precision hint is always set: left alone, OpenVINO picks bf16 where the CPU has it and the answers change with
    the machine. The int8 variant runs its unquantised remainder in fp32.
    """

    def __init__(self, folder: Path, precision: Precision, threads: int = 0, streams: int = 1) -> None:
        import openvino as ov

        hint = ov.Type.bf16 if precision == "bf16" else ov.Type.f32
        config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": threads or available_cpus(),
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": KERNELS_KEPT,
        }
        core = ov.Core()
        try:
            with kept_signal_stack():
                compiled = core.compile_model(core.read_model(folder / "model.xml"), "CPU", config)
            names = [port.any_name for port in compiled.outputs]
            self._logits, self._embedding = names.index("logits"), names.index("embedding")
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise ReleaseCorrupt(f"{folder}/model.xml is not a model that this engine can run: {reason}") from None
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(compiled.create_infer_request())

    def forward(self, ids: IntArray, mask: IntArray) -> tuple[FloatArray, FloatArray]:
        request = self._requests.get()
        try:
            request.infer({"input_ids": ids, "attention_mask": mask}, share_inputs=True)
            logits = request.get_output_tensor(self._logits).data
            embedding = request.get_output_tensor(self._embedding).data
            return logits.copy(), embedding.copy()  # the tensors' memory is written again by the next call
        finally:
            self._requests.put(request)

    def warm(self, shapes: Sequence[tuple[int, int]]) -> None:
        for batch, tokens in shapes:
            ones = np.ones((batch, tokens), dtype=np.int64)
            self.forward(ones, ones)

    def close(self) -> None:
        del self._requests
