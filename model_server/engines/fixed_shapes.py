"""A network at fixed shapes in fixed memory: on CUDA each shape is a captured graph, whose replay is one launch."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch

from model_release.scoring.engine import FloatArray, IntArray
from model_server.engines.buckets import Bucket, BucketTable, fill


class FixedShapes:
    """Run `network` at the shapes of `buckets`, one batch at a time.

    A small network on a fast card waits for its launches: DistilBERT has about a hundred kernels of some microseconds
    each. A graph launches them all at once, but reads and writes only the memory that it was captured with. So all
    graphs share one pair of input buffers, one output buffer, and a memory pool for intermediate results, which is safe
    because a batch is copied out before the next one starts.

    On another device the network is called on the same buffers without a graph. This is no faster, but makes
    the padding and the buffers testable without a card.

    Args:
        network: ids i32[b, s] and mask bool[b, s] → f32[b, columns].
    """

    def __init__(self, network: Any, device: torch.device, columns: int, buckets: Sequence[Bucket]) -> None:
        self._network, self._table = network, BucketTable(buckets)
        self._cuda = device.type == "cuda"
        tokens, rows = max(bucket.tokens for bucket in buckets), max(bucket.rows for bucket in buckets)
        # The card reads and writes pinned memory without the processor, so copies need no wait.
        self._host_ids = torch.zeros(tokens, dtype=torch.int32, pin_memory=self._cuda)
        self._host_mask = torch.ones(tokens, dtype=torch.bool, pin_memory=self._cuda)
        self._host_out = torch.empty((rows, columns), pin_memory=self._cuda)
        self._ids, self._mask = self._host_ids.to(device, copy=True), self._host_mask.to(device, copy=True)
        self._out = torch.empty((rows, columns), device=device)
        self._stream = torch.cuda.Stream(device) if self._cuda else None
        self._pool = torch.cuda.graph_pool_handle() if self._cuda else None
        if self._cuda:
            torch.cuda.synchronize(device)  # weights and buffers were written on another stream
        # The largest first: its memory in the pool holds the others.
        order = sorted(buckets, key=lambda bucket: -bucket.tokens)
        with torch.inference_mode():
            self._steps = {bucket: self._prepared(bucket) for bucket in order}

    def _on_stream(self) -> contextlib.AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream) if self._cuda else contextlib.nullcontext()

    def _prepared(self, bucket: Bucket) -> Callable[[], None]:
        """Return the computation of this shape: a graph's replay on CUDA."""
        if not self._cuda:
            return lambda: self._compute(bucket)
        with self._on_stream():
            self._compute(bucket)  # kernels are chosen and loaded here, which no capture allows
        graph = torch.cuda.CUDAGraph()
        # Only this thread's calls must be capturable: a former release may answer on another thread meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            self._compute(bucket)
        replay: Callable[[], None] = graph.replay
        return replay

    def _compute(self, bucket: Bucket) -> None:
        ids, mask = (flat[: bucket.tokens].view(bucket.rows, bucket.width) for flat in (self._ids, self._mask))
        self._out[: bucket.rows].copy_(self._network(ids, mask))

    def run(self, ids: IntArray, mask: IntArray) -> FloatArray | None:
        """Return f32[b, columns] for a batch of ids and mask i64[b, s]; None if no shape holds it."""
        rows, width = ids.shape
        bucket = self._table.smallest(rows, width)
        if bucket is None:
            return None
        count, shape = bucket.tokens, (bucket.rows, bucket.width)
        fill(ids, mask, self._host_ids[:count].view(shape).numpy(), self._host_mask[:count].view(shape).numpy())
        with torch.inference_mode(), self._on_stream():
            self._ids[:count].copy_(self._host_ids[:count], non_blocking=True)
            self._mask[:count].copy_(self._host_mask[:count], non_blocking=True)
            self._steps[bucket]()
            self._host_out[:rows].copy_(self._out[:rows], non_blocking=True)
        if self._stream is not None:
            self._stream.synchronize()
        answer: FloatArray = self._host_out[:rows].numpy().copy()  # the buffer is written again by the next call
        return answer
