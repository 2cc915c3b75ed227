"""Scripts as applications have them, run on LiteRT and, with another import line, on edgerun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgerun.compat.tflite import Interpreter
from edgerun.compat.tflite_source import Source
from edgerun.session import Session, fixed_inputs
from shared_material import needs_shared, shared
from twins import assert_same, both, run_script

# Of each: the model, and how many quanta the numbers may differ: LiteRT's default kernels are not exact.
SCRIPTS: dict[str, tuple[str, int, str]] = {
    "classification": (
        "classifier",
        2,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
interpreter.allocate_tensors()
input_details = interpreter.get_input_details()
output_details = interpreter.get_output_details()
_, height, width, _ = input_details[0]['shape']
picture = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
interpreter.set_tensor(input_details[0]['index'], np.expand_dims(picture, axis=0))
interpreter.invoke()
output = np.squeeze(interpreter.get_tensor(output_details[0]['index']))
floating = input_details[0]['dtype'] == np.float32
scale, zero_point = output_details[0]['quantization']
scores = scale * (output - zero_point)
order = np.argpartition(-output, 2)[:2]
result = floating, output, output_details[0]['dtype'] == np.uint8, sorted(order[np.argsort(-output[order])])
""",
    ),
    "coral-style": (
        "classifier",
        2,
        """
import ai_edge_litert.interpreter as tflite
def make_interpreter(model_file):
    model_file, *device = model_file.split('@')
    return tflite.Interpreter(model_path=model_file, experimental_delegates=None)
def input_size(interpreter):
    _, height, width, _ = interpreter.get_input_details()[0]['shape']
    return width, height
def input_tensor(interpreter):
    return interpreter.tensor(interpreter.get_input_details()[0]['index'])()[0]
def output_tensor(interpreter):
    details = interpreter.get_output_details()[0]
    data = np.squeeze(interpreter.tensor(details['index'])())
    scale, zero = details['quantization']
    return scale * (data.astype(np.int64) - zero)
interpreter = make_interpreter(MODEL)
interpreter.allocate_tensors()
width, height = input_size(interpreter)
result = []
for k in range(3):
    input_tensor(interpreter)[:, :] = np.random.default_rng(k).integers(0, 256, (height, width, 3), np.uint8)
    interpreter.invoke()
    result.append(np.rint(output_tensor(interpreter) * 256).astype(np.int64))
""",
    ),
    "detection": (
        "detector",
        1,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(MODEL, num_threads=2)
interpreter.allocate_tensors()
rng = np.random.default_rng(5)
for detail in interpreter.get_input_details():
    x = rng.integers(0, 256, detail['shape'], dtype=detail['dtype'])
    interpreter.set_tensor(detail['index'], x)
interpreter.invoke()
boxes, classes, scores, count = (interpreter.get_tensor(d['index']) for d in interpreter.get_output_details())
found = []
for i in range(int(count[0])):
    if scores[0][i] >= 0.5:
        found.append((boxes[0][i], classes[0][i], scores[0][i]))
result = count, found, boxes, classes, scores
""",
    ),
    "normalised floats": (
        "float_border",
        0,
        """
from ai_edge_litert import interpreter as tflite
interpreter = tflite.Interpreter(model_path=MODEL)
interpreter.allocate_tensors()
detail = interpreter.get_input_details()[0]
x = np.random.default_rng(1).integers(0, 256, detail['shape']).astype(np.float32)
if detail['dtype'] == np.float32:
    x = np.float32((x - 127.5) / 127.5)
interpreter.set_tensor(detail['index'], x)
interpreter.invoke()
result = interpreter.get_tensor(interpreter.get_output_details()[0]['index']), detail['quantization']
""",
    ),
    "another batch": (
        "classifier_int8",
        2,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
index = interpreter.get_input_details()[0]['index']
result = []
for batch in (4, 1, 4, 7):
    interpreter.resize_tensor_input(index, [batch, 8, 8, 3], strict=True)
    interpreter.allocate_tensors()
    result.append((interpreter.get_input_details(), interpreter.get_output_details()))
    x = np.random.default_rng(batch).integers(-128, 128, (batch, 8, 8, 3), np.int8)
    interpreter.set_tensor(index, x)
    interpreter.invoke()
    result.append(interpreter.get_tensor(interpreter.get_output_details()[0]['index']))
""",
    ),
    "another number of dimensions": (
        "computed_shape",
        0,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
interpreter.resize_tensor_input(0, [12])
interpreter.allocate_tensors()
interpreter.set_tensor(0, np.arange(-60, 60, 10, dtype=np.int8))
interpreter.set_tensor(1, np.array([3, 4], np.int32))
interpreter.invoke()
result = interpreter.get_input_details(), interpreter.get_tensor(interpreter.get_output_details()[0]['index'])
""",
    ),
    "from bytes, by Path and bytes of a path": (
        "classifier",
        0,
        """
from ai_edge_litert.interpreter import *
import pathlib
makers = [
    lambda: Interpreter(model_content=open(MODEL, 'rb').read()),
    lambda: Interpreter(pathlib.Path(MODEL)),
    lambda: Interpreter(MODEL.encode()),
    lambda: Interpreter(MODEL, None, None, 1, OpResolverType.BUILTIN_REF, False),
    lambda: InterpreterWithCustomOps(model_path=MODEL, custom_op_registerers=[]),
]
result = [make().get_input_details() for make in makers]
""",
    ),
    "signature": (
        "pair",
        1,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
signatures = interpreter.get_signature_list()
runner = interpreter.get_signature_runner()
named = interpreter.get_signature_runner('both')
x = np.arange(4, dtype=np.int8).reshape(1, 4)
first = runner(left=x, right=x + np.int8(1))
second = named(right=-x, left=x)
wide = named(right=np.zeros((3, 4), np.int8), left=np.full((3, 4), 9, np.int8))
result = signatures, first, second, wide, runner.get_input_details(), named.get_output_details()
""",
    ),
    "tensors with one name": (
        "pair",
        1,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
interpreter.allocate_tensors()
for detail, value in zip(interpreter.get_input_details(), (40, -30)):
    interpreter.set_tensor(detail['index'], np.full(detail['shape'], value, detail['dtype']))
interpreter.invoke()
details = interpreter.get_output_details()
result = [(d['name'], d['index'], interpreter.get_tensor(d['index'])) for d in details]
""",
    ),
    "inputs keep their values": (
        "pair",
        1,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
interpreter.allocate_tensors()
a, b = (d['index'] for d in interpreter.get_input_details())
total = interpreter.get_output_details()[1]['index']
x = np.full((1, 4), 5, np.int8)
interpreter.set_tensor(a, x)
interpreter.set_tensor(b, x)
result = []
for step in range(3):
    x[...] = 100                      # set_tensor has copied it
    interpreter.set_tensor(b, np.full((1, 4), 10 * step, np.int8))
    interpreter.invoke()
    got = interpreter.get_tensor(total)
    result.append(got.copy())
    got[...] = -1                     # so has get_tensor
    result += [interpreter.get_tensor(total), interpreter.get_tensor(a), interpreter.get_tensor(b)]
interpreter.allocate_tensors()        # nothing to do
result.append(interpreter.get_tensor(a))
""",
    ),
    "views": (
        "pair",
        1,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
early = interpreter.tensor(0)
interpreter.allocate_tensors()
a, b, total = (interpreter.tensor(i) for i in (0, 1, 2))
a().fill(7)
b()[0, 1:] = 20
b()[0, 0] = -20
interpreter.invoke()
safe = interpreter._safe_to_run()
held = a()[0, 1:3]
unsafe = interpreter._safe_to_run()
del held
result = total().copy(), early().copy(), interpreter.get_tensor(1), safe, unsafe, interpreter._safe_to_run()
result += (a().flags.writeable, a().dtype, type(total()))
""",
    ),
    "odd ends": (
        "odd_ends",
        1,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
constant = interpreter.get_tensor(3)
interpreter.allocate_tensors()
interpreter.set_tensor(0, np.full((1, 4), 11, np.int8))
interpreter.set_tensor(1, np.full((1, 4), 22, np.int8))
before = [interpreter.get_tensor(i) for i in (0, 3)]
interpreter.invoke()
indices = [d['index'] for d in interpreter.get_output_details()]
result = constant, before, indices, [interpreter.get_tensor(i) for i in indices]
""",
    ),
    "no input": (
        "no_input",
        1,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
interpreter.allocate_tensors()
interpreter.invoke()
(detail,) = interpreter.get_output_details()
result = interpreter.get_input_details(), interpreter.get_tensor(detail['index'])
""",
    ),
    "no dimensions": (
        "scalar",
        1,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
interpreter.allocate_tensors()
result = [interpreter.get_output_details()]
for value in (np.int8(30), np.array(-4, np.int8)):
    interpreter.set_tensor(0, value)
    interpreter.invoke()
    result += [interpreter.get_tensor(1), interpreter.tensor(1)(), interpreter.get_tensor(0)]
""",
    ),
    "quantise by hand": (
        "classifier_int8",
        2,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
interpreter.allocate_tensors()
input, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
x = np.random.default_rng(2).uniform(-1, 1, input['shape']).astype(np.float32)
scale, zero_point = input['quantization']
if input['dtype'] == np.int8:
    x = x / scale + zero_point
interpreter.set_tensor(input['index'], np.clip(x, -128, 127).astype(input['dtype']))
interpreter.invoke()
parameters = output['quantization_parameters']
y = interpreter.get_tensor(output['index'])
result = y, parameters['scales'][0], parameters['zero_points'][0], parameters['quantized_dimension']
""",
    ),
    "intermediate tensors": (
        "classifier_int8",
        2,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(MODEL, experimental_preserve_all_tensors=True,
                          experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
interpreter.allocate_tensors()
detail = interpreter.get_input_details()[0]
interpreter.set_tensor(detail['index'], np.random.default_rng(2).integers(-9, 9, detail['shape'], np.int8))
interpreter.invoke()
details = [d for d in interpreter.get_tensor_details() if d['name']]
result = [(d['name'], interpreter.get_tensor(d['index'])) for d in details]
""",
    ),
    "the features before the last layer": (
        "classifier_int8",
        2,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(MODEL, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
interpreter.allocate_tensors()
output = interpreter.get_output_details()[0]['index']
result = []
for batch in (1, 1, 3):
    interpreter.resize_tensor_input(0, [batch, 8, 8, 3])
    interpreter.allocate_tensors()
    rng = np.random.default_rng(batch)
    interpreter.set_tensor(0, rng.integers(-128, 128, (batch, 8, 8, 3), np.int8))
    interpreter.invoke()
    result += [interpreter.get_tensor(output - 1), interpreter.get_tensor(output)]
    result += [interpreter.tensor(output - 1)().copy()]
""",
    ),
    "another batch, of the output too": (
        "classifier",
        2,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
input_details, output_details = interpreter.get_input_details(), interpreter.get_output_details()
interpreter.resize_tensor_input(input_details[0]['index'], (6, 8, 8, 3))
interpreter.resize_tensor_input(output_details[0]['index'], (6, 5))
interpreter.allocate_tensors()
input_details, output_details = interpreter.get_input_details(), interpreter.get_output_details()
x = np.random.default_rng(4).integers(0, 256, (6, 8, 8, 3), np.uint8)
interpreter.set_tensor(input_details[0]['index'], x)
interpreter.invoke()
result = interpreter.get_tensor(output_details[0]['index']), input_details, output_details
""",
    ),
    "operators": (
        "classifier",
        0,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
result = interpreter._get_ops_details(), interpreter._get_op_details(1), interpreter.num_subgraphs()
""",
    ),
    "two entry points": (
        "two_entries",
        0,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
clip, main = (interpreter.get_signature_runner(key) for key in ('clip', 'serving_default'))
x = np.arange(-60, 63, 20, dtype=np.int8).reshape(1, 7) * np.int8(2)
result = [interpreter.get_signature_list(), clip.get_input_details(), main.get_output_details()]
result += [clip(value=x), main(image=x), clip(value=np.concatenate([x, -x]))]
result += [interpreter.get_tensor(0, 1), interpreter.get_tensor(1, subgraph_index=1)]
result += [interpreter.get_tensor(0)]
""",
    ),
    "a model that remembers": (
        "accumulator",
        0,
        """
from ai_edge_litert.interpreter import *
def steps(interpreter, count):
    for k in range(count):
        interpreter.set_tensor(interpreter.get_input_details()[0]['index'], np.full((1, 4), 3 + k, np.int8))
        interpreter.invoke()
        yield interpreter.get_tensor(interpreter.get_output_details()[0]['index'])
one, other = Interpreter(model_path=MODEL), Interpreter(model_path=MODEL)
one.allocate_tensors()
other.allocate_tensors()
result = list(steps(one, 5)), list(steps(other, 3)), list(steps(one, 2))
""",
    ),
    "a shape known at run time": (
        "computed_shape",
        0,
        """
from ai_edge_litert.interpreter import *
interpreter = Interpreter(model_path=MODEL)
interpreter.allocate_tensors()
x, shape = (d['index'] for d in interpreter.get_input_details())
interpreter.set_tensor(x, np.arange(-60, 60, 10, dtype=np.int8).reshape(2, 6))
result = [interpreter.get_output_details()]
for sizes in ([3, 4], [12, 1], [3, 4], [-1, 2]):
    interpreter.set_tensor(shape, np.array(sizes, np.int32))
    interpreter.invoke()
    (detail,) = interpreter.get_output_details()
    result += [detail, interpreter.get_tensor(detail['index']), interpreter.tensor(detail['index'])().copy()]
""",
    ),
    "an interpreter in each thread": (
        "classifier",
        2,
        """
from ai_edge_litert.interpreter import *
import threading
def work(k):
    interpreter = Interpreter(model_path=MODEL, num_threads=1)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(k)
    for _ in range(20):
        interpreter.set_tensor(0, rng.integers(0, 256, (1, 8, 8, 3), np.uint8))
        interpreter.invoke()
        seen[k].append(interpreter.get_tensor(interpreter.get_output_details()[0]['index']))
seen = [[] for _ in range(4)]
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
result = seen
""",
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_does_the_same_after_changing_its_import_line(name: str, models: dict[str, str]) -> None:
    model, quanta, script = SCRIPTS[name]
    theirs, ours = both(script, MODEL=models[model])
    assert_same(ours, theirs, quanta)


@pytest.mark.parametrize(
    "script",
    [
        "import edgerun.compat.tflite as tf\nmake = tf.lite.Interpreter",
        "import edgerun.compat.tflite as tflite\nassert tflite.experimental.OpResolverType.AUTO.value == 0\n"
        "make = tflite.Interpreter",
        "from edgerun.compat.tflite import Interpreter as make, Delegate, SignatureRunner",
    ],
)
def test_other_ways_to_import_it(script: str, models: dict[str, str]) -> None:
    made = run_script(f"{script}\nresult = make(MODEL).get_input_details()[0]", MODEL=models["classifier"])
    assert made["name"] == "image"
    assert made["dtype"] is np.uint8


def test_a_package_of_others_gets_it_by_the_lines_of_the_guide(models: dict[str, str]) -> None:
    guide = Path(__file__).parents[2] / "docs" / "compat.md"
    lines = guide.read_text().split("```python\n")[1].split("```")[0]
    imports = [
        "from tflite_runtime.interpreter import Interpreter, load_delegate",
        "import tflite_runtime.interpreter as module\nInterpreter = module.Interpreter",
        "from tflite_runtime import interpreter\nInterpreter = interpreter.Interpreter",
    ]
    for line in imports:
        script = f"{lines}\n{line}\nprint(Interpreter({models['pair']!r}).num_subgraphs(), Interpreter)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == "1 <class 'edgerun.compat.tflite.Interpreter'>\n"


def test_outputs_are_zeros_before_the_first_run(models: dict[str, str]) -> None:
    interpreter = Interpreter(models["detector"])
    interpreter.allocate_tensors()
    for detail in (*interpreter.get_input_details(), *interpreter.get_output_details()):
        array = interpreter.get_tensor(detail["index"])
        assert array.shape == tuple(detail["shape"])
        assert not array.any()


def test_variables_are_reset(models: dict[str, str]) -> None:
    """All of them; LiteRT's reset leaves resource variables as they are."""
    interpreter = Interpreter(models["accumulator"])
    interpreter.reset_all_variables()  # nothing to do yet
    interpreter.allocate_tensors()
    (x,), (y,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(x["index"], np.full((1, 4), 13, np.int8))
    seen = []
    for reset in (False, False, True, False):
        if reset:
            interpreter.reset_all_variables()
        interpreter.invoke()
        seen.append(interpreter.get_tensor(y["index"])[0, 0])
    assert seen == [13, 23, 13, 23]


def test_tensors_that_a_run_decides_on_are_not_preserved(models: dict[str, str]) -> None:
    with pytest.warns(UserWarning, match="debugging"):
        interpreter = Interpreter(models["computed_shape"], experimental_preserve_all_tensors=True)
    with pytest.raises(RuntimeError, match="decided at run time"):
        interpreter.allocate_tensors()


def test_a_run_writes_into_the_memory_that_views_show(models: dict[str, str]) -> None:
    """No copies: the very addresses stay from run to run."""
    interpreter = Interpreter(models["pair"])
    interpreter.allocate_tensors()
    addresses = set()
    for k in range(3):
        interpreter.tensor(0)().fill(k)
        interpreter.invoke()
        addresses.add(tuple(interpreter.tensor(i)().ctypes.data for i in range(4)))
    assert len(addresses) == 1


def test_sessions_of_the_last_shapes_are_kept(
    models: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, tuple[int, ...]]] = []
    make = Source.session
    monkeypatch.setattr(Source, "session", lambda *a, **k: made.append(a[1]) or make(*a, **k))
    monkeypatch.setenv("EDGERUN_MAX_PROGRAMS", "2")
    interpreter = Interpreter(models["pair"])
    rng = np.random.default_rng(0)
    for batch in (1, 2, 1, 2, 3, 2, 1):
        a, b = (rng.integers(-60, 60, (batch, 4), np.int8) for _ in range(2))
        for index in (0, 1):
            interpreter.resize_tensor_input(index, [batch, 4])
        interpreter.allocate_tensors()
        for index, value in ((0, a), (1, b)):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        expected = Session(models["pair"], shapes={"same": (batch, 4), "same#1": (batch, 4)}).run(
            {"same": a, "same#1": b}
        )
        assert_same([interpreter.get_tensor(i) for i in (3, 2)], list(expected.values()))
    assert [list(shapes.values())[:1] for shapes in made] == [[], [(2, 4)], [(3, 4)], []]


def test_a_shape_of_before_begins_anew(models: dict[str, str]) -> None:
    interpreter = Interpreter(models["accumulator"])
    x, y = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    for _ in range(2):
        interpreter.resize_tensor_input(x, [1, 4])
        interpreter.allocate_tensors()
        interpreter.set_tensor(x, np.full((1, 4), 13, np.int8))
        interpreter.invoke()
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_tensor(y), np.full((1, 4), 23, np.int8))
        interpreter.resize_tensor_input(x, [2, 4])  # which the variable of one row does not allow
        with pytest.raises(RuntimeError, match="state"):
            interpreter.allocate_tensors()


def test_intermediate_tensors_are_computed_when_first_asked_for(
    models: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """With the inputs as they are, said once, and kept by the runs that follow."""
    lazy, keen = Interpreter(models["classifier"]), _preserving(models["classifier"])
    logits = next(d["index"] for d in lazy.get_tensor_details() if d["name"] == "logits")
    lazy.allocate_tensors()
    held = lazy.tensor(0)
    assert not lazy.get_tensor(logits).any()
    for k in range(3):
        x = np.random.default_rng(k).integers(0, 256, (1, 8, 8, 3), np.uint8)
        for interpreter in (lazy, keen):
            interpreter.set_tensor(0, x)
            interpreter.invoke()
        found = [[i.get_tensor(k) for k in range(logits + 2)] for i in (lazy, keen)]
        assert_same(*found)
        assert_same(held().copy(), x)
    assert caplog.text.count("from now on") == 1


def _preserving(path: str) -> Interpreter:
    with pytest.warns(UserWarning, match="debugging"):
        interpreter = Interpreter(path, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    return interpreter


def test_it_brings_nothing_heavy_along() -> None:
    script = "import sys, edgerun.compat.tflite; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"ai_edge_litert", "cv2", "onnx", "edgerun.vision", "click"}


REAL = (
    "classification/tf2_mobilenet_v2_1.0_224_ptq",
    "detection/ssd_mobilenet_v1_0.75_pets_uint8",
    "hand/openmv_hand_landmarks_full_224",
    "keyword/micro_speech_int8",
)


@pytest.mark.parametrize("place", [pytest.param(p, marks=needs_shared) for p in REAL])
def test_a_real_model_gives_what_a_session_gives(place: str) -> None:
    path = shared(f"models/{place}.tflite")
    session = Session(path)
    feeds = fixed_inputs(session.inputs)
    expected = list(session.run(feeds).values())
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), feeds.values(), strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    details = interpreter.get_output_details()
    assert_same([interpreter.get_tensor(d["index"]) for d in details], expected)
    assert [tuple(d["shape"]) for d in details] == [array.shape for array in expected]
