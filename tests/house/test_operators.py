"""The house is complete: each operator of the IR has everything that an operator needs."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import edgerun.ir
import edgerun.plan.lower
from cases import CASES
from edgerun.frontends import load_graph
from edgerun.ir.elementwise import Unary
from edgerun.ir.op import OPERATORS, Op
from edgerun.passes import run_passes
from edgerun.plan.lower import LOWERINGS, lower

for package in (edgerun.ir, edgerun.plan.lower):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)

# What only the ONNX frontend makes, tested in tests/frontends/test_onnx.py.
OF_ONNX = {
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "AveragePoolNd",
    "BitwiseAnd",
    "BitwiseOr",
    "Col2Im",
    "Cosh",
    "Cumprod",
    "Det",
    "Distinct",
    "DynamicQuantize",
    "Erf",
    "GatherElements",
    "GridSample",
    "Gru",
    "Head",
    "IntegerConv",
    "IntegerMatMul",
    "LpPoolNd",
    "MaxPoolNd",
    "NarrowCast",
    "Quanta",
    "RecurrentLayer",
    "Remainder",
    "RoiAlign",
    "ScatterElements",
    "Shift",
    "Sinh",
    "SuppressOverlaps",
    "Tan",
    "UpdateNd",
}
# Rare operators that run in Python, through their eval.
HOST = {
    "AddN",
    "AveragePoolNd",
    "BidirectionalLstm",
    "Bitcast",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "BroadcastArgs",
    "Bucketize",
    "Col2Im",
    "ComplexAbs",
    "Conv3d",
    "Conv3dTranspose",
    "Det",
    "Dilate",
    "Distinct",
    "DynamicUpdateSlice",
    "FakeQuantize",
    "GridSample",
    "Head",
    "Imag",
    "L2Pool2d",
    "LpPoolNd",
    "MatrixDiag",
    "MatrixSetDiag",
    "MaxPoolNd",
    "MaxPoolWithArgmax",
    "MaxUnpool",
    "NarrowCast",
    "NonMaxSuppression",
    "OneHot",
    "Real",
    "RecurrentLayer",
    "ReverseSequence",
    "Rfft2d",
    "RightShift",
    "Rnn",
    "ScatterNd",
    "SegmentSum",
    "Shift",
    "SparseToDense",
    "Unique",
    "UnsortedSegmentMax",
    "UnsortedSegmentMin",
    "UnsortedSegmentProd",
    "UnsortedSegmentSum",
    "Where",
}

# Refused by infer: the shapes of their results depend on values.
SHAPED_BY_VALUES = {"Distinct", "Head", "Unique", "Where"}

every_operator = pytest.mark.parametrize("name", sorted(OPERATORS))


@every_operator
def test_infer_and_eval(name: str) -> None:
    op = OPERATORS[name]
    assert op.infer is not Op.infer
    assert op.eval is not Op.eval
    if issubclass(op, Unary):
        assert op.function is not Unary.function


@every_operator
def test_lowered_or_host(name: str) -> None:
    lowered = any(base in LOWERINGS for base in OPERATORS[name].__mro__)
    assert lowered != (name in HOST)


@pytest.mark.parametrize("name", sorted(OPERATORS.keys() - SHAPED_BY_VALUES - OF_ONNX))
def test_cases_reach_the_plan(name: str) -> None:
    """Each case of an operator has that operator in its plan or, where it needs no step, in its graph."""
    cases = [case for case in CASES if case.operator == name]
    assert cases
    for case in cases:
        loaded = load_graph(case.build())
        in_file = {node.op.name for node in loaded.nodes}
        graph = run_passes(loaded)
        verbs = {step.verb for step in lower(graph).steps if step.operator == name}
        assert name in in_file | {node.op.name for node in graph.nodes}
        assert (verbs == {"host"}) == (name in HOST or case.host)


def test_host_operators_exist() -> None:
    assert set(OPERATORS) >= HOST
