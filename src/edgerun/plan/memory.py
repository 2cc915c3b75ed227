"""The arena: offsets for tensors by size and lifetime; those that live at different times share bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64  # of a cache line and of the widest vector


@dataclass(frozen=True)
class Block:
    """Memory that is needed from step `first` to step `last`, both included."""

    name: str
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Arena:
    """An offset for each block, and the bytes of all."""

    blocks: tuple[Block, ...]
    offsets: tuple[int, ...]
    nbytes: int

    def __str__(self) -> str:
        """One line per block, the address range in bytes and the steps it lives through as a bar."""
        steps = max((b.last for b in self.blocks), default=0) + 1
        width = min(steps, 64)
        lines = [
            f"arena {self.nbytes} bytes, {len(self.blocks)} tensors that own memory, "
            f"{sum(b.nbytes for b in self.blocks)} bytes without sharing"
        ]
        for offset, block in sorted(zip(self.offsets, self.blocks, strict=True), key=lambda p: p[0]):
            first, last = (s * width // steps for s in (block.first, block.last))
            bar = "." * first + "#" * (last - first + 1) + "." * (width - last - 1)
            lines.append(f"  {offset:>10} +{block.nbytes:<9} {bar} {block.first}-{block.last} {block.name}")
        return "\n".join(lines)


def plan_arena(blocks: Sequence[Block], share: bool = True) -> Arena:
    """Places the largest blocks first, each at the lowest offset that is free during its life (greedy by
    size: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).

    Without `share` every block has bytes of its own, which a debugger can read after the run.
    """
    offsets = [0] * len(blocks)
    placed: list[int] = []
    for i in sorted(range(len(blocks)), key=lambda i: (-blocks[i].nbytes, i)):
        block = blocks[i]
        rivals = [
            j
            for j in placed
            if not share or (blocks[j].first <= block.last and block.first <= blocks[j].last)
        ]
        at = 0
        for j in sorted(rivals, key=offsets.__getitem__):
            if at + block.nbytes <= offsets[j]:
                break
            at = max(at, _align(offsets[j] + blocks[j].nbytes))
        offsets[i] = at
        placed.append(i)
    total = max((o + b.nbytes for o, b in zip(offsets, blocks, strict=True)), default=0)
    return Arena(tuple(blocks), tuple(offsets), _align(total))


def _align(value: int) -> int:
    return -(-value // ALIGNMENT) * ALIGNMENT
