"""SessionOptions and RunOptions as scripts for ONNX Runtime set them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields

from edgerun.compat.onnxruntime_errors import Fail


class GraphOptimizationLevel(enum.IntEnum):
    """Accepted: edgerun's passes keep the answers, and are always done."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99


class ExecutionMode(enum.IntEnum):
    """Accepted: edgerun runs operators one after the other, each on all threads."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


class ExecutionOrder(enum.IntEnum):
    """Accepted: edgerun chooses its own."""

    DEFAULT = 0
    PRIORITY_BASED = 1
    MEMORY_EFFICIENT = 2


class _Typed:
    """Refuses values of other types, as ONNX Runtime does."""

    def __setattr__(self, name: str, value: object) -> None:
        wanted = {f.name: type(f.default) for f in fields(self)}.get(name)  # type: ignore[arg-type]
        if wanted in (int, str, bool) and not isinstance(value, int if wanted is bool else wanted):
            raise TypeError(f"{name} must be {wanted.__name__}, got {value!r}.")
        if isinstance(wanted, type) and issubclass(wanted, enum.Enum) and not isinstance(value, wanted):
            raise TypeError(f"{name} must be of {wanted.__name__}, got {value!r}.")
        super().__setattr__(name, value)


@dataclass
class SessionOptions(_Typed):
    """How a session is made. edgerun obeys intra_op_num_threads (0: its own default), enable_profiling,
    profile_file_prefix and the overrides of free dimensions; it accepts the rest."""

    enable_cpu_mem_arena: bool = True
    enable_mem_pattern: bool = True
    enable_mem_reuse: bool = True
    enable_profiling: bool = False
    execution_mode: ExecutionMode = ExecutionMode.ORT_SEQUENTIAL
    execution_order: ExecutionOrder = ExecutionOrder.DEFAULT
    graph_optimization_level: GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL
    inter_op_num_threads: int = 0
    intra_op_num_threads: int = 0
    log_severity_level: int = -1
    log_verbosity_level: int = 0
    logid: str = ""
    optimized_model_filepath: str = ""
    profile_file_prefix: str = "onnxruntime_profile_"
    use_deterministic_compute: bool = False
    use_per_session_threads: bool = True
    _by_name: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _by_denotation: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _entries: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self.__dataclass_fields__:
            raise AttributeError(f"'SessionOptions' object has no attribute {name!r}")
        super().__setattr__(name, value)

    def add_free_dimension_override_by_name(self, name: str, size: int) -> None:
        """Gives the open dimension of this name a size."""
        self._by_name[name] = int(size)

    def add_free_dimension_override_by_denotation(self, denotation: str, size: int) -> None:
        """Gives the open dimensions of this denotation a size."""
        self._by_denotation[denotation] = int(size)

    def add_session_config_entry(self, key: str, value: str) -> None:
        self._entries[key] = value

    def get_session_config_entry(self, key: str) -> str:
        """The value of a key that was added. Raises RuntimeError for another."""
        if key not in self._entries:
            raise RuntimeError(f"SessionOptions does not have configuration with key: {key}")
        return self._entries[key]

    def register_custom_ops_library(self, path: str) -> None:
        """Raises Fail: edgerun does not run other libraries' operators."""
        raise Fail(f"edgerun cannot use the operators of {path}.")


@dataclass
class RunOptions(_Typed):
    """How one run is done. A run with `terminate` is refused; the rest is accepted."""

    log_severity_level: int = -1
    log_verbosity_level: int = 0
    logid: str = ""
    only_execute_path_to_fetches: bool = False
    terminate: bool = False
    _entries: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def add_run_config_entry(self, key: str, value: str) -> None:
        self._entries[key] = value

    def get_run_config_entry(self, key: str) -> str:
        """The value of a key that was added. Raises RuntimeError for another."""
        if key not in self._entries:
            raise RuntimeError(f"RunOptions does not have configuration with key: {key}")
        return self._entries[key]
