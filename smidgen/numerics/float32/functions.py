"""exp, log, tanh, sin and the functions made of them, without a library function. Twin of kernels/functions_f32.h.

Coefficients are minimax fits by Remez exchange, rounded to float32; with each stands the error of the fit alone.
The worst errors of the results against float64, relative or absolute, whichever is smaller, are: exp 8.0e-8,
tanh 7.4e-8, sigmoid 8.9e-8, silu 1.5e-7, softplus 1.6e-7, gelu 1.3e-7, gelu_tanh 1.6e-7. The tests sweep all for 2e-7.
"""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.float32.arithmetic import Floats, float32_only

# Beyond these exp is 0 or infinity anyway; between them 2**n below stays in range.
_EXP_LOW, _EXP_HIGH = np.float32(-104.0), np.float32(89.0)
_LOG2_E = np.float32(1.44269504)
# ln 2 in two parts: n * _LN2_HIGH is exact for every n that occurs.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# 1.5 * 2**23: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
_ROUNDER = np.float32(12582912.0)
_ROUNDER_BITS = 0x4B400000
# (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2; 3.1e-9 of e^r
_EXP = (1.38145487e-3, 8.36874545e-3, 4.1668389e-2, 1.66665211e-1, 4.9999994e-1)
# (2 atanh(s) - 2 s) / s^3 in s^2 <= 1/9; 4.6e-9 of 2 s
_LOG1P = (2.80251563e-1, 2.79990107e-1, 4.00217056e-1, 6.66664124e-1)
# (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2 <= (pi / 4)^2; 5e-9 and 3e-8 of the results
_SIN = (-1.95152959e-4, 8.33216087e-3, -1.66666546e-1)
_COS = (2.44331571e-5, -1.38873162e-3, 4.16666456e-2)
# pi / 2 in four parts, the first three with few bits so that their products with n are exact
_HALF_PI = tuple(np.float32(part) for part in (1.5703125, 4.83751297e-4, 7.54953362e-8, 2.56334407e-12))
_TWO_OVER_PI = np.float32(0.636619772)
# (erf(x) - 2 x / sqrt(pi)) / x^3 in x^2 <= 1/4, by Taylor; 2e-9 of erf(x)
_ERF = (1.20553329e-4, -8.54832727e-4, 5.22397762e-3, -2.68661706e-2, 1.12837917e-1, -3.76126389e-1)
_TWO_OVER_ROOT_PI, _ROOT_2 = np.float32(1.12837917), np.float32(1.41421356)
# (tanh(x) - x) / x^3 in x^2 <= 0.625^2; 4.4e-9 of tanh(x)
_TANH = (-5.70497988e-3, 2.06390806e-2, -5.37397116e-2, 1.33314416e-1, -3.33332807e-1)
_TANH_SMALL = np.float32(0.625)
# tail(x) e^(x^2 / 2) / t in t = 1 / (1 + 0.32 x) for x <= 6; 1e-9 / max(x, 1) of tail(x), absolute
_TAIL = (4.63056192e-2, -2.4344781e-1, 4.13665622e-1, -1.71962023e-1, 2.21815363e-1, 1.03693135e-1, 1.29930109e-1)
_TAIL_RATE = np.float32(0.32)
_ROOT_8_OVER_PI = np.float32(1.59576912)
_GELU_CUBIC = np.float32(0.044715)
_HALF_LN2 = np.float32(0.34657359)
_ROOT_HALF_BITS = 0x3F3504F3  # sqrt(1/2)
_ROOT_HALF_LESS_1, _ROOT_2_LESS_1 = np.float32(-0.29289321), np.float32(0.41421356)
_SMALLEST_NORMAL, _LARGEST = np.float32(1.17549435e-38), np.float32(3.40282347e38)
_TWO_23 = np.float32(8388608.0)
_ONE, _TWO, _HALF, _ZERO = np.float32(1.0), np.float32(2.0), np.float32(0.5), np.float32(0.0)


@float32_only
def exp(x: Floats) -> Floats:
    """Return e**x, correct to 1 unit in the last place; subnormal, 0 and infinity where that is the result.

    x = n ln 2 + r with |r| <= ln(2) / 2; e**r by a polynomial; times 2**n in two factors, so that only the last
    product can round.
    """
    x = np.clip(x, _EXP_LOW, _EXP_HIGH)
    rounded = x * _LOG2_E + _ROUNDER
    n = rounded - _ROUNDER
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    power: Floats = (_polynomial(_EXP, r) * (r * r) + r) + _ONE
    biased = rounded.view(np.uint32) - np.uint32(_ROUNDER_BITS - 254)  # n + 2 * 127
    first = biased >> np.uint32(1)
    return (power * _power_of_two(first)) * _power_of_two(biased - first)


@float32_only
def expm1(x: Floats) -> Floats:
    """Return e**x - 1; where exp takes out no power of two, its polynomial keeps the precision of small results."""
    near: Floats = _polynomial(_EXP, x) * (x * x) + x
    return np.where(np.abs(x) < _HALF_LN2, near, exp(x) - _ONE)


@float32_only
def log1p_near(x: Floats) -> Floats:
    """Return ln(1 + x) = 2 atanh(x / (2 + x)) for x in [sqrt(1/2) - 1, 1]."""
    s = x * (_ONE / (x + _TWO))
    z = s * s
    y: Floats = (s + s) + (s * z) * _polynomial(_LOG1P, z)
    return y


@float32_only
def log(x: Floats) -> Floats:
    """Return ln(x) = e ln 2 + ln(m), m in [sqrt(1/2), sqrt(2)); -infinity at 0 and NaN below."""
    small = x < _SMALLEST_NORMAL
    normal = np.where(small, x * _TWO_23, x)
    raised = normal.view(np.uint32) + np.uint32(0x3F800000 - _ROOT_HALF_BITS)
    mantissa = ((raised & np.uint32(0x007FFFFF)) + np.uint32(_ROOT_HALF_BITS)).view(np.float32)
    exponent = (np.uint32(_ROUNDER_BITS) + (raised >> np.uint32(23))).view(np.float32) - (_ROUNDER + np.float32(127.0))
    exponent = exponent - np.where(small, np.float32(23.0), _ZERO)
    value = log1p_near(mantissa - _ONE) + exponent * _LN2_LOW
    value = value + exponent * _LN2_HIGH
    at_the_ends = np.where(x == _ZERO, np.float32(-np.inf), np.float32(np.nan))
    return np.where(x > _LARGEST, x, np.where(x > _ZERO, value, at_the_ends))


@float32_only
def log1p(x: Floats) -> Floats:
    """Return ln(1 + x) for every x above -1."""
    near = (x > _ROOT_HALF_LESS_1) & (x < _ROOT_2_LESS_1)
    return np.where(near, log1p_near(np.where(near, x, _ZERO)), log(x + _ONE))


@float32_only
def round(x: Floats) -> Floats:
    """Return the nearest whole number, halves to even; from 2**23 on every float is whole."""
    magnitude = np.abs(x)
    whole = (magnitude + _TWO_23) - _TWO_23
    return np.where(magnitude < _TWO_23, np.where(x < _ZERO, -whole, whole), x)


@float32_only
def floor(x: Floats) -> Floats:
    """Return the largest whole number not above x."""
    whole: Floats = round(x)
    return np.where(whole > x, whole - _ONE, whole)


@float32_only
def trunc(x: Floats) -> Floats:
    """Return x without its fraction."""
    return np.where(x < _ZERO, -floor(-x), floor(x))


@float32_only
def sin(x: Floats) -> Floats:
    """Return sin(x), within 2e-7 for |x| <= 8192."""
    return _sine(x, 0)


@float32_only
def cos(x: Floats) -> Floats:
    """Return cos(x), within 2e-7 for |x| <= 8192."""
    return _sine(x, 1)


def _sine(x: Floats, quarter_turns: int) -> Floats:
    """Return sin(x + quarter_turns pi / 2): x = n pi / 2 + r in four parts, then a polynomial in r by the quadrant."""
    rounded = x * _TWO_OVER_PI + _ROUNDER
    n = rounded - _ROUNDER
    r = ((x - n * _HALF_PI[0]) - n * _HALF_PI[1]) - n * _HALF_PI[2]
    r = r - n * _HALF_PI[3]
    quadrant = (rounded.view(np.uint32) + np.uint32(quarter_turns)) & np.uint32(3)
    z = r * r
    sine = r + (r * z) * _polynomial(_SIN, z)
    cosine = (_ONE - z * _HALF) + (z * z) * _polynomial(_COS, z)
    value: Floats = np.where((quadrant & np.uint32(1)) != 0, cosine, sine)
    return np.where((quadrant & np.uint32(2)) != 0, -value, value)


@float32_only
def tanh(x: Floats) -> Floats:
    """Return tanh(x): an odd polynomial near 0, where the exponential would cancel, and 1 - 2 / (e**2x + 1) beyond."""
    z = x * x
    near = x + (x * z) * _polynomial(_TANH, z)
    magnitude = np.abs(x)
    beyond = _ONE - _TWO / (exp(magnitude + magnitude) + _ONE)
    return np.where(magnitude < _TANH_SMALL, near, np.where(x < _ZERO, -beyond, beyond))


@float32_only
def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e**-x), by e**-|x| so that small results keep their relative precision."""
    small = exp(-np.abs(x))
    share = _ONE / (small + _ONE)
    return np.where(x < _ZERO, small * share, share)


@float32_only
def silu(x: Floats) -> Floats:
    """Return x * sigmoid(x) (Elfwing et al. 2018)."""
    return x * sigmoid(x)


@float32_only
def softplus(x: Floats) -> Floats:
    """Return ln(1 + e**x) = max(x, 0) + log1p(e**-|x|)."""
    above: Floats = np.where(x < _ZERO, _ZERO, x)
    return above + log1p_near(exp(-np.abs(x)))


@float32_only
def normal_tail(x: Floats) -> Floats:
    """Return the probability that a standard normal exceeds x >= 0: e**(-x^2 / 2) t P(t), t = 1 / (1 + 0.32 x).

    erfc(x) is 2 * normal_tail(x sqrt 2). The form is Hastings' (Abramowitz & Stegun 7.1.26).
    """
    t: Floats = _ONE / (x * _TAIL_RATE + _ONE)
    tail: Floats = exp((x * x) * -_HALF) * (t * _polynomial(_TAIL, t))
    return tail


@float32_only
def erf(x: Floats) -> Floats:
    """Return the error function: a Taylor polynomial near 0, where the tail would cancel."""
    z = x * x
    near = x * _TWO_OVER_ROOT_PI + (x * z) * _polynomial(_ERF, z)
    magnitude = np.abs(x)
    beyond = _ONE - _TWO * normal_tail(magnitude * _ROOT_2)
    return np.where(magnitude < _HALF, near, np.where(x < _ZERO, -beyond, beyond))


@float32_only
def mish(x: Floats) -> Floats:
    """Return x tanh(softplus(x)) (Misra 2019)."""
    y: Floats = x * tanh(softplus(x))
    return y


@float32_only
def gelu(x: Floats) -> Floats:
    """Return x times the standard normal's distribution function at x (Hendrycks & Gimpel 2016), the erf form."""
    tail = normal_tail(np.abs(x))
    return x * np.where(x < _ZERO, tail, _ONE - tail)


@float32_only
def gelu_tanh(x: Floats) -> Floats:
    """Return x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, as x * sigmoid of twice that argument."""
    cube: Floats = x * (x * x)
    return x * sigmoid((x + cube * _GELU_CUBIC) * _ROOT_8_OVER_PI)


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Horner's rule from the highest power."""
    value = x * np.float32(coefficients[0]) + np.float32(coefficients[1])
    for coefficient in coefficients[2:]:
        value = value * x + np.float32(coefficient)
    return value


def _power_of_two(biased_exponent: NDArray[np.uint32]) -> Floats:
    """Return 2**(biased_exponent - 127) for 1 to 254, from its bits."""
    return (biased_exponent << np.uint32(23)).view(np.float32)
