"""The network of the demo model, once for PyTorch and once as a list of layers to be written.

A layer is a convolution with batch normalisation, or the sum of two layers. `Net.layers` is the one
description: training runs over it, write.py turns it into TFLite.

    picture 384x512 -> /2 16 -> /4 32 -> /8 64 -> /16 96 -> /32 128
    and back up:                         /8 64 <- /16 96 <- /32 128     heads at /8
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 7


@dataclass(frozen=True)
class Layer:
    """kind: conv, depthwise, add or up. inputs: names; `size` is a kernel's side."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    channels: tuple[int, int]
    size: int = 1
    stride: int = 1
    relu: bool = True


def describe() -> list[Layer]:
    """The layers in running order; the picture is called `image`."""
    layers: list[Layer] = []
    width = {"image": 3}

    def add(name: str, kind: str, inputs: tuple[str, ...], out: int, **options: object) -> str:
        layers.append(Layer(name, kind, inputs, (width[inputs[0]], out), **options))  # type: ignore
        width[name] = out
        return name

    def conv(name: str, x: str, out: int, size: int = 1, stride: int = 1, relu: bool = True) -> str:
        return add(name, "conv", (x,), out, size=size, stride=stride, relu=relu)

    def depthwise(name: str, x: str, stride: int = 1) -> str:
        return add(name, "depthwise", (x,), width[x], size=3, stride=stride)

    def residual(name: str, x: str) -> str:
        y = conv(f"{name}/mix", depthwise(f"{name}/depthwise", x), width[x], relu=False)
        return add(f"{name}/sum", "add", (x, y), width[x])

    def down(name: str, x: str, out: int) -> str:
        return conv(f"{name}/mix", depthwise(f"{name}/depthwise", x, stride=2), out)

    def up(name: str, x: str, side: str) -> str:
        y = conv(f"{name}/mix", x, width[side], relu=False)
        y = add(f"{name}/up", "up", (y,), width[side])
        return add(f"{name}/sum", "add", (side, y), width[side])

    x = conv("stem", "image", 16, 3, 2)
    x = conv("four", x, 32, 3, 2)
    x = conv("eight", x, 64, 3, 2)
    eight = residual("eight/b", residual("eight/a", x))
    x = down("sixteen", eight, 96)
    sixteen = residual("sixteen/c", residual("sixteen/b", residual("sixteen/a", x)))
    x = down("half", sixteen, 128)
    x = residual("half/c", residual("half/b", residual("half/a", x)))
    x = residual("up16/a", up("up16", x, sixteen))
    x = residual("up8/b", residual("up8/a", up("up8", x, eight)))
    for head, out in (("scores", CLASSES), ("boxes", 4)):
        y = conv(f"{head}/mix", depthwise(f"{head}/depthwise", x), 64)
        conv(head, y, out, relu=False)
    return layers


class Net(nn.Module):
    """The layers with their weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = describe()
        self.convs = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for layer in self.layers:
            if layer.kind in ("conv", "depthwise"):
                groups = layer.channels[0] if layer.kind == "depthwise" else 1
                head = layer.name in ("scores", "boxes")
                key = layer.name.replace("/", "_")
                self.convs[key] = nn.Conv2d(
                    *layer.channels, layer.size, layer.stride, groups=groups, bias=head
                )
                if not head:
                    self.norms[key] = nn.BatchNorm2d(layer.channels[1], momentum=0.03)
        nn.init.constant_(self.convs["scores"].bias, -4.0)
        nn.init.normal_(self.convs["scores"].weight, std=0.01)
        # While calibrating: the real ranges that each tensor had.
        self.watched: dict[str, list[tuple[float, float]]] | None = None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """image: float32 [n, 3, h, w], red first, 0 to 1. Logits [n, 7, h/8, w/8] and boxes
        [n, 4, h/8, w/8]."""
        values = {"image": image}
        for layer in self.layers:
            x = [values[name] for name in layer.inputs]
            if layer.kind == "add":
                y = x[0] + x[1]
            elif layer.kind == "up":
                values[layer.name] = F.interpolate(x[0], scale_factor=2.0, mode="nearest")
                continue
            else:
                y = self._conv(layer, x[0])
            if layer.relu:
                y = F.relu(y)
            if self.watched is not None:
                self._watch(layer.name, y.detach())
            values[layer.name] = y
        return values["scores"], values["boxes"]

    def _conv(self, layer: Layer, x: Tensor) -> Tensor:
        key = layer.name.replace("/", "_")
        conv = self.convs[key]
        groups = layer.channels[0] if layer.kind == "depthwise" else 1
        if layer.size == 3:
            # SAME as TFLite has it: with stride 2 the odd pixel of padding is at the end.
            x = F.pad(x, (0, 1, 0, 1) if layer.stride == 2 else (1, 1, 1, 1))
        y = F.conv2d(x, conv.weight, conv.bias, layer.stride, groups=groups)
        return self.norms[key](y) if key in self.norms else y

    def _watch(self, name: str, y: Tensor) -> None:
        assert self.watched is not None
        flat = y.float().flatten()
        flat = flat[:: max(flat.numel() // 200_000, 1)]
        low, high = torch.quantile(flat, torch.tensor([0.0002, 0.9998])).tolist()
        self.watched.setdefault(name, []).append((min(low, 0.0), max(high, 1e-3)))

    def fold(self) -> None:
        """Puts the batch normalisations into weights and biases."""
        for key, norm in self.norms.items():
            conv = self.convs[key]
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            conv.weight.data *= gain[:, None, None, None]
            conv.bias = nn.Parameter((norm.bias - norm.running_mean * gain).detach())
        self.norms = nn.ModuleDict()

    def calibrate(self, batches: list[Tensor]) -> dict[str, tuple[float, float]]:
        """The real range of each tensor on these pictures, by the layer's name."""
        self.watched = {}
        with torch.no_grad():
            for batch in batches:
                self(batch)
        watched, self.watched = self.watched, None
        return {
            name: (
                sum(low for low, _ in seen) / len(seen),
                sum(high for _, high in seen) / len(seen),
            )
            for name, seen in watched.items()
        }
