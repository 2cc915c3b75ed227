// <immintrin.h> without GCC's false alarms: its AVX-512 functions start from a deliberately
// undefined register (`__m512i __Y = __Y`), which -Wall reports at every use with optimisation on.
// The warnings are switched off for the lines of that header alone.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
