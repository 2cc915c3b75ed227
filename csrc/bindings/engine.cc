// edgerun._engine: the C++ engine as Python sees it. Only src/edgerun/plan imports it.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/blob.h"
#include "base/check.h"
#include "base/isa.h"
#include "executor/image.h"
#include "executor/op.h"
#include "executor/program.h"
#include "executor/runner.h"
#include "kernels/registry.h"

namespace py = pybind11;

namespace edgerun {
namespace {

// ---- Steps ----

TensorRef parse_ref(const py::handle& value) {
  const auto fields = py::cast<py::tuple>(value);
  TensorRef ref;
  ref.buffer = fields[0].cast<int>();
  ref.offset = fields[1].cast<int64_t>();
  ref.row_stride = fields[2].cast<int64_t>();
  ref.shape = fields[3].cast<std::vector<int64_t>>();
  ref.dtype = dtype_from_name(fields[4].cast<std::string>());
  return ref;
}

Attributes::Value parse_attribute(const std::string& name, const py::handle& value) {
  if (py::isinstance<Blob>(value)) {
    return std::shared_ptr<const Blob>(value.cast<std::shared_ptr<Blob>>());
  }
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  if (py::isinstance<py::int_>(value)) return value.cast<int64_t>();
  if (py::isinstance<py::float_>(value)) return value.cast<double>();
  if (py::isinstance<py::sequence>(value)) return value.cast<std::vector<int64_t>>();
  throw Error("attribute '" + name + "' has a type that the engine does not know");
}

StepSpec parse_step(const py::dict& step) {
  StepSpec spec;
  spec.verb = step["verb"].cast<std::string>();
  spec.kernel = step["kernel"].cast<std::string>();
  try {
    for (const auto& ref : step["inputs"]) spec.inputs.push_back(parse_ref(ref));
    for (const auto& ref : step["outputs"]) spec.outputs.push_back(parse_ref(ref));
    for (const auto& [name, value] : step["attributes"].cast<py::dict>()) {
      const auto key = name.cast<std::string>();
      spec.attributes.set(key, parse_attribute(key, value));
    }
  } catch (const py::cast_error&) {
    throw Error(spec.verb + ": a number does not fit in 64 bits");
  }
  return spec;
}

// Bytes of a C-contiguous array, copied.
std::shared_ptr<Blob> blob_of(const py::array& array) {
  if ((array.flags() & py::array::c_style) == 0) throw Error("a constant must be C-contiguous");
  auto blob = std::make_shared<Blob>(static_cast<size_t>(array.nbytes()));
  if (array.nbytes() > 0) std::memcpy(blob->data<std::byte>(), array.data(), static_cast<size_t>(array.nbytes()));
  return blob;
}

std::vector<py::tuple> candidates(const py::dict& step, const std::string& cap) {
  const StepSpec spec = parse_step(step);
  for (const TensorRef& ref : spec.inputs) check_shape(ref);
  for (const TensorRef& ref : spec.outputs) check_shape(ref);
  std::vector<py::tuple> found;
  for (const Candidate& c : verb_by_name(spec.verb).candidates(spec, isa_from_name(cap))) {
    found.push_back(py::make_tuple(c.kernel, c.layout, c.input_storage));
  }
  return found;
}

std::shared_ptr<Blob> pack(const std::string& verb, const std::string& kernel, const py::array& weights,
                           const std::vector<int64_t>& shape) {
  const auto function = verb_by_name(verb).pack;
  if (function == nullptr) throw Error(verb + ": this verb packs nothing");
  const auto blob = blob_of(weights);
  const py::gil_scoped_release release;
  return std::const_pointer_cast<Blob>(function(kernel, *blob, shape));
}

std::shared_ptr<Program> make_program(const std::vector<py::dict>& steps, const std::vector<int>& lanes,
                                      const std::vector<int64_t>& buffer_bytes) {
  std::vector<StepSpec> specs;
  for (const py::dict& step : steps) specs.push_back(parse_step(step));
  const py::gil_scoped_release release;
  return std::make_shared<Program>(specs, lanes, buffer_bytes);
}

// A list with the constants of a dict at their buffers.
std::vector<std::shared_ptr<const Blob>> by_buffer(const py::dict& constants, size_t buffers) {
  std::vector<std::shared_ptr<const Blob>> list(buffers);
  for (const auto& [buffer, blob] : constants) {
    check(buffer.cast<size_t>() < buffers, "a constant has no buffer");
    list[buffer.cast<size_t>()] = blob.cast<std::shared_ptr<Blob>>();
  }
  return list;
}

py::bytes image_bytes(const std::string& key, const py::bytes& note, const std::vector<py::dict>& steps,
                      const std::vector<int>& lanes, const std::vector<int64_t>& buffer_bytes,
                      const py::dict& constants, const py::dict& states) {
  check(steps.size() == lanes.size(), "every step needs a number of lanes");
  Image image{key, note, {}, lanes, buffer_bytes, by_buffer(constants, buffer_bytes.size()),
              by_buffer(states, buffer_bytes.size())};
  for (const py::dict& step : steps) image.steps.push_back(parse_step(step));
  return write_image(image);
}

// ---- Runs ----

// Gives the GIL away. A thread that wants it back while the interpreter ends is ended by CPython (before 3.14)
// with pthread_exit, an unwinding that no destructor survives: it waits here for the end of the process instead.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) pause();
    }
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

// An input or output: which buffer it is, and what arrays of it look like.
struct Port {
  py::str name;
  size_t buffer;
  py::dtype dtype;
  std::vector<py::ssize_t> shape;
  size_t bytes;

  std::string describe() const {
    return py::str(dtype).cast<std::string>() + " of shape " + py::str(py::tuple(py::cast(shape))).cast<std::string>();
  }
};

std::string text(const py::handle& object) { return py::str(object).cast<std::string>(); }

bool same_shape(const py::array& array, const Port& port) {
  if (static_cast<size_t>(array.ndim()) != port.shape.size()) return false;
  for (size_t i = 0; i < port.shape.size(); ++i) {
    if (array.shape(static_cast<py::ssize_t>(i)) != port.shape[i]) return false;
  }
  return true;
}

py::array checked_array(const py::handle& object, const Port& port, const char* role) {
  // Only a refusal needs it, and a run allocates nothing.
  const auto name = [&] { return std::string(role) + " '" + text(port.name) + "'"; };
  if (!py::isinstance<py::array>(object)) {
    throw InputError(name() + " must be a numpy array (" + port.describe() + "), got " +
                     text(py::type::of(object).attr("__name__")) + ".");
  }
  auto array = py::reinterpret_borrow<py::array>(object);
  const py::dtype dtype = array.dtype();
  if (!dtype.is(port.dtype) && !dtype.equal(port.dtype)) {
    throw InputError(name() + " must be " + port.describe() + ", got dtype " + text(dtype) + ".");
  }
  if (!same_shape(array, port)) {
    throw InputError(name() + " must be " + port.describe() + ", got shape " + text(array.attr("shape")) + ".");
  }
  return array;
}

bool in_place(const py::array& array) {
  constexpr int kNeeded = py::array::c_style | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  return (array.flags() & kNeeded) == kNeeded;
}

// Whether two contiguous arrays share a byte.
bool overlap(const py::array& a, const py::array& b) {
  const auto* p = static_cast<const std::byte*>(a.data());
  const auto* q = static_cast<const std::byte*>(b.data());
  return p < q + b.nbytes() && q < p + a.nbytes();
}

class PyRunner {
 public:
  using Blobs = std::vector<std::shared_ptr<const Blob>>;

  PyRunner(Segments programs, const std::vector<int64_t>& buffer_bytes, const Blobs& constants, int lanes,
           const std::vector<py::tuple>& inputs, const std::vector<py::tuple>& outputs, py::object host,
           const Blobs& states)
      : runner_(std::move(programs), buffer_bytes, constants, states, lanes), host_(std::move(host)) {
    for (const auto& port : inputs) inputs_.push_back(parse_port(port));
    for (const auto& port : outputs) outputs_.push_back(parse_port(port));
    own_inputs_.resize(inputs_.size());
    // Every buffer but the arena is a constant, a state or one port: none is without memory in a run.
    std::vector<int> owners(runner_.buffer_bytes().size(), 0);
    for (size_t b = 0; b < owners.size(); ++b) {
      owners[b] = (constants[b] != nullptr) + (states[b] != nullptr);
      if (states[b] != nullptr) states_.push_back(b);
    }
    for (const Port& port : inputs_) ++owners[port.buffer];
    for (const Port& port : outputs_) ++owners[port.buffer];
    for (size_t b = 1; b < owners.size(); ++b) check(owners[b] == 1, "a buffer needs exactly one owner");
    // Arrays are found, and outputs held during a run, by name.
    check_names(inputs_);
    check_names(outputs_);
  }

  static std::unique_ptr<PyRunner> over(const std::vector<std::shared_ptr<Program>>& programs,
                                        const std::vector<int64_t>& buffer_bytes, const py::dict& constants,
                                        int lanes, const std::vector<py::tuple>& inputs,
                                        const std::vector<py::tuple>& outputs, py::object host,
                                        const py::dict& states) {
    return std::make_unique<PyRunner>(Segments(programs.begin(), programs.end()), buffer_bytes,
                                      by_buffer(constants, buffer_bytes.size()), lanes, inputs, outputs,
                                      std::move(host), by_buffer(states, buffer_bytes.size()));
  }

  py::dict run(const py::object& feeds) {
    Call call(runner_.own_buffers());
    bind_inputs(call, feeds);
    py::dict results = new_outputs(call);
    execute(call, nullptr);
    return results;
  }

  void run_into(const py::object& feeds, const py::object& results) {
    Call call(runner_.own_buffers());
    bind_inputs(call, feeds);
    bind_outputs(call, results);
    execute(call, nullptr);
  }

  // Nanoseconds of each step, and the outputs.
  py::tuple profile(const py::object& feeds) {
    Call call(runner_.own_buffers());
    bind_inputs(call, feeds);
    py::dict results = new_outputs(call);
    std::vector<int64_t> times(runner_.steps());
    execute(call, times.data());
    return py::make_tuple(results, times);
  }

  // Runs, and gives copies of the memory of all buffers: of states as they were before the run, of all
  // others as they are after it.
  py::list trace(const py::object& feeds) {
    Call call(runner_.own_buffers());
    bind_inputs(call, feeds);
    const py::dict results = new_outputs(call);
    const auto content = [&](size_t b) {
      return std::string(reinterpret_cast<const char*>(call.buffers[b]),
                         static_cast<size_t>(runner_.buffer_bytes()[b]));
    };
    std::vector<std::string> before;
    for (const size_t b : states_) before.push_back(content(b));
    std::vector<std::string> contents;
    execute(call, nullptr, [&] {
      for (size_t b = 0; b < call.buffers.size(); ++b) contents.push_back(content(b));
    });
    for (size_t i = 0; i < states_.size(); ++i) contents[states_[i]] = before[i];
    py::list copies;
    for (const std::string& content : contents) copies.append(py::memoryview(py::bytes(content)));
    return copies;
  }

  // The states as before the first run.
  void reset() {
    const GilRelease release;
    runner_.reset();
  }

  // The session's own array of an input, made when first asked for.
  py::array input(const std::string& name) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (text(inputs_[i].name) == name) return own_input(i);
    }
    throw InputError("There is no input '" + name + "'; the inputs are " + names(inputs_) + ".");
  }

 private:
  // The pointers of one run, and what keeps their memory alive.
  struct Call {
    explicit Call(const std::vector<std::byte*>& own) : buffers(own) {}
    std::vector<std::byte*> buffers;
    std::vector<py::array> held;
  };

  Port parse_port(const py::tuple& fields) const {
    Port port{fields[0].cast<py::str>(), fields[1].cast<size_t>(), py::dtype(fields[2].cast<std::string>()),
              fields[3].cast<std::vector<py::ssize_t>>(), 0};
    check(port.buffer > 0 && port.buffer < runner_.buffer_bytes().size(), "a port has no buffer");
    check(port.dtype.kind() != 'O', "a port cannot hold objects");
    size_t bytes = static_cast<size_t>(port.dtype.itemsize());
    for (const py::ssize_t size : port.shape) bytes *= static_cast<size_t>(size);
    check(static_cast<int64_t>(bytes) == runner_.buffer_bytes()[port.buffer], "a port has another size");
    port.bytes = bytes;
    return port;
  }

  static void check_names(const std::vector<Port>& ports) {
    std::set<std::string> known;
    for (const Port& port : ports) check(known.insert(text(port.name)).second, "two ports have the name '" + text(port.name) + "'");
  }

  static std::string names(const std::vector<Port>& ports) {
    std::string list;
    for (const Port& port : ports) list += (list.empty() ? "'" : ", '") + text(port.name) + "'";
    return list;
  }

  const py::array& own_input(size_t i) {
    std::optional<py::array>& own = own_inputs_[i];
    if (!own) {
      own.emplace(inputs_[i].dtype, inputs_[i].shape);
      if (inputs_[i].bytes > 0) std::memset(own->mutable_data(), 0, inputs_[i].bytes);
    }
    return *own;
  }

  void bind_input(Call& call, size_t i, const py::handle& object) {
    const Port& port = inputs_[i];
    py::array array = checked_array(object, port, "Input");
    if (!in_place(array)) array = py::array::ensure(array.attr("copy")("C"));
    call.buffers[port.buffer] = static_cast<std::byte*>(const_cast<void*>(array.data()));
    call.held.push_back(std::move(array));
  }

  // feeds: a dict by name; the array of the only input; None for the session's own arrays.
  void bind_inputs(Call& call, const py::object& feeds) {
    if (feeds.is_none()) {
      for (size_t i = 0; i < inputs_.size(); ++i) bind_input(call, i, own_input(i));
      return;
    }
    if (!PyDict_Check(feeds.ptr())) {
      if (inputs_.size() != 1) {
        throw InputError("The model has " + std::to_string(inputs_.size()) +
                         " inputs: pass a dict of arrays by name (" + names(inputs_) + ").");
      }
      bind_input(call, 0, feeds);
      return;
    }
    for (size_t i = 0; i < inputs_.size(); ++i) {
      PyObject* found = PyDict_GetItemWithError(feeds.ptr(), inputs_[i].name.ptr());
      if (found == nullptr) {
        if (PyErr_Occurred() != nullptr) throw py::error_already_set();
        throw InputError("Input '" + text(inputs_[i].name) + "' is missing; the inputs are " + names(inputs_) +
                         ".");
      }
      bind_input(call, i, found);
    }
    if (static_cast<size_t>(PyDict_Size(feeds.ptr())) != inputs_.size()) {
      throw InputError("Unknown inputs among " + text(py::list(feeds)) + "; the inputs are " + names(inputs_) +
                       ".");
    }
  }

  py::dict new_outputs(Call& call) const {
    py::dict results;
    for (const Port& port : outputs_) {
      py::array array(port.dtype, port.shape);
      call.buffers[port.buffer] = static_cast<std::byte*>(array.mutable_data());
      results[port.name] = std::move(array);
    }
    return results;
  }

  void bind_outputs(Call& call, const py::object& results) {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const Port& port = outputs_[i];
      py::object object = results;
      if (PyDict_Check(results.ptr())) {
        PyObject* found = PyDict_GetItemWithError(results.ptr(), port.name.ptr());
        if (found == nullptr) {
          throw InputError("Output '" + text(port.name) + "' is missing; the outputs are " + names(outputs_) +
                           ".");
        }
        object = py::reinterpret_borrow<py::object>(found);
      } else if (outputs_.size() != 1) {
        throw InputError("The model has " + std::to_string(outputs_.size()) +
                         " outputs: pass a dict of arrays by name (" + names(outputs_) + ").");
      }
      py::array array = checked_array(object, port, "Output");
      if (!in_place(array) || !array.writeable()) {
        throw InputError("Output '" + text(port.name) + "' must be a writable, C-contiguous array.");
      }
      for (const py::array& other : call.held) {
        if (overlap(array, other)) {
          throw InputError("Output '" + text(port.name) + "' shares memory with another array of the call.");
        }
      }
      call.buffers[port.buffer] = static_cast<std::byte*>(array.mutable_data());
      call.held.push_back(std::move(array));
    }
  }

  void execute(Call& call, int64_t* times, const std::function<void()>& after = {}) {
    const auto host = [&](size_t segment) {
      const py::gil_scoped_acquire acquire;
      py::list views;
      for (size_t b = 0; b < call.buffers.size(); ++b) {
        views.append(py::memoryview::from_memory(static_cast<void*>(call.buffers[b]),
                                                 static_cast<py::ssize_t>(runner_.buffer_bytes()[b])));
      }
      host_(segment, views);
    };
    const GilRelease release;
    runner_.run(call.buffers.data(), host, times, after);
  }

  Runner runner_;
  std::vector<size_t> states_;  // their buffers
  std::vector<Port> inputs_, outputs_;
  std::vector<std::optional<py::array>> own_inputs_;
  py::object host_;
};

// A program that was bound at an earlier start. Twins are runners over one.
class PyImage {
 public:
  PyImage(const std::string& path, const std::string& key) {
    const GilRelease release;
    image_ = read_image(path, key);
    program_ = std::make_shared<const Program>(image_.steps, image_.lanes, image_.buffer_bytes);
    image_.steps.clear();
  }

  py::bytes note() const { return image_.note; }

  std::unique_ptr<PyRunner> runner(int lanes, const std::vector<py::tuple>& inputs,
                                   const std::vector<py::tuple>& outputs) const {
    return std::make_unique<PyRunner>(Segments{program_}, image_.buffer_bytes, image_.constants, lanes, inputs,
                                      outputs, py::none(), image_.states);
  }

 private:
  Image image_;
  std::shared_ptr<const Program> program_;
};

py::object error_class(const char* name) { return py::module_::import("edgerun.errors").attr(name); }

}  // namespace
}  // namespace edgerun

PYBIND11_MODULE(_engine, m, py::mod_gil_not_used()) {
  using namespace edgerun;
  m.doc() = "The engine: prepares and runs programs of steps.";

  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const InputError& error) {
      PyErr_SetString(error_class("InputError").ptr(), error.what());
    } catch (const Error& error) {
      PyErr_SetString(error_class("ModelError").ptr(), error.what());
    }
  });

  py::class_<Blob, std::shared_ptr<Blob>>(m, "Blob", "Constant bytes, aligned, shared by programs.")
      .def(py::init(&blob_of), py::arg("array"))
      .def_property_readonly("layout", &Blob::layout)
      .def("__len__", &Blob::size);

  py::class_<Program, std::shared_ptr<Program>>(m, "Program", "Prepared steps, shared by runners.")
      .def(py::init(&make_program), py::arg("steps"), py::arg("lanes"), py::arg("buffer_bytes"))
      .def("__len__", &Program::size)
      .def_property_readonly("scratch_bytes", &Program::scratch_bytes);

  py::class_<PyRunner>(m, "Runner", "One stream of inferences over programs.")
      .def(py::init(&PyRunner::over),
           py::arg("programs"), py::arg("buffer_bytes"), py::arg("constants"), py::arg("lanes"),
           py::arg("inputs"), py::arg("outputs"), py::arg("host"), py::arg("states") = py::dict())
      .def("reset", &PyRunner::reset)
      .def("run", &PyRunner::run, py::arg("feeds") = py::none())
      .def("run_into", &PyRunner::run_into, py::arg("feeds"), py::arg("results"))
      .def("profile", &PyRunner::profile, py::arg("feeds") = py::none())
      .def("trace", &PyRunner::trace, py::arg("feeds") = py::none())
      .def("input", &PyRunner::input, py::arg("name"));

  py::class_<PyImage>(m, "Image", "A program that was bound at an earlier start, mapped from a file.")
      .def(py::init<const std::string&, const std::string&>(), py::arg("path"), py::arg("key"))
      .def_property_readonly("note", &PyImage::note)
      .def("runner", &PyImage::runner, py::arg("lanes"), py::arg("inputs"), py::arg("outputs"));

  m.def("image_bytes", &image_bytes, py::arg("key"), py::arg("note"), py::arg("steps"), py::arg("lanes"),
        py::arg("buffer_bytes"), py::arg("constants"), py::arg("states"), "The file that Image reads.");
  m.def("checksum", [](const std::string& data) { return checksum(data); }, py::arg("data"),
        "64 bits that change with the data by accident, not by intent.");
  m.def("candidates", &candidates, py::arg("step"), py::arg("cap"),
        "(kernel, layout, storage of 8-bit inputs) of every kernel that can run the step, best first.");
  m.def("pack", &pack, py::arg("verb"), py::arg("kernel"), py::arg("weights"), py::arg("shape"),
        "Packed weights, or None when the kernel has no form for them.");
  m.def("isas", [] {
    std::vector<std::string> names;
    for (int i = 0; i < kIsaCount; ++i) {
      if (isa_detected(static_cast<Isa>(i))) names.emplace_back(isa_name(static_cast<Isa>(i)));
    }
    return names;
  }, "The instruction sets of this CPU, in ascending order.");
  m.def("amx_permitted", &amx_permitted, "Whether the system lets this process use AMX tiles.");
  m.def("kernels", [] {
    std::vector<py::tuple> list;
    for (const RegisteredKernel& k : registered_kernels()) {
      list.push_back(py::make_tuple(k.folder, k.info.name, isa_name(k.info.isa), isa_detected(k.info.isa)));
    }
    return list;
  }, "(folder, kernel, instruction set, whether this CPU has it) of every kernel.");
  m.attr("native_unsigned") = kNativeUnsigned;
}
