"""Looking for values: the verb top_k."""

from __future__ import annotations

from edgerun.ir.graph import Node
from edgerun.ir.search import TopK
from edgerun.ir.types import FLOAT32, INT8, INT16, INT32, INT64, UINT8
from edgerun.plan.lower.lowering import Lowering, lowers


@lowers(TopK)
def _top_k(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, TopK)
    if node.outputs[1].type.dtype not in (INT32, INT64) or node.types()[0].dtype not in _SORTED:
        lo.host(node)  # rare
        return
    x = lo.tensor(node.inputs[0])
    values, indices = map(lo.tensor, node.outputs)
    if node.outputs[0].type.size:
        lo.step("top_k", (x,), (values, indices), {"kind": "smallest" if op.smallest else "largest"})


_SORTED = (INT8, UINT8, INT16, INT32, INT64, FLOAT32)
