// <immintrin.h> without false alarms: GCC's AVX-512 headers make "undefined" vectors by reading a variable
// that nothing has set, and g++ 12 reports that under -Wall wherever one of them is inlined. Only what
// is written inside those headers is excused.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif
