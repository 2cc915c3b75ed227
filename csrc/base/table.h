// Elementary functions with the same bits on every machine, and the tables made of them.
//
// All are polynomials or sums of a fixed order in double after a range reduction, made of the four
// operations and bit patterns alone: no call to libm, whose answers differ between systems.
// Relative error below 1e-13, with infinities and NaN as in C. They assume round-to-nearest and no
// contraction into FMA. They are for tables, box coordinates and rare operators, not for inner loops.
#pragma once

#include <cstdint>

namespace edgerun {

double poly_exp(double x);
double poly_log(double x);
double poly_tanh(double x);
double poly_logistic(double x);  // 1 / (1 + exp(-x))
double poly_erf(double x);
// |x| <= 2^20; NaN beyond, where a quantised angle has no meaning any more.
double poly_sin(double x);
double poly_cos(double x);
// x to the power of y, with the special cases of C's pow.
double poly_pow(double x, double y);

// Softmax's exponent in fixed point: out[d] = round_half_even(exp(-d * beta_times_scale) * 2^22).
// Throws Error unless beta_times_scale is finite and not negative.
void build_softmax_table(double beta_times_scale, int32_t out[256]);

}  // namespace edgerun
