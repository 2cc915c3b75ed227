"""Looking for values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.op import Op, expect
from edgerun.ir.search import Bucketize, TopK, Unique, Where
from edgerun.ir.types import INT32, INT64


def top_k(task: Import) -> Op:
    return TopK(int(task.constants("k")[0].item()), task.outputs[1].type.dtype)


def unique(task: Import) -> Op:
    expect(len(task.outputs) == 2, f"UNIQUE has {len(task.outputs)} outputs, expected 2.")
    dtype = task.outputs[1].type.dtype
    expect(dtype in (INT32, INT64), f"UNIQUE counts in int32 or int64, not in {dtype}.")
    return Unique(dtype)


def where(task: Import) -> Op:
    expect(len(task.outputs) == 1, f"WHERE has {len(task.outputs)} outputs, expected 1.")
    known = task.known.array(task.value(0))
    return Where() if known is None else task.give(np.argwhere(known).astype(INT64))


def bucketize(task: Import) -> Op:
    return Bucketize(tuple(float(b) for b in task.options["boundaries"]))


IMPORTERS: Mapping[str, Importer] = {
    "BUCKETIZE": bucketize,
    "TOPK_V2": top_k,
    "UNIQUE": unique,
    "WHERE": where,
}
