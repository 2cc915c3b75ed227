"""A graph as an SVG picture: operators in layers from top to bottom, each below all that it reads."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from edgerun.ir.graph import Graph, Node, Value

_WIDTH, _HEIGHT = 220, 46  # of a box
_COLUMN, _ROW = 250, 86  # from box to box
_MARGIN = 20
_LETTERS = 32  # of a label's line that fit into a box
_FILLS = {"input": "#d7ecd9", "operator": "#dfe8f5", "output": "#f6e3cf"}


def draw_graph(graph: Graph) -> str:
    """The SVG text: a box for each input, operator and output with its name and shape, lines for the tensors.

    Constants are left out; what a model remembers is an input where it is read.
    """
    from edgerun.ir.graph import Node

    sources = [*graph.inputs, *(state.read for state in graph.states)]
    layer: dict[Value | Node, int] = dict.fromkeys(sources, 0)
    producers = graph.producers()
    for node in graph.nodes:  # in an order in which each value is written before it is read
        above = [layer[origin] for value in node.inputs if (origin := _origin(value, producers)) in layer]
        layer[node] = 1 + max(above, default=0)
    rows: dict[int, list[Value | Node]] = defaultdict(list)
    for item, row in layer.items():
        rows[row].append(item)
    widest = max(map(len, rows.values()), default=1)
    places: dict[Value | Node, tuple[int, int]] = {}
    for row, items in rows.items():
        left = (widest - len(items)) * _COLUMN // 2
        places |= {item: (_MARGIN + left + i * _COLUMN, _MARGIN + row * _ROW) for i, item in enumerate(items)}

    lines, boxes = [], []
    for item, place in places.items():
        if isinstance(item, Node):
            role = "output" if any(value in graph.outputs for value in item.outputs) else "operator"
            boxes.append(_box(place, role, item.op.name, item.outputs))
            origins = dict.fromkeys(_origin(value, producers) for value in item.inputs)
            lines += [_line(places[o], place) for o in origins if o is not None and o in places]
        else:
            boxes.append(_box(place, "input", item.name, [item]))
    width = widest * _COLUMN - (_COLUMN - _WIDTH) + 2 * _MARGIN
    height = max(rows, default=0) * _ROW + _HEIGHT + 2 * _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12" text-anchor="middle">'
    )
    return "\n".join([head, *lines, *boxes, "</svg>", ""])


def _origin(value: Value | None, producers: dict[Value, Node]) -> Value | Node | None:
    """The operator that writes a value, or the value itself."""
    return value if value is None else producers.get(value, value)


def _line(above: tuple[int, int], below: tuple[int, int]) -> str:
    """From the lower edge of one box to the upper edge of another, steeply at both."""
    x0, y0, x1, y1 = above[0] + _WIDTH // 2, above[1] + _HEIGHT, below[0] + _WIDTH // 2, below[1]
    bend = (y1 - y0) // 2
    return f'<path d="M{x0} {y0}C{x0} {y0 + bend} {x1} {y1 - bend} {x1} {y1}" fill="none" stroke="#888"/>'


def _box(place: tuple[int, int], role: str, title: str, values: list[Value]) -> str:
    """A box with two lines, title and type; its tooltip has the whole names."""
    (x, y), middle = place, place[0] + _WIDTH // 2
    whole = "\n".join(f"{value.name}: {value.type}" for value in values)
    return (
        f'<g><title>{_text(f"{title}: {whole}")}</title>'
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5" fill="{_FILLS[role]}" '
        f'stroke="#555"/><text x="{middle}" y="{y + 19}" font-weight="bold">{_short(title)}</text>'
        f'<text x="{middle}" y="{y + 36}">{_short(_shapes(values))}</text></g>'
    )


def _shapes(values: list[Value]) -> str:
    return ", ".join(f"{'x'.join(map(str, v.type.shape)) or 'scalar'} {v.type.dtype}" for v in values)


def _short(text: str) -> str:
    return _text(text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…")


def _text(text: str) -> str:
    """Text as XML has it; control characters, which it has not, are spaces."""
    return escape("".join(c if c == "\n" or c.isprintable() else " " for c in text))
