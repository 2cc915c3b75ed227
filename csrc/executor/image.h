// A program on disk: its steps as prepare() takes them, with the weights packed for this machine's kernels.
// A start from an image imports nothing, chooses nothing and packs nothing; it maps the file, so that
// processes share its pages, and prepares the steps with all their checks.
//
//   64 bytes   magic, version, zero, bytes of the file, bytes before the blobs, checksum of all after it
//   head       key, note, steps, lanes, sizes of buffers, constants and states, the table of blobs
//   blobs      each from a multiple of 64 bytes on, at least 64 bytes from the end of the one before
//
// Numbers are this machine's: an image is for the machine that wrote it, and its key says which that was.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/blob.h"
#include "executor/step.h"

namespace edgerun {

struct Image {
  std::string key;   // of all that decides the program; an image of another key is not read
  std::string note;  // what the writer wants to find again
  std::vector<StepSpec> steps;
  std::vector<int> lanes;                                       // of each step
  std::vector<int64_t> buffer_bytes;                            // of each buffer
  std::vector<std::shared_ptr<const Blob>> constants, states;  // by buffer, null where there is none
};

// 64 bits that tell a damaged text from a sound one; whoever wants to can make two texts that share them.
uint64_t checksum(const std::string& text);

std::string write_image(const Image& image);

// The image in a file, its blobs mapped. Throws Error for a file that cannot be read, that others than its
// owner may write, that another user owns, of another version or key, truncated or damaged.
Image read_image(const std::string& path, const std::string& key);

}  // namespace edgerun
