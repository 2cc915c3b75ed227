"""The intermediate representation: tensors with types, operators with meaning, and the graph of them.

An operator is a frozen dataclass that knows its output types (`infer`) and its value (`eval`, in numpy: slow,
obvious, exact). `eval` is the one truth: constant folding, the oracle of the tests, EDGERUN_VERIFY.
"""
