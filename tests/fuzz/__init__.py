"""Mutated models: whatever a file says, only an EdgerunError may come out.

A file (.tflite, .onnx, .edgerun) is decoded into its fields, some of them are changed, and it is written
again; or bytes are changed where they lie. Then it is loaded and, when that goes well, run.
`python -m fuzz --help` (in tests/) runs it for as long as one likes, with the sanitized engine too;
test_fuzz.py is a short run of the same. `make fuzz-native` changes what the engine is given, without files.
"""
