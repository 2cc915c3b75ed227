"""Where tensors lie: aliases instead of copies.

Every tensor starts as the owner of its memory. `view` makes another tensor over the same elements, `inside`
moves a whole tensor (and everything that shares its memory) into a part of another one: so a reshape, a slice
or a concatenation costs nothing. Each answers whether it could be done; if not, the caller copies.
"""

from __future__ import annotations

import math

from edgerun import knobs
from edgerun.errors import ModelError
from edgerun.ir.types import Array, Shape, TensorType
from edgerun.plan.plan import PlanTensor


class Layout:
    """The tensors of a plan while it is made."""

    def __init__(self) -> None:
        self.tensors: list[PlanTensor] = []
        self._most = knobs.max_arena_bytes()
        self._external: set[int] = set()  # memory that is not ours to place: inputs, outputs, constants

    def new(self, name: str, kind: TensorType, *, data: Array | None = None, external: bool = False) -> int:
        """A tensor that owns its memory. Raises ModelError when it alone is larger than an arena may be."""
        # Dimensions of 0 count as 1: what is empty must not have dimensions that overflow, either.
        nbytes = math.prod(d or 1 for d in kind.shape) * kind.dtype.itemsize
        if nbytes > self._most and data is None:
            raise ModelError(
                f"Tensor '{name}' ({kind}) needs {nbytes >> 20} MB, "
                f"EDGERUN_MAX_ARENA_MB allows {self._most >> 20}."
            )
        i = len(self.tensors)
        channels = kind.shape[-1] if kind.shape else 1
        self.tensors.append(PlanTensor(name, kind, i, 0, channels, data))
        if external or data is not None:
            self._external.add(i)
        return i

    def view(self, i: int, shape: Shape) -> int | None:
        """A new tensor with the elements of `i` in another shape, over the same memory."""
        t = self.tensors[i]
        channels = shape[-1] if shape else 1
        if not t.contiguous and channels != t.channels:
            return None
        stride = channels if t.contiguous else t.row_stride
        self.tensors.append(PlanTensor(t.name, t.type.with_shape(shape), t.root, t.offset, stride))
        return len(self.tensors) - 1

    def part(self, child: int, parent: int, starts: Shape) -> bool:
        """Makes `child`, not yet used, the box of its shape at `starts` of `parent`."""
        t = self.tensors[parent]
        start = self._start(t, self.tensors[child].type.shape, starts)
        if start is None or child in self._external:
            return False
        self._set(child, t.root, t.offset + start, t.row_stride)
        return True

    def alias(self, child: int, parent: int) -> bool:
        """Makes `child`, not yet used, the same elements as `parent` in the child's own shape."""
        c, p = self.tensors[child], self.tensors[parent]
        if child in self._external:
            # The memory of an output is given: the parent has to move there.
            return p.contiguous and self._move(parent, child, 0, p.channels)
        if not p.contiguous and c.channels != p.channels:
            return False
        self._set(child, p.root, p.offset, c.channels if p.contiguous else p.row_stride)
        return True

    def inside(self, child: int, parent: int, starts: Shape) -> bool:
        """Moves `child` and all that shares its memory to the box at `starts` of `parent`."""
        p = self.tensors[parent]
        start = self._start(p, self.tensors[child].type.shape, starts)
        return start is not None and self._move(child, parent, start, p.row_stride)

    def _set(self, i: int, root: int, offset: int, row_stride: int) -> None:
        t = self.tensors[i]
        t.root, t.offset, t.row_stride = root, offset, row_stride

    def _start(self, t: PlanTensor, shape: Shape, starts: Shape) -> int | None:
        """The first element of a box of `t`, relative to t, when its rows are t.row_stride apart."""
        if len(shape) != len(t.type.shape) or not shape or 0 in shape:
            return None
        rows = 0
        for d, start in zip(t.type.shape[:-1], starts, strict=False):
            rows = rows * d + start
        # Rows of the box must follow each other: before the first divided dimension only ones.
        divided = [i for i, (d, s) in enumerate(zip(t.type.shape[:-1], shape, strict=False)) if s != d]
        if divided and any(s != 1 for s in shape[: divided[-1]]):
            return None
        return rows * t.row_stride + starts[-1]

    def _move(self, child: int, parent: int, start: int, row_stride: int) -> bool:
        c, p = self.tensors[child], self.tensors[parent]
        root = c.root
        r = self.tensors[root]
        whole = c.offset == 0 and c.type.size == r.type.size and c.contiguous
        if root in self._external or root == p.root or not whole or c.type.dtype != p.type.dtype:
            return False
        members = [t for t in self.tensors if t.root == root]
        if row_stride != c.channels and c.rows > 1:
            # Rows will be further apart than they are long: every member must lie within such rows.
            n = c.channels
            if any(m.offset % n + m.channels > n or (m.rows > 1 and m.row_stride != n) for m in members):
                return False
            for m in members:
                row, column = divmod(m.offset, n)
                m.root, m.row_stride = p.root, row_stride
                m.offset = p.offset + start + row * row_stride + column
            return True
        for m in members:
            m.root, m.offset = p.root, p.offset + start + m.offset
        return True
