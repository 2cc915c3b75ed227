"""The exceptions of ONNX Runtime, by its names, with its codes in the messages."""

from __future__ import annotations

from edgerun.errors import EdgerunError


class OrtError(EdgerunError):
    """The base of them all, which ONNX Runtime has not: `code` and `label` begin every message."""

    code, label = 1, "FAIL"

    def __init__(self, message: str) -> None:
        super().__init__(f"[ONNXRuntimeError] : {self.code} : {self.label} : {message}")


class Fail(OrtError):
    """What has no other name; a run that was told to terminate."""


class InvalidArgument(OrtError):
    """A wrong name, shape or dtype, or a file without a graph."""

    code, label = 2, "INVALID_ARGUMENT"


class NoSuchFile(OrtError):
    code, label = 3, "NO_SUCHFILE"


class NoModel(OrtError):
    code, label = 4, "NO_MODEL"


class EngineError(OrtError):
    code, label = 5, "ENGINE_ERROR"


class RuntimeException(OrtError):
    """A step that fails on the values it is given."""

    code, label = 6, "RUNTIME_EXCEPTION"


class InvalidProtobuf(OrtError):
    """A file that is no protobuf."""

    code, label = 7, "INVALID_PROTOBUF"


class ModelLoaded(OrtError):
    code, label = 8, "MODEL_LOADED"


class NotImplemented(OrtError):
    """A model with operators that are not there."""

    code, label = 9, "NOT_IMPLEMENTED"


class InvalidGraph(OrtError):
    """A file whose graph makes no sense."""

    code, label = 10, "INVALID_GRAPH"


class EPFail(OrtError):
    code, label = 11, "EP_FAIL"
