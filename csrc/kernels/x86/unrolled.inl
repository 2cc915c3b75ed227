// Loops over registers. An array of vectors lives in registers only when all its indices are
// constants before the optimiser looks at arrays; a loop unrolled by a pragma comes too late for
// g++. So the index is a constant of the language: unrolled<3>([&](auto i) EDGERUN_LAMBDA { x[i] =
// ...; }).
//
// Include it INSIDE the unnamed namespace of a target region, after <type_traits> and <utility>.

#define EDGERUN_INLINE inline __attribute__((always_inline))
#define EDGERUN_LAMBDA __attribute__((always_inline))

template <class F, int... kIndex>
EDGERUN_INLINE void unrolled(F&& f, std::integer_sequence<int, kIndex...>) {
  (f(std::integral_constant<int, kIndex>()), ...);
}

template <int kCount, class F>
EDGERUN_INLINE void unrolled(F&& f) {
  unrolled(f, std::make_integer_sequence<int, kCount>());
}
