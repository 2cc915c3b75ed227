"""Pixels to predictions: what a model means, told by its card. Nothing else imports _vision."""

from edgerun.vision.card import Card, InputCard
from edgerun.vision.detections import (
    Classification,
    Classifications,
    Detection,
    Detections,
    Instance,
    Keypoints,
    Mask,
    Prediction,
    Region,
    Tensors,
    TensorSummary,
)
from edgerun.vision.frame import Frame
from edgerun.vision.labels import Labels
from edgerun.vision.model import Model, load

__all__ = [
    "Card",
    "Classification",
    "Classifications",
    "Detection",
    "Detections",
    "Frame",
    "InputCard",
    "Instance",
    "Keypoints",
    "Labels",
    "Mask",
    "Model",
    "Prediction",
    "Region",
    "TensorSummary",
    "Tensors",
    "load",
]
