"""Writes trained weights as full-integer TFLite: `python write.py net.pt FRAMES demo.tflite`.

Batch normalisations are folded into the weights; these are int8 by output channel, activations int8
by tensor with the ranges they have on 128 frames of FRAMES, biases int32 with the scale of input
times weights, as TFLite's specification of int8 has it. The int8 model scores within a point of the float
one, so that no training with imitated rounding is needed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from net import CLASSES, Layer, Net
from train import Frames

from edgerun.formats.tflite_writer import ModelBuilder
from edgerun.vision.scene import HEIGHT, WIDTH


class Writer:
    """Layers of a net as tensors and operators."""

    def __init__(self, net: Net, ranges: dict[str, tuple[float, float]]) -> None:
        self.net = net
        self.ranges = ranges
        height, width = HEIGHT, WIDTH
        self.builder = ModelBuilder("edgerun demo: seven kinds of moving objects")
        self.scales = {"image": 1 / 255}
        self.shapes = {"image": (height, width, 3)}
        self.tensors = {
            "image": self.builder.tensor(
                "image", (1, height, width, 3), np.int8, scale=1 / 255, zero_point=-128
            )
        }

    def layer(self, layer: Layer) -> None:
        height, width, _ = self.shapes[layer.inputs[0]]
        inputs = [self.tensors[name] for name in layer.inputs]
        activation = {"fused_activation_function": "relu" if layer.relu else "none"}
        if layer.kind == "up":
            source = layer.inputs[0]
            size = np.array([2 * height, 2 * width], np.int32)
            shape = self.builder.tensor(f"{layer.name}/size", (2,), np.int32, data=size)
            made = self._made(layer, 2 * height, 2 * width, self.ranges[source])
            self.builder.operator("RESIZE_NEAREST_NEIGHBOR", [*inputs, shape], [made], {})
        elif layer.kind == "add":
            made = self._made(layer, height, width, self.ranges[layer.name])
            self.builder.operator("ADD", inputs, [made], activation)
        else:
            inputs += self._weights(layer)
            size = height // layer.stride, width // layer.stride
            made = self._made(layer, *size, self.ranges[layer.name])
            options = {"padding": "same", "stride_w": layer.stride, "stride_h": layer.stride}
            if layer.kind == "depthwise":
                options["depth_multiplier"] = 1
            name = "DEPTHWISE_CONV_2D" if layer.kind == "depthwise" else "CONV_2D"
            self.builder.operator(name, inputs, [made], options | activation)

    def finish(self) -> bytes:
        shape = (1, *self.shapes["scores"])
        scores = self.builder.tensor(
            "probabilities", shape, np.int8, scale=1 / 256, zero_point=-128
        )
        self.builder.operator("LOGISTIC", [self.tensors["scores"]], [scores])
        return self.builder.finish([self.tensors["image"]], [scores, self.tensors["boxes"]])

    def _made(self, layer: Layer, height: int, width: int, real: tuple[float, float]) -> int:
        scale, zero = quantisation(*real)
        shape = height, width, layer.channels[1]
        self.scales[layer.name], self.shapes[layer.name] = scale, shape
        self.tensors[layer.name] = self.builder.tensor(
            layer.name, (1, *shape), np.int8, scale=scale, zero_point=zero
        )
        return self.tensors[layer.name]

    def _weights(self, layer: Layer) -> list[int]:
        conv = self.net.convs[layer.name.replace("/", "_")]
        weight = conv.weight.detach().numpy()
        scales = np.maximum(np.abs(weight).max((1, 2, 3)), 1e-6) / np.float32(127)
        steps = np.rint(weight / scales[:, None, None, None])
        steps = np.clip(steps, -127, 127).astype(np.int8)
        depthwise = layer.kind == "depthwise"
        steps = steps.transpose(1, 2, 3, 0) if depthwise else steps.transpose(0, 2, 3, 1)
        weights = self.builder.tensor(
            f"{layer.name}/weights",
            steps.shape,
            np.int8,
            scale=scales,
            axis=3 if depthwise else 0,
            data=np.ascontiguousarray(steps),
        )
        # As TFLite has it: the product of the scales that are stored, both float32.
        bias_scales = np.float32(self.scales[layer.inputs[0]]) * scales
        biases = np.rint(conv.bias.detach().numpy() / bias_scales.astype(np.float64))
        bias = self.builder.tensor(
            f"{layer.name}/bias",
            biases.shape,
            np.int32,
            scale=bias_scales,
            data=biases.astype(np.int32),
        )
        return [weights, bias]


def quantisation(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point of int8 for a real range that holds 0."""
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("model", type=Path)
    options = parser.parse_args()
    net = Net().eval()
    net.load_state_dict(torch.load(options.weights))
    net.fold()
    frames = Frames(options.frames, seed=2)
    batches = [frames.batch(16, HEIGHT, WIDTH)[0].float() / 255 for _ in range(8)]
    writer = Writer(net, net.calibrate(batches))
    for layer in net.layers:
        writer.layer(layer)
    assert writer.shapes["scores"][2] == CLASSES
    options.model.write_bytes(writer.finish())


if __name__ == "__main__":
    main()
