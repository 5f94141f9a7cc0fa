"""Engines: padded token batches in, logits and embeddings out."""

import math
import os
import queue
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from model_release.errors import ReleaseCorrupt
from model_release.scoring.signal_stack import kept_signal_stack

# `import openvino` reports its use to Google Analytics, from a forked process; without this module it does not.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
Precision = Literal["int8", "bf16", "fp32"]

# Compiled kernels to keep of each kind and stream; a shape has several. OpenVINO's default of 5,000 costs gigabytes
# with many shapes. Texts sorted by length hardly have a shape twice, so they need few.
KERNELS_KEPT = 64

_CGROUP2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


class Engine(Protocol):
    """Runs the network. `forward` may be called from as many threads at once as the engine has streams."""

    def forward(self, ids: IntArray, mask: IntArray) -> tuple[FloatArray, FloatArray]:
        """Map ids and mask i64[b, s] to logits f32[b, 2] and the task embedding f32[b, h]."""
        ...

    def warm(self, shapes: Sequence[tuple[int, int]]) -> None:
        """Run each (batch, tokens) shape once on every stream, so that no request waits for a first compilation."""
        ...

    def close(self) -> None:
        """Release memory and threads; the engine cannot be used afterwards."""
        ...


def available_cpus() -> int:
    """Count the CPUs that this process may use: the cgroup quota (v2, v1) rounded up, at most its affinity mask."""
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

    `streams` forward passes run in parallel over one copy of the weights, each on an equal share of the threads: no
    thread waits for another stream, but a pass takes longer. Each stream keeps `kernels` compiled kernels of a kind.

    The precision hint is always set: without it OpenVINO picks bf16 where the CPU has it, and the answers depend on the
    machine. The int8 variant runs its unquantised part in fp32.
    """

    def __init__(
        self, folder: Path, precision: Precision, threads: int = 0, streams: int = 1, kernels: int = KERNELS_KEPT
    ) -> None:
        import openvino as ov

        hint = ov.Type.bf16 if precision == "bf16" else ov.Type.f32
        config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": threads or available_cpus(),
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": kernels,
        }
        core = ov.Core()
        try:
            with kept_signal_stack():
                compiled = core.compile_model(core.read_model(folder / "model.xml"), "CPU", config)
            inputs, outputs = ([port.any_name for port in ports] for ports in (compiled.inputs, compiled.outputs))
            self._ids, self._mask = inputs.index("input_ids"), inputs.index("attention_mask")
            self._logits, self._embedding = outputs.index("logits"), outputs.index("embedding")
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise ReleaseCorrupt(f"{folder}/model.xml is not a model that this engine can run: {reason}") from None
        self._tensor = partial(ov.Tensor, shared_memory=True)
        self._streams = streams
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(compiled.create_infer_request())

    def forward(self, ids: IntArray, mask: IntArray) -> tuple[FloatArray, FloatArray]:
        request = self._requests.get()
        try:
            self._give(request, ids, mask)
            if self._streams == 1:
                request.infer(share_outputs=True)  # in this thread, which saves a switch
            else:
                request.start_async()  # on any free stream
                request.wait()
            logits = request.get_output_tensor(self._logits).data
            embedding = request.get_output_tensor(self._embedding).data
            return logits.copy(), embedding.copy()  # the next call overwrites the tensors' memory
        finally:
            self._requests.put(request)

    def _give(self, request: Any, ids: IntArray, mask: IntArray) -> None:
        """Set the inputs of a pass, which must be C-contiguous and writable, and must outlive the pass.

        Passing them to the pass itself runs code for inputs of every kind, which costs 0.4 ms with cold caches.
        """
        request.set_input_tensor(self._ids, self._tensor(ids))
        request.set_input_tensor(self._mask, self._tensor(mask))

    def warm(self, shapes: Sequence[tuple[int, int]]) -> None:
        requests = [self._requests.get() for _ in range(self._streams)]
        for batch, tokens in shapes:
            ones = np.ones((batch, tokens), dtype=np.int64)
            for request in requests:  # all at once, so that each stream gets one
                self._give(request, ones, ones)
                request.start_async()
            for request in requests:
                request.wait()
        for request in requests:
            self._requests.put(request)

    def close(self) -> None:
        del self._requests
