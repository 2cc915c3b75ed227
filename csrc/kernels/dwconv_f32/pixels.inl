// Depthwise convolution for any vector width. Included INSIDE a target region and an unnamed
// namespace, after a kernels/vec/float_*.inl and kernels/x86/unrolled.inl.
//
// A vector is kLanes channels of one pixel; up to kMaxPixels neighbouring outputs share each vector
// of weights. Packed: for each block of kLanes channels [taps][kLanes], zero beyond the last channel.

constexpr int kMaxPixels = 8;

size_t packed_floats(int taps, int channels) {
  return static_cast<size_t>((channels + kLanes - 1) / kLanes * kLanes) * static_cast<size_t>(taps);
}

void pack(const float* w, int taps, int channels, float* packed) {
  for (int c = 0; c < channels; c += kLanes) {
    for (int tap = 0; tap < taps; ++tap) {
      for (int lane = 0; lane < kLanes; ++lane) {
        *packed++ =
            c + lane < channels ? w[static_cast<ptrdiff_t>(tap) * channels + c + lane] : 0.0f;
      }
    }
  }
}

// One block of channels of one call.
struct Job {
  const DwconvF32Args& args;
  const float* weights;
  int channel;
  Mask mask;  // of the channels that count; looked at where the block is not whole
};

template <bool kWhole>
EDGERUN_INLINE Floats load_pixel(const float* p, const Job& job) {
  if constexpr (kWhole) return load(p);
  return load(p, job.mask);
}

// Output pixels i .. i + kPixels - 1.
template <int kPixels, bool kWhole>
EDGERUN_INLINE void pixels(const Job& job, int i) {
  const DwconvF32Args& args = job.args;
  const ptrdiff_t step = args.stride_w * args.pixel_stride;
  const ptrdiff_t tap_step = args.dilation_w * args.pixel_stride;
  Floats acc[kPixels];
  const Floats bias = load(args.bias + job.channel);
  unrolled<kPixels>([&](auto p) EDGERUN_LAMBDA { acc[p] = bias; });
  for (int r = 0; r < args.kernel_h; ++r) {
    if (args.rows[r] == nullptr) continue;
    const float* x = args.rows[r] + i * step + job.channel;
    const float* w = job.weights + (r * args.kernel_w + args.tap_begin) * kLanes;
    for (int t = args.tap_begin; t < args.tap_end; ++t, x += tap_step, w += kLanes) {
      const Floats y = load(w);
      unrolled<kPixels>([&](auto p) EDGERUN_LAMBDA {
        acc[p] = fused(load_pixel<kWhole>(x + p * step, job), y, acc[p]);
      });
    }
  }
  const Floats lo = broadcast(args.lo), hi = broadcast(args.hi);
  float* out = args.out + i * args.out_stride + job.channel;
  unrolled<kPixels>([&](auto p) EDGERUN_LAMBDA {
    const Floats y = clamp(acc[p], lo, hi);
    if constexpr (kWhole) {
      store(out + p * args.out_stride, y);
    } else {
      store(out + p * args.out_stride, y, job.mask);
    }
  });
}

template <bool kWhole>
void run_job(const Job& job) {
  int i = 0;
  const int count = job.args.count;
  for (; i + kMaxPixels <= count; i += kMaxPixels) pixels<kMaxPixels, kWhole>(job, i);
  if (i + 4 <= count) pixels<4, kWhole>(job, i), i += 4;
  if (i + 2 <= count) pixels<2, kWhole>(job, i), i += 2;
  if (i < count) pixels<1, kWhole>(job, i);
}

void run(const DwconvF32Args& args) {
  const ptrdiff_t taps = static_cast<ptrdiff_t>(args.kernel_h) * args.kernel_w;
  for (int c = 0; c < args.channels; c += kLanes) {
    const int channels = args.channels - c < kLanes ? args.channels - c : kLanes;
    const Job job{args, args.packed + c * taps, c, first(channels)};
    channels == kLanes ? run_job<true>(job) : run_job<false>(job);
  }
}
