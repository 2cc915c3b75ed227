#include "base/isa.h"

#include "base/check.h"

#if EDGERUN_X86
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

namespace edgerun {
namespace {

constexpr const char* kNames[kIsaCount] = {"generic", "sse41", "avx2",    "avxvnni", "avx512vnni",
                                           "amx",     "neon",  "dotprod", "i8mm"};

constexpr uint32_t bit(Isa isa) { return 1u << static_cast<int>(isa); }

#if EDGERUN_X86
struct Leaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf cpuid(uint32_t leaf, uint32_t subleaf) {
  Leaf r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

constexpr bool has(uint32_t word, int position) { return (word >> position & 1) != 0; }

// cpuid and xgetbv by hand: __builtin_cpu_supports is always false in code that zig's clang built.
uint32_t detect() {
  uint32_t found = bit(Isa::kGeneric);
  const Leaf l1 = cpuid(1, 0);
  const Leaf l7 = cpuid(7, 0);
  const Leaf l7_1 = cpuid(7, 1);
  if (has(l1.ecx, 19) && has(l1.ecx, 9)) found |= bit(Isa::kSse41);
  uint64_t xcr0 = 0;
  if (has(l1.ecx, 27)) {
    uint32_t lo = 0, hi = 0;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    xcr0 = (static_cast<uint64_t>(hi) << 32) | lo;
  }
  const bool os_avx = (xcr0 & 0x6) == 0x6;
  const bool os_avx512 = (xcr0 & 0xe6) == 0xe6;
  const bool os_amx = (xcr0 & 0x60000) == 0x60000;
  const bool avx2 = os_avx && has(l7.ebx, 5) && has(l7.ebx, 8) && has(l1.ecx, 12) && has(l1.ecx, 29);
  const bool avx512 = avx2 && os_avx512 && has(l7.ebx, 16) && has(l7.ebx, 17) && has(l7.ebx, 30) &&
                      has(l7.ebx, 31) && has(l7.ecx, 11);
  if (avx2) found |= bit(Isa::kAvx2);
  if (avx2 && has(l7_1.eax, 4)) found |= bit(Isa::kAvxVnni);
  if (avx512) found |= bit(Isa::kAvx512Vnni);
  if (avx512 && os_amx && has(l7.edx, 24) && has(l7.edx, 25)) found |= bit(Isa::kAmx);
  return found;
}
#else
uint32_t detect() {
  uint32_t found = bit(Isa::kGeneric);
#if EDGERUN_ARM64
  found |= bit(Isa::kNeon);  // part of the base architecture
#if defined(__linux__)
  if ((getauxval(AT_HWCAP) >> 20 & 1) != 0) found |= bit(Isa::kDotprod);
  if ((getauxval(AT_HWCAP2) >> 13 & 1) != 0) found |= bit(Isa::kI8mm);
#endif
#endif
  return found;
}
#endif

uint32_t detected() {
  static const uint32_t mask = detect();
  return mask;
}

}  // namespace

const char* isa_name(Isa isa) { return kNames[static_cast<int>(isa)]; }

Isa isa_from_name(const std::string& name) {
  for (int i = 0; i < kIsaCount; ++i) {
    if (name == kNames[i]) return static_cast<Isa>(i);
  }
  throw Error("there is no instruction set called '" + name + "'");
}

bool isa_detected(Isa isa) { return (detected() & bit(isa)) != 0; }

Isa isa_best() {
  for (int i = kIsaCount - 1; i > 0; --i) {
    if (isa_detected(static_cast<Isa>(i))) return static_cast<Isa>(i);
  }
  return Isa::kGeneric;
}

bool amx_permitted() {
#if EDGERUN_X86
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // arch_prctl(2), ARCH_REQ_XCOMP_PERM
  static const bool permitted =
      isa_detected(Isa::kAmx) && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return permitted;
#else
  return false;
#endif
}

}  // namespace edgerun
