"""Einsum, as products of matrices and sums.

A term is a string of symbols, one for each dimension. The dimensions that an ellipsis stands for get symbols
of their own, which no file can name: digits, counted from the last dimension.
"""

from __future__ import annotations

import math
import re

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.matmul import is_constant
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer
from edgerun.ir.conv import FullyConnected
from edgerun.ir.elementwise import Mul
from edgerun.ir.graph import Value
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.reduction import Sum
from edgerun.ir.shape import Reshape, Slice
from edgerun.ir.types import FLOAT32, Shape

_TERM = r"[A-Za-z]*(\.\.\.)?[A-Za-z]*"


def _einsum(task: Import) -> Value:
    values = [task.value(i) for i in range(len(task.inputs))]
    terms, result = _terms(str(task.get("equation", "")), [v.type.shape for v in values])
    sizes: dict[str, int] = {}
    for value, term in zip(values, terms, strict=True):
        for symbol, size in zip(term, value.type.shape, strict=True):
            known = sizes.setdefault(symbol, size)
            if known != size and 1 not in (known, size):
                raise FormatError(f"the dimensions {symbol!r} of its equation are {known} and {size}")
            sizes[symbol] = size if known == 1 else known
    operands = [_without_ones(task, v, t, sizes) for v, t in zip(values, terms, strict=True)]
    x, term = _alone(task, *operands[0], result + "".join(t for _, t in operands[1:]))
    for i, operand in enumerate(operands[1:], 1):
        needed = result + "".join(t for _, t in operands[i + 1 :])
        y, other = _alone(task, *operand, needed + term)
        x, term = _pair(task, x, term, y, other, needed)
        x, term = _alone(task, x, term, needed)
    x = task.transpose(x, tuple(term.index(symbol) for symbol in result if symbol in term))
    shape = tuple(sizes[symbol] for symbol in result)
    return x if x.type.shape == shape else task.emit(Reshape(shape), x)


def _terms(equation: str, shapes: list[Shape]) -> tuple[list[str], str]:
    """The terms of the operands and that of the result, without ellipses."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    fits = len(terms) == len(shapes) and all(re.fullmatch(_TERM, t) for t in (*terms, right))
    if not fits:
        raise FormatError(f"its equation {equation!r} does not fit {len(shapes)} operands")
    spread = 0
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        more = len(shape) - len(term.replace("...", ""))
        if more < 0 or (more and "..." not in term) or more > 10:
            raise FormatError(f"the term {term!r} of its equation does not fit a tensor of {shape}")
        terms[i] = term.replace("...", "".join(map(str, reversed(range(more)))))
        spread = max(spread, more)
    all_of_them = "".join(map(str, reversed(range(spread))))
    if arrow:
        result = right.replace("...", all_of_them)
    else:
        used = "".join(terms)
        result = all_of_them + "".join(s for s in sorted(set(used)) if s.isalpha() and used.count(s) == 1)
    if len(set(result)) != len(result) or not set(result) <= set("".join(terms)):
        raise FormatError(f"the result of its equation {equation!r} has symbols twice, or from nowhere")
    return terms, result


def _without_ones(task: Import, x: Value, term: str, sizes: dict[str, int]) -> tuple[Value, str]:
    """An operand without the dimensions of 1 that are broadcast, or mean nothing."""
    kept = [i for i, d in enumerate(x.type.shape) if d != 1]
    if len(kept) == len(term):
        return x, term
    return task.emit(Reshape(tuple(x.type.shape[i] for i in kept)), x), "".join(term[i] for i in kept)


def _alone(task: Import, x: Value, term: str, needed: str) -> tuple[Value, str]:
    """An operand with each symbol once, and summed over those that nothing else needs."""
    while len(set(term)) < len(term):
        symbol = next(s for s in term if term.count(s) > 1)
        a, b = term.index(symbol), term.rindex(symbol)
        rest = [i for i in range(len(term)) if i not in (a, b)]
        x = task.transpose(x, (*rest, a, b))
        *outer, n, _ = x.type.shape
        # The diagonal of an n by n matrix is every (n + 1)-th element.
        x = task.emit(Reshape((*outer, n * n)), x)
        zeros, ones = (0,) * (len(outer) + 1), (1,) * len(outer)
        x = task.emit(Slice(zeros, (*outer, n), (*ones, n + 1)), x)
        term = "".join(term[i] for i in rest) + symbol
    axes = tuple(i for i, symbol in enumerate(term) if symbol not in needed)
    if axes:
        x = task.emit(Sum(x.type.element, axes), x)
    return x, "".join(symbol for symbol in term if symbol in needed)


def _pair(task: Import, a: Value, left: str, b: Value, right: str, needed: str) -> tuple[Value, str]:
    """The product of two operands, summed over what both have and nothing else needs."""
    both = [s for s in left if s in right]
    batch, summed = [s for s in both if s in needed], [s for s in both if s not in needed]
    rows, columns = [s for s in left if s not in right], [s for s in right if s not in left]
    sizes = dict(zip(left + right, a.type.shape + b.type.shape, strict=True))
    shape = tuple(sizes[s] for s in (*batch, *rows, *columns))
    count, m, n, k = (math.prod(sizes[s] for s in symbols) for symbols in (batch, rows, columns, summed))
    a = task.transpose(a, tuple(left.index(s) for s in (*batch, *rows, *summed)))
    b = task.transpose(b, tuple(right.index(s) for s in (*batch, *columns, *summed)))
    if not summed or a.type.dtype != FLOAT32:
        element = a.type.element
        a, b = task.emit(Reshape((count, m, 1, k)), a), task.emit(Reshape((count, 1, n, k)), b)
        y = task.emit(Sum(element, (3,)), task.emit(Mul(element), a, b))
    elif not batch and is_constant(task, b):
        weights = task.emit(Reshape((n, k)), b)
        y = task.emit(FullyConnected(FLOAT), task.emit(Reshape((m, k)), a), weights)
    else:
        a, b = task.emit(Reshape((count, m, k)), a), task.emit(Reshape((count, n, k)), b)
        y = task.emit(BatchMatMul(FLOAT, adjoint_y=True), a, b)
    return task.emit(Reshape(shape), y), "".join((*batch, *rows, *columns))


IMPORTERS: dict[str, Importer] = {"Einsum": _einsum}
