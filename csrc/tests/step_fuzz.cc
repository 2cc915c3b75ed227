// Changes the steps of sound models and runs what prepare() takes.
//
// The steps are in the file that EDGERUN_FUZZ_STEPS names, as tests/fuzz/steps.py writes them. Which step
// is changed and how is a row of choices. Two programs are made of this file, and both end at a finding,
// which is anything but an Error, after the step at work was printed:
//
//     step_fuzz COUNT [SEED]     draws the choices at random (any compiler)
//     guided_step_fuzz ...       libFuzzer draws them, so that new code is reached (EDGERUN_LIBFUZZER, Clang)
//
// Every buffer is exactly as large as its tensor says: the address sanitizer sees each byte too many.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <sstream>

#include "base/check.h"
#include "executor/program.h"
#include "tests/harness.h"

namespace edgerun {
namespace {

constexpr int64_t kLargestBuffer = 1 << 16;
constexpr unsigned kHangs = 10;  // seconds

// Choices from the bytes of an input while there are some, then pseudo-random ones.
class Choices {
 public:
  void restart(const uint8_t* data, size_t size) {
    data_ = data;
    end_ = data + size;
    uint32_t hash = 2166136261u;  // FNV-1a
    for (size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 16777619u;
    random_ = Random(uint64_t{hash} << 16 | 1);
  }
  uint32_t next() {
    if (end_ - data_ < 2) return random_.next();
    const uint32_t value = data_[0] | uint32_t{data_[1]} << 8;
    data_ += 2;
    return value;
  }
  uint32_t word() { return random_.next(); }  // what a buffer is filled with
  int between(int low, int high) {
    return low + static_cast<int>(next() % static_cast<uint32_t>(high - low + 1));
  }
  bool coin() { return (next() & 1) != 0; }

 private:
  const uint8_t *data_ = nullptr, *end_ = nullptr;
  Random random_;
};

Choices rng;

struct Tensor {
  int64_t bytes = 0;
  TensorRef ref;
};

struct Constant {
  bool packed = false;
  std::vector<int64_t> shape;  // of what is packed
  std::string content;
};

using Value = std::variant<int64_t, double, std::string, std::vector<int64_t>, Constant>;

struct Vector {
  std::string verb, kernel;
  std::vector<Tensor> inputs, outputs;
  std::map<std::string, Value> attributes;
};

// ---- reading ----

std::string unhex(const std::string& text) {
  std::string bytes;
  if (text == "-") return bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<int64_t> read_list(std::istream& line) {
  size_t count = 0;
  line >> count;
  std::vector<int64_t> values(count);
  for (int64_t& value : values) line >> value;
  return values;
}

Value read_value(const std::string& kind, std::istream& line) {
  std::string word;
  if (kind == "integers") return read_list(line);
  if (kind == "pack") {
    Constant constant{true, read_list(line), ""};
    line >> word;
    constant.content = unhex(word);
    return constant;
  }
  line >> word;
  if (kind == "integer") return int64_t{std::stoll(word)};
  if (kind == "real") return std::strtod(word.c_str(), nullptr);
  if (kind == "bytes") return Constant{false, {}, unhex(word)};
  return word;
}

std::vector<Vector> read_steps(const char* path) {
  std::ifstream file(path);
  std::vector<Vector> steps;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string kind, name;
    line >> kind;
    if (kind == "end") continue;
    if (kind == "step") {
      steps.emplace_back();
      line >> steps.back().verb >> steps.back().kernel;
    } else if (kind == "in" || kind == "out") {
      Tensor tensor;
      tensor.ref.buffer = 0;
      line >> tensor.bytes >> tensor.ref.offset >> tensor.ref.row_stride >> name;
      tensor.ref.dtype = dtype_from_name(name);
      tensor.ref.shape = read_list(line);
      (kind == "in" ? steps.back().inputs : steps.back().outputs).push_back(tensor);
    } else {
      line >> name;
      steps.back().attributes[name] = read_value(kind, line);
    }
  }
  return steps;
}

// ---- changing ----

template <class T>
T& one_of(std::vector<T>& items) {
  return items[static_cast<size_t>(rng.between(0, static_cast<int>(items.size()) - 1))];
}

int64_t changed(int64_t old) {
  static const std::vector<int64_t> kLimits = {
      0,   1,   2,     3,     4,     7,           8,           16,        127, 128,
      255, 256, 32767, 65535, 65536, 1 << 28,     INT32_MAX,   INT32_MIN, -1,  -2,
      -128, -129, -32768, int64_t{1} << 32, int64_t{1} << 40, int64_t{1} << 62, INT64_MAX, INT64_MIN};
  switch (rng.between(0, 4)) {
    case 0: return old == INT64_MAX ? 0 : old + 1;
    case 1: return old == INT64_MIN ? 0 : old - 1;
    case 2: return rng.between(0, 9);
    case 3: return old > INT32_MAX || old < INT32_MIN ? 0 : old * 2;
    default: return kLimits[static_cast<size_t>(rng.between(0, static_cast<int>(kLimits.size()) - 1))];
  }
}

double changed(double old) {
  constexpr double kReals[] = {0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-38, 3e38, 1e300, 1e-300, 1e8, -1e8};
  switch (rng.between(0, 9)) {
    case 0: return std::numeric_limits<double>::quiet_NaN();
    case 1: return std::numeric_limits<double>::infinity();
    case 2: return -std::numeric_limits<double>::infinity();
    case 3: return old * 2;
    case 4: return -old;
    default: return kReals[rng.between(0, 11)];
  }
}

void change_list(std::vector<int64_t>& values) {
  const int kind = rng.between(0, 7);
  if (kind == 0) {
    values.push_back(rng.between(0, 3));
  } else if (!values.empty() && kind == 1) {
    values.pop_back();
  } else if (values.size() > 1 && kind == 2) {
    std::swap(one_of(values), one_of(values));
  } else if (!values.empty()) {
    int64_t& value = one_of(values);
    value = changed(value);
  }
}

void change_content(std::string& content) {
  if (rng.between(0, 3) == 0) {
    content.resize(static_cast<size_t>(rng.between(0, static_cast<int>(content.size()) + 8)));
    return;
  }
  for (int i = rng.between(1, 4); i > 0 && !content.empty(); --i) {
    const int size = 1 << rng.between(0, 3);
    const auto at = static_cast<size_t>(rng.between(0, static_cast<int>(content.size()) - 1)) &
                    ~static_cast<size_t>(size - 1);
    const int64_t value = changed(int64_t{rng.between(-3, 300)});
    std::memcpy(&content[at], &value, std::min(static_cast<size_t>(size), content.size() - at));
  }
}

bool sound(const TensorRef& ref) {
  try {
    check_shape(ref);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void change_tensor(Tensor& tensor) {
  constexpr DType kTypes[] = {DType::kU8,  DType::kS8,  DType::kU16, DType::kS16, DType::kU32, DType::kS32, DType::kU64,
                              DType::kS64, DType::kF16, DType::kF32, DType::kF64, DType::kC64, DType::kBool};
  TensorRef& ref = tensor.ref;
  switch (rng.between(0, 9)) {
    case 0: ref.dtype = kTypes[rng.between(0, 12)]; break;
    case 1: ref.offset = changed(ref.offset); break;
    case 2: ref.row_stride = changed(ref.row_stride); break;
    case 3: tensor.bytes = std::max(0, rng.between(-1, 4096)); return;
    default: change_list(ref.shape);
  }
  // Mostly a place that is sound, so that the verb's own checks are reached.
  if (rng.between(0, 9) == 0) return;
  ref.offset = 0;
  int64_t row = size_of(ref.dtype), bytes = row;
  if (!ref.shape.empty()) row *= std::min(std::max<int64_t>(ref.shape.back(), 0), kLargestBuffer);
  for (const int64_t d : ref.shape) bytes *= std::min(std::max<int64_t>(d, 0), kLargestBuffer + 1);
  if (!sound(ref) || bytes > kLargestBuffer) return;
  ref.row_stride = row + size_of(ref.dtype) * (rng.between(0, 3) == 0 ? rng.between(0, 5) : 0);
  tensor.bytes = std::max<int64_t>(ref.end(), 0);
}

// A size becomes another one in every tensor that has it.
void change_size(Vector& step) {
  std::vector<int64_t> sizes;
  for (auto* tensors : {&step.inputs, &step.outputs})
    for (const Tensor& t : *tensors) sizes.insert(sizes.end(), t.ref.shape.begin(), t.ref.shape.end());
  if (sizes.empty()) return;
  const int64_t old = one_of(sizes), now = rng.between(0, 20);
  for (auto* tensors : {&step.inputs, &step.outputs}) {
    for (Tensor& t : *tensors) {
      bool found = false;
      for (int64_t& d : t.ref.shape) {
        found |= d == old;
        if (d == old) d = now;
      }
      if (!found || !sound(t.ref) || t.ref.elements() > kLargestBuffer) continue;
      t.ref.offset = 0;
      t.ref.row_stride = t.ref.row_bytes();
      t.bytes = t.ref.end();
    }
  }
}

void change(Vector& step, const std::vector<Vector>& all) {
  const auto tensors = [&]() -> std::vector<Tensor>& { return rng.coin() ? step.inputs : step.outputs; };
  const int kind = rng.between(0, 19);
  if (kind == 0) {
    step.kernel = all[static_cast<size_t>(rng.next()) % all.size()].kernel;
  } else if (kind == 1) {
    std::vector<Tensor>& list = tensors();
    if (rng.coin() && !list.empty())
      list.pop_back();
    else if (!list.empty())
      list.push_back(one_of(list));
  } else if (kind <= 6) {
    std::vector<Tensor>& list = tensors();
    if (!list.empty()) change_tensor(one_of(list));
  } else if (kind <= 9) {
    change_size(step);
  } else if (!step.attributes.empty()) {
    auto it = step.attributes.begin();
    std::advance(it, rng.between(0, static_cast<int>(step.attributes.size()) - 1));
    Value& value = it->second;
    if (rng.between(0, 99) == 0) {
      step.attributes.erase(it);
    } else if (auto* integer = std::get_if<int64_t>(&value)) {
      *integer = changed(*integer);
    } else if (auto* real = std::get_if<double>(&value)) {
      *real = changed(*real);
    } else if (auto* list = std::get_if<std::vector<int64_t>>(&value)) {
      change_list(*list);
    } else if (auto* constant = std::get_if<Constant>(&value)) {
      if (constant->packed && rng.coin())
        change_list(constant->shape);
      else
        change_content(constant->content);
    } else if (const auto* other = &all[static_cast<size_t>(rng.next()) % all.size()]; true) {
      const auto same = other->attributes.find(it->first);  // a text that another step has
      if (same != other->attributes.end()) value = same->second;
    }
  }
}

// ---- running ----

Vector at_work;  // for the message of a crash

void print_list(const char* name, const std::vector<int64_t>& values) {
  std::fprintf(stderr, "  %s [", name);
  for (const int64_t v : values) std::fprintf(stderr, " %lld", static_cast<long long>(v));
  std::fprintf(stderr, " ]\n");
}

void print(const Vector& step) {
  std::fprintf(stderr, "step %s/%s\n", step.verb.c_str(), step.kernel.c_str());
  for (auto* tensors : {&step.inputs, &step.outputs}) {
    for (const Tensor& t : *tensors) {
      std::fprintf(stderr, " %s %lld bytes at %lld, rows %lld apart, dtype %d",
                   tensors == &step.inputs ? "in" : "out", static_cast<long long>(t.bytes),
                   static_cast<long long>(t.ref.offset), static_cast<long long>(t.ref.row_stride),
                   static_cast<int>(t.ref.dtype));
      print_list("", t.ref.shape);
    }
  }
  for (const auto& [name, value] : step.attributes) {
    if (const auto* integer = std::get_if<int64_t>(&value))
      std::fprintf(stderr, "  %s %lld\n", name.c_str(), static_cast<long long>(*integer));
    else if (const auto* real = std::get_if<double>(&value))
      std::fprintf(stderr, "  %s %g\n", name.c_str(), *real);
    else if (const auto* text = std::get_if<std::string>(&value))
      std::fprintf(stderr, "  %s %s\n", name.c_str(), text->c_str());
    else if (const auto* list = std::get_if<std::vector<int64_t>>(&value))
      print_list(name.c_str(), *list);
    else
      std::fprintf(stderr, "  %s %zu bytes\n", name.c_str(), std::get<Constant>(value).content.size());
  }
}

void on_signal(int) {
  print(at_work);
  _exit(3);
}

std::shared_ptr<const Blob> made(const Vector& step, const Constant& constant) {
  auto blob = std::make_shared<Blob>(constant.content.size());
  if (!constant.content.empty())
    std::memcpy(blob->data<char>(), constant.content.data(), constant.content.size());
  if (!constant.packed) return blob;
  const auto pack = verb_by_name(step.verb).pack;
  check(pack != nullptr, "nothing to pack");
  auto packed = pack(step.kernel, *blob, constant.shape);
  check(packed != nullptr, "no pack");
  return packed;
}

void fill(std::vector<std::unique_ptr<std::byte[]>>& buffers, const std::vector<int64_t>& sizes) {
  for (size_t b = 0; b < sizes.size(); ++b) {
    const auto size = static_cast<size_t>(sizes[b]);
    buffers.emplace_back(new std::byte[size]);
    const int kind = rng.between(0, 3);
    for (size_t i = 0; i < size; i += 4) {
      uint32_t word = rng.word();
      if (kind == 0) word &= 3;  // indices
      if (kind == 1) {
        const float real = static_cast<float>(static_cast<int32_t>(word)) * 1e-9f;
        std::memcpy(&word, &real, 4);
      }
      if (kind == 2) word = (word & 1) != 0 ? 0xffffffffu : 0x80808080u;
      std::memcpy(buffers[b].get() + i, &word, std::min<size_t>(4, size - i));
    }
  }
}

// Whether prepare() takes the step; then it is run.
bool attempt(const Vector& step) {
  StepSpec spec{step.verb, step.kernel, {}, {}, {}};
  std::vector<int64_t> sizes;
  for (auto* tensors : {&step.inputs, &step.outputs}) {
    for (const Tensor& tensor : *tensors) {
      auto& refs = tensors == &step.inputs ? spec.inputs : spec.outputs;
      refs.push_back(tensor.ref);
      refs.back().buffer = static_cast<int>(sizes.size());
      sizes.push_back(tensor.bytes);
    }
  }
  try {
    for (const auto& [name, value] : step.attributes) {
      std::visit(
          [&, &key = name](const auto& v) {
            if constexpr (std::is_same_v<std::decay_t<decltype(v)>, Constant>)
              spec.attributes.set(key, made(step, v));
            else
              spec.attributes.set(key, v);
          },
          value);
    }
    for (const auto& refs : {spec.inputs, spec.outputs})
      for (const TensorRef& ref : refs) check_shape(ref);
    if (rng.between(0, 7) == 0) verb_by_name(spec.verb).candidates(spec, Isa::kGeneric);
    const Program program({spec}, {1}, sizes);
    if (program.scratch_bytes() > int64_t{1} << 24) return false;
    std::vector<std::unique_ptr<std::byte[]>> buffers;
    fill(buffers, sizes);
    std::vector<std::byte*> pointers;
    for (const auto& buffer : buffers) pointers.push_back(buffer.get());
    const Blob scratch(static_cast<size_t>(program.scratch_bytes()));
    program.run(pointers.data(), const_cast<std::byte*>(scratch.data<std::byte>()), 1, nullptr);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// ---- the steps of the file ----

struct Corpus {
  std::vector<Vector> all;
  std::vector<std::vector<const Vector*>> by_verb;  // each verb is as likely as another
  std::map<std::string, long> tried, ran;

  Corpus() {
    const char* path = std::getenv("EDGERUN_FUZZ_STEPS");
    if (path != nullptr) all = read_steps(path);
    if (all.empty()) {
      std::fprintf(stderr, "EDGERUN_FUZZ_STEPS must name a file of steps.\n");
      _exit(2);
    }
    std::map<std::string, std::vector<const Vector*>> groups;
    for (const Vector& step : all) groups[step.verb].push_back(&step);
    for (auto& [verb, steps] : groups) by_verb.push_back(std::move(steps));
    for (const Vector& step : all) {
      at_work = step;
      if (attempt(step)) continue;
      std::fprintf(stderr, "This step is refused as it was written:\n");
      print(step);
      _exit(1);
    }
  }

  void try_one() {
    const auto& steps = by_verb[static_cast<size_t>(rng.next()) % by_verb.size()];
    at_work = *steps[static_cast<size_t>(rng.next()) % steps.size()];
    for (int k = rng.between(1, 3); k > 0; --k) change(at_work, all);
    const std::string verb = at_work.verb;
    ++tried[verb];
    if (attempt(at_work)) ++ran[verb];
  }

  void report() {
    long count = 0, taken = 0;
    for (const auto& [verb, times] : tried) count += times;
    for (const auto& [verb, times] : ran) taken += times;
    std::printf("%ld vectors of %zu steps, %ld ran\n", count, all.size(), taken);
    for (const auto& [verb, times] : tried)
      std::printf("  %-24s %9ld tried %9ld ran\n", verb.c_str(), times, ran[verb]);
    std::fflush(stdout);
  }
};

Corpus& corpus() {
  static auto* const steps = new Corpus;  // lives until the last report
  return *steps;
}

}  // namespace
}  // namespace edgerun

#ifdef EDGERUN_LIBFUZZER

extern "C" void __sanitizer_set_death_callback(void (*callback)());
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  edgerun::corpus();
  __sanitizer_set_death_callback([] { edgerun::print(edgerun::at_work); });
  std::atexit([] { edgerun::corpus().report(); });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  edgerun::rng.restart(data, size);
  edgerun::corpus().try_one();
  return 0;
}

#else

int main(int argc, char** argv) {
  using namespace edgerun;
  if (argc < 2) return 2;
  for (const int signal : {SIGABRT, SIGALRM, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, on_signal);
  Corpus& steps = corpus();
  if (argc > 2)
    for (long i = std::atol(argv[2]) * 1000; i > 0; --i) rng.next();
  const long count = std::atol(argv[1]);
  for (long i = 0; i < count; ++i) {
    if (i % 1000 == 0) alarm(kHangs);
    steps.try_one();
  }
  steps.report();
  return 0;
}

#endif
