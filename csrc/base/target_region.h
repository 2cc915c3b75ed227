// Code for a better instruction set than the file's own flags:
//
//   #include <immintrin.h>            // every header before the region: an inline std function compiled
//   #include "base/target_region.h"   // inside it may be the copy the linker keeps for the old CPU too
//   EDGERUN_TARGET_REGION("avx2,fma")
//   namespace edgerun { namespace { ... } }
//   EDGERUN_TARGET_REGION_END
//
// One region per file, everything inside an unnamed namespace, so that no weak symbol is shared by two
// instruction sets. The names must be literals; g++ and clang know the same ones (a mistyped name is an
// error in g++, and -Werror=ignored-attributes makes it one in clang).
#pragma once

#define EDGERUN_PRAGMA_(x) _Pragma(#x)
#if defined(__clang__)
#define EDGERUN_TARGET_REGION(isa) \
  EDGERUN_PRAGMA_(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define EDGERUN_TARGET_REGION_END EDGERUN_PRAGMA_(clang attribute pop)
#else
#define EDGERUN_TARGET_REGION(isa) EDGERUN_PRAGMA_(GCC push_options) EDGERUN_PRAGMA_(GCC target(isa))
#define EDGERUN_TARGET_REGION_END EDGERUN_PRAGMA_(GCC pop_options)
#endif

#if defined(__x86_64__)
#define EDGERUN_X86 1
#else
#define EDGERUN_X86 0
#endif
#if defined(__aarch64__)
#define EDGERUN_ARM64 1
#else
#define EDGERUN_ARM64 0
#endif
