#include "executor/image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <type_traits>

#include "base/check.h"

namespace edgerun {
namespace {

constexpr char kMagic[8] = {'E', 'D', 'G', 'E', 'I', 'M', 'G', 0};
constexpr uint32_t kVersion = 1;
constexpr size_t kAlign = Blob::kAlignment;
constexpr uint32_t kNone = 0xffffffff;

struct Start {
  char magic[8];
  uint32_t version, zero;
  uint64_t file_bytes, head_bytes, checksum;
  char padding[24];
};
static_assert(sizeof(Start) == kAlign);

size_t round_up(size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }

// Finds damage, not forgery: four lanes of multiply and rotate over 64-bit words (as in FNV-1a, whose lowest
// bits a plain multiplication would leave alone). `size` is a multiple of 64.
uint64_t checksum(const std::byte* data, size_t size) {
  constexpr uint64_t kPrime = 0x9e3779b97f4a7c15u;
  uint64_t lanes[4] = {1, 2, 3, 4};
  for (size_t at = 0; at < size; at += 32) {
    for (size_t lane = 0; lane < 4; ++lane) {
      uint64_t word;
      std::memcpy(&word, data + at + 8 * lane, 8);
      const uint64_t mixed = (lanes[lane] ^ word) * kPrime;
      lanes[lane] = mixed << 29 | mixed >> 35;
    }
  }
  uint64_t sum = size;
  for (const uint64_t lane : lanes) sum = ((sum ^ lane) * kPrime) ^ (sum >> 31);
  return sum;
}

class Writer {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value) {
    number(static_cast<uint64_t>(value.size()));
    bytes_ += value;
  }
  void integers(const std::vector<int64_t>& values) {
    number(static_cast<uint64_t>(values.size()));
    for (const int64_t value : values) number(value);
  }
  // Its index in the table of blobs, where each stands once.
  void blob(const std::shared_ptr<const Blob>& blob) {
    if (blob == nullptr) return number(kNone);
    const auto [found, is_new] = index_.emplace(blob.get(), static_cast<uint32_t>(blobs_.size()));
    if (is_new) blobs_.push_back(blob.get());
    number(found->second);
  }
  void blobs(const std::vector<std::shared_ptr<const Blob>>& list) {
    number(static_cast<uint64_t>(list.size()));
    for (const auto& one : list) blob(one);
  }
  void ref(const TensorRef& ref) {
    number(static_cast<int32_t>(ref.buffer));
    number(ref.offset);
    number(ref.row_stride);
    integers(ref.shape);
    number(static_cast<int32_t>(ref.dtype));
  }
  void step(const StepSpec& step) {
    text(step.verb);
    text(step.kernel);
    for (const auto* refs : {&step.inputs, &step.outputs}) {
      number(static_cast<uint64_t>(refs->size()));
      for (const TensorRef& one : *refs) ref(one);
    }
    number(static_cast<uint64_t>(step.attributes.all().size()));
    for (const auto& [name, value] : step.attributes.all()) {
      text(name);
      number(static_cast<uint32_t>(value.index()));
      std::visit(
          [this](const auto& held) {
            using T = std::decay_t<decltype(held)>;
            if constexpr (std::is_arithmetic_v<T>) number(held);
            else if constexpr (std::is_same_v<T, std::string>) text(held);
            else if constexpr (std::is_same_v<T, std::vector<int64_t>>) integers(held);
            else blob(held);
          },
          value);
    }
  }
  // The file: start, head, blobs.
  std::string finish() {
    number(static_cast<uint64_t>(blobs_.size()));
    size_t table = 0;  // its bytes come after those of the head so far
    for (const Blob* one : blobs_) table += 8 + 8 + 8 + one->layout().size();
    size_t at = round_up(kAlign + bytes_.size() + table);
    const size_t head_bytes = at - kAlign;
    std::vector<size_t> places;
    for (const Blob* one : blobs_) {
      places.push_back(at);
      number(static_cast<uint64_t>(at));
      number(static_cast<uint64_t>(one->size()));
      text(one->layout());
      at = round_up(at + one->size() + kAlign);
    }
    std::string file(at, '\0');
    std::memcpy(file.data() + kAlign, bytes_.data(), bytes_.size());
    for (size_t i = 0; i < blobs_.size(); ++i) {
      std::memcpy(file.data() + places[i], blobs_[i]->data<std::byte>(), blobs_[i]->size());
    }
    Start start = {};
    std::memcpy(start.magic, kMagic, sizeof kMagic);
    start.version = kVersion;
    start.file_bytes = file.size();
    start.head_bytes = head_bytes;
    start.checksum = checksum(reinterpret_cast<const std::byte*>(file.data()) + kAlign, file.size() - kAlign);
    std::memcpy(file.data(), &start, sizeof start);
    return file;
  }

 private:
  std::string bytes_;
  std::map<const Blob*, uint32_t> index_;
  std::vector<const Blob*> blobs_;
};

// A file of this user's alone, mapped to read.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    check(file >= 0, path + ": the image cannot be opened");
    struct stat status;
    const bool known = fstat(file, &status) == 0;
    const bool mine = known && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
                      (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    size_ = known ? static_cast<size_t>(status.st_size) : 0;
    void* mapped = MAP_FAILED;
    int flags = MAP_PRIVATE;
#ifdef MAP_POPULATE
    flags |= MAP_POPULATE;
#endif
    if (mine && size_ >= kAlign) mapped = mmap(nullptr, size_, PROT_READ, flags, file, 0);
    close(file);
    check(mine, path + ": the image is not this user's alone");
    check(mapped != MAP_FAILED, path + ": the image cannot be mapped");
    data_ = static_cast<const std::byte*>(mapped);
  }
  ~MappedFile() { munmap(const_cast<std::byte*>(data_), size_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const std::byte* data_;
  size_t size_;
};

class Reader {
 public:
  Reader(std::shared_ptr<const MappedFile> file, size_t end) : file_(std::move(file)), at_(kAlign), end_(end) {}

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  // A number of entries of which each has at least `bytes`.
  size_t count(size_t bytes) {
    const auto value = number<uint64_t>();
    check(value <= (end_ - at_) / bytes, "the image ends within a list");
    return static_cast<size_t>(value);
  }
  std::string text() {
    const size_t size = count(1);
    return std::string(reinterpret_cast<const char*>(take(size)), size);
  }
  std::vector<int64_t> integers() {
    std::vector<int64_t> values(count(sizeof(int64_t)));
    for (int64_t& value : values) value = number<int64_t>();
    return values;
  }
  TensorRef ref() {
    TensorRef ref;
    ref.buffer = number<int32_t>();
    ref.offset = number<int64_t>();
    ref.row_stride = number<int64_t>();
    ref.shape = integers();
    const auto dtype = number<int32_t>();
    check(dtype >= 0 && dtype <= static_cast<int32_t>(DType::kBool), "an element type of the image is none");
    ref.dtype = static_cast<DType>(dtype);
    return ref;
  }
  // Blobs are known by their index until the table was read.
  void step(StepSpec& step, std::vector<std::pair<std::string, uint32_t>>& blobs) {
    step.verb = text();
    step.kernel = text();
    for (auto* refs : {&step.inputs, &step.outputs}) {
      const size_t size = count(1);
      for (size_t i = 0; i < size; ++i) refs->push_back(ref());
    }
    const size_t size = count(1);
    for (size_t i = 0; i < size; ++i) {
      const std::string name = text();
      switch (number<uint32_t>()) {
        case 0: step.attributes.set(name, number<int64_t>()); break;
        case 1: step.attributes.set(name, number<double>()); break;
        case 2: step.attributes.set(name, text()); break;
        case 3: step.attributes.set(name, integers()); break;
        case 4: blobs.emplace_back(name, number<uint32_t>()); break;
        default: throw Error("an attribute of the image has no known kind");
      }
    }
  }
  std::vector<uint32_t> indices() {
    std::vector<uint32_t> list(count(sizeof(uint32_t)));
    for (uint32_t& index : list) index = number<uint32_t>();
    return list;
  }
  std::vector<std::shared_ptr<const Blob>> table() {
    std::vector<std::shared_ptr<const Blob>> blobs(count(24));
    for (auto& blob : blobs) {
      const auto place = number<uint64_t>(), size = number<uint64_t>();
      const std::string layout = text();
      check(place % kAlign == 0 && place >= end_ && place < file_->size() && size < file_->size() &&
                place + size + kAlign <= file_->size(),
            "a constant of the image lies outside");
      auto view = std::make_shared<Blob>(file_, file_->data() + place, size);
      view->set_layout(layout);
      blob = std::move(view);
    }
    return blobs;
  }

 private:
  const std::byte* take(size_t size) {
    check(size <= end_ - at_, "the image ends within an entry");
    at_ += size;
    return file_->data() + at_ - size;
  }

  std::shared_ptr<const MappedFile> file_;
  size_t at_, end_;
};

}  // namespace

uint64_t checksum(const std::string& text) {
  std::string padded = text;
  padded.resize(round_up(text.size() + 1), '\0');
  return checksum(reinterpret_cast<const std::byte*>(padded.data()), padded.size()) ^ text.size();
}

std::string write_image(const Image& image) {
  Writer writer;
  writer.text(image.key);
  writer.text(image.note);
  writer.number(static_cast<uint64_t>(image.steps.size()));
  for (size_t i = 0; i < image.steps.size(); ++i) {
    writer.step(image.steps[i]);
    writer.number(static_cast<int32_t>(image.lanes.at(i)));
  }
  writer.integers(image.buffer_bytes);
  writer.blobs(image.constants);
  writer.blobs(image.states);
  return writer.finish();
}

Image read_image(const std::string& path, const std::string& key) {
  const auto file = std::make_shared<const MappedFile>(path);
  Start start;
  std::memcpy(&start, file->data(), sizeof start);
  check(std::memcmp(start.magic, kMagic, sizeof kMagic) == 0 && start.version == kVersion &&
            start.zero == 0,
        path + ": no image of this version");
  check(start.file_bytes == file->size() && file->size() % kAlign == 0 &&
            start.head_bytes <= file->size() - kAlign,
        path + ": the image is truncated");
  check(checksum(file->data() + kAlign, file->size() - kAlign) == start.checksum, path + ": the image is damaged");
  Reader reader(file, kAlign + static_cast<size_t>(start.head_bytes));
  Image image;
  image.key = reader.text();
  check(image.key == key, path + ": the image is of another model or machine");
  image.note = reader.text();
  image.steps.resize(reader.count(1));
  std::vector<std::vector<std::pair<std::string, uint32_t>>> held(image.steps.size());
  for (size_t i = 0; i < image.steps.size(); ++i) {
    reader.step(image.steps[i], held[i]);
    image.lanes.push_back(reader.number<int32_t>());
  }
  image.buffer_bytes = reader.integers();
  const std::vector<uint32_t> constants = reader.indices(), states = reader.indices();
  const auto blobs = reader.table();
  const auto at = [&](uint32_t index) {
    check(index < blobs.size(), path + ": a constant of the image is missing");
    return blobs[index];
  };
  for (size_t i = 0; i < held.size(); ++i) {
    for (const auto& [name, index] : held[i]) image.steps[i].attributes.set(name, at(index));
  }
  for (const uint32_t index : constants) image.constants.push_back(index == kNone ? nullptr : at(index));
  for (const uint32_t index : states) image.states.push_back(index == kNone ? nullptr : at(index));
  return image;
}

}  // namespace edgerun
