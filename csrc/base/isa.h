// The instruction sets kernels are written for, what this CPU has of them, and how activations are stored.
#pragma once

#include <cstdint>
#include <string>

#include "base/target_region.h"

namespace edgerun {

// In ascending order within a machine family; a cap admits itself and everything below it.
// kAvx2 means AVX2 + FMA + F16C + BMI2 (Haswell); kAvx512Vnni means F, BW, DQ, VL and VNNI;
// kAvxVnni is the 256-bit VEX form (Alder Lake-N); kAmx is AMX-INT8 on top of kAvx512Vnni.
enum class Isa : int {
  kGeneric,
  kSse41,
  kAvx2,
  kAvxVnni,
  kAvx512Vnni,
  kAmx,
  kNeon,
  kDotprod,
  kI8mm,
};
constexpr int kIsaCount = 9;

const char* isa_name(Isa isa);

// Parses a name of isa_name; throws Error when there is no such instruction set.
Isa isa_from_name(const std::string& name);

// True when this CPU, and its operating system, can run code of `isa`. For kAmx this says that the CPU has
// it; permission is asked for by amx_permitted().
bool isa_detected(Isa isa);

// The best cap of this machine: everything it has.
Isa isa_best();

// Asks the kernel, once per process, for the right to use AMX tiles. It may be refused (a thread with a
// small alternate signal stack); the answer does not change afterwards.
bool amx_permitted();

// How 8-bit activations are stored inside a program on this machine: x86 multiplies unsigned by signed
// bytes, ARM signed by signed. A value q of a model's int8 tensor is stored as q + 128 when unsigned.
constexpr bool kNativeUnsigned = EDGERUN_X86 != 0;

}  // namespace edgerun
