"""What the documentation of each public function says: plain data, read by `documentation`.

Each fact stands here once. Functions are named as in the rule book: ``sin``, ``linalg.solve``,
``fft.fft``, ``special.erf``.
"""

from __future__ import annotations

__all__ = [
    "CORNERS", "DTYPES", "EXAMPLES", "PARAMETERS", "RESULTS", "SECTIONS",
    "SHAPES", "SUMMARIES", "TUPLES",
]  # fmt: skip

#: One line about each function.
SUMMARIES = {
    # creation
    "arange": "Evenly spaced numbers in the half-open interval from `start` to `stop`.",
    "asarray": "The input as a Variable; a Variable stays connected to its graph.",
    "empty": "An array of the given shape whose values are whatever the memory holds.",
    "empty_like": "An uninitialised array of the shape and dtype of `x`.",
    "eye": "A matrix with ones on one diagonal and zeros elsewhere.",
    "from_dlpack": "An array of another library, taken over through the DLPack protocol.",
    "ones": "An array of ones.",
    "ones_like": "An array of ones, of the shape and dtype of `x`.",
    "tril": "The lower triangle of each matrix, with zeros above diagonal `k`.",
    "triu": "The upper triangle of each matrix, with zeros below diagonal `k`.",
    "zeros": "An array of zeros.",
    "zeros_like": "An array of zeros, of the shape and dtype of `x`.",
    # data types
    "astype": "The elements of `x`, converted to another dtype.",
    "can_cast": "Whether one dtype can be converted to another under the promotion rules.",
    "finfo": "The limits and the precision of a floating-point dtype.",
    "iinfo": "The limits of an integer dtype.",
    "isdtype": "Whether a dtype is of the given kind.",
    "result_type": "The dtype that the arguments have after promotion.",
    # elementwise
    "abs": "The absolute value of each element; the modulus of a complex number.",
    "acos": "The inverse cosine of each element, in radians.",
    "acosh": "The inverse hyperbolic cosine of each element.",
    "add": "The sum of each pair of elements.",
    "asin": "The inverse sine of each element, in radians.",
    "asinh": "The inverse hyperbolic sine of each element.",
    "atan": "The inverse tangent of each element, in radians.",
    "atan2": "The angle of the point (`x2`, `x1`) in the plane, in its own quadrant.",
    "atanh": "The inverse hyperbolic tangent of each element.",
    "bitwise_and": "The bits that both elements have set.",
    "bitwise_count": "The number of bits that are set in the absolute value of each element.",
    "bitwise_invert": "The bits of each element, flipped.",
    "bitwise_left_shift": "The bits of `x1`, shifted to the left by `x2` places.",
    "bitwise_or": "The bits that at least one of the elements has set.",
    "bitwise_right_shift": "The bits of `x1`, shifted to the right by `x2` places.",
    "bitwise_xor": "The bits that exactly one of the elements has set.",
    "ceil": "The smallest integer not less than each element.",
    "clip": "Each element, limited to the interval from `min` to `max`.",
    "conj": "The complex conjugate of each element.",
    "copysign": "The magnitude of `x1` with the sign of `x2`.",
    "cos": "The cosine of each element, in radians.",
    "cosh": "The hyperbolic cosine of each element.",
    "divide": "The quotient of each pair of elements.",
    "equal": "Whether the elements of each pair are equal.",
    "exp": "The exponential of each element.",
    "expm1": "exp(x) - 1, accurate where `x` is close to 0.",
    "floor": "The greatest integer not greater than each element.",
    "floor_divide": "The quotient of each pair of elements, rounded towards minus infinity.",
    "gcd": "The greatest common divisor of each pair of integers.",
    "greater": "Whether `x1` is greater than `x2`.",
    "greater_equal": "Whether `x1` is greater than or equal to `x2`.",
    "hypot": "The length of the hypotenuse, sqrt(x1**2 + x2**2).",
    "imag": "The imaginary part of each element.",
    "isfinite": "Whether each element is finite.",
    "isinf": "Whether each element is an infinity.",
    "isnan": "Whether each element is nan.",
    "lcm": "The least common multiple of each pair of integers.",
    "less": "Whether `x1` is less than `x2`.",
    "less_equal": "Whether `x1` is less than or equal to `x2`.",
    "log": "The natural logarithm of each element.",
    "log10": "The logarithm of each element to base 10.",
    "log1p": "log(1 + x), accurate where `x` is close to 0.",
    "log2": "The logarithm of each element to base 2.",
    "logaddexp": "log(exp(x1) + exp(x2)), without overflow.",
    "logical_and": "Whether both elements are true.",
    "logical_not": "Whether each element is false.",
    "logical_or": "Whether at least one of the elements is true.",
    "logical_xor": "Whether exactly one of the elements is true.",
    "maximum": "The greater element of each pair.",
    "minimum": "The lesser element of each pair.",
    "multiply": "The product of each pair of elements.",
    "negative": "Each element with its sign changed.",
    "nextafter": "The next representable number after `x1` in the direction of `x2`.",
    "not_equal": "Whether the elements of each pair differ.",
    "positive": "Each element as it is.",
    "pow": "`x1` raised to the power `x2`.",
    "real": "The real part of each element.",
    "reciprocal": "1 / x for each element.",
    "remainder": "The remainder of the division, with the sign of the divisor `x2`.",
    "round": "The integer closest to each element; halves go to the even one.",
    "sign": "The sign of each element: -1, 0 or 1; for a complex number, z / abs(z).",
    "signbit": "Whether the sign bit of each element is set, that of -0.0 included.",
    "sin": "The sine of each element, in radians.",
    "sinh": "The hyperbolic sine of each element.",
    "spacing": "The distance of each element to the next number away from 0.",
    "sqrt": "The square root of each element.",
    "square": "The square of each element.",
    "subtract": "The difference of each pair of elements.",
    "tan": "The tangent of each element, in radians.",
    "tanh": "The hyperbolic tangent of each element.",
    "trunc": "Each element, rounded towards zero.",
    # indexing
    "take": "The entries of `x` at the given indices along an axis.",
    "take_along_axis": "The entries of `x` at indices that are given for each row along an axis.",
    # linear algebra
    "matmul": "The matrix product; axes before the last two broadcast.",
    "matrix_transpose": "Each matrix in the last two axes, transposed.",
    "tensordot": "The sum of products over several axes of both arrays.",
    "vecdot": "The dot product of vectors along an axis; the first is conjugated.",
    "linalg.cholesky": "The Cholesky factor of each Hermitian positive-definite matrix.",
    "linalg.cross": "The cross product of vectors of three elements.",
    "linalg.det": "The determinant of each square matrix.",
    "linalg.diagonal": "A diagonal of each matrix, as the last axis of the result.",
    "linalg.eig": "The eigenvalues and eigenvectors of each square matrix.",
    "linalg.eigh": "The eigenvalues and eigenvectors of each Hermitian matrix.",
    "linalg.eigvals": "The eigenvalues of each square matrix.",
    "linalg.inv": "The inverse of each square matrix.",
    "linalg.matrix_norm": "The norm of each matrix in the last two axes.",
    "linalg.matrix_power": "Each square matrix, raised to the power `n`; its inverse for n < 0.",
    "linalg.matrix_rank": "The number of singular values of each matrix above a tolerance.",
    "linalg.outer": "The product of every element of one vector with every element of another.",
    "linalg.pinv": "The Moore-Penrose pseudo-inverse of each matrix.",
    "linalg.qr": "The factorisation of each matrix into orthonormal columns and a triangle.",
    "linalg.slogdet": "The sign of each determinant and the logarithm of its absolute value.",
    "linalg.solve": "The solution `x` of x1 @ x = x2.",
    "linalg.svd": "The singular value decomposition of each matrix.",
    "linalg.svdvals": "The singular values of each matrix, in descending order.",
    "linalg.trace": "The sum along a diagonal of each matrix.",
    "linalg.vector_norm": "The norm of vectors along one or more axes.",
    # manipulation
    "broadcast_shapes": "The shape to which arrays of the given shapes broadcast.",
    "broadcast_to": "`x`, broadcast to the given shape: a read-only view.",
    "concat": "The arrays, joined along an existing axis.",
    "expand_dims": "`x` with a new axis of length 1.",
    "flip": "`x` with the order of its elements reversed along one or more axes.",
    "moveaxis": "`x` with some axes moved to other places.",
    "permute_dims": "`x` with its axes in the given order.",
    "repeat": "Each element, repeated.",
    "reshape": "The elements of `x` in another shape, in row-major order.",
    "roll": "The elements of `x`, shifted along an axis; the last ones come first.",
    "squeeze": "`x` without some axes of length 1.",
    "stack": "The arrays, joined along a new axis.",
    "tile": "`x`, repeated as a whole along each axis.",
    "unstack": "The arrays that make up `x` along an axis: views of it.",
    # searching, sets, sorting
    "argmax": "The index of the greatest element; of the first of several.",
    "argmin": "The index of the least element; of the first of several.",
    "count_nonzero": "The number of elements that are not zero.",
    "nonzero": "The indices of the elements that are not zero, one array per axis.",
    "searchsorted": "The indices at which `x2` would be inserted into the sorted vector `x1`.",
    "where": "Elements of `x1` where the condition holds, and of `x2` elsewhere.",
    "isin": "Whether each element of `x1` occurs in `x2`.",
    "unique_all": "The distinct values of `x`, with indices, inverse indices and counts.",
    "unique_counts": "The distinct values of `x`, and how often each occurs.",
    "unique_inverse": "The distinct values of `x`, and where each element is among them.",
    "unique_values": "The distinct values of `x`.",
    "argsort": "The indices that sort `x` along an axis.",
    "sort": "The elements of `x`, sorted along an axis.",
    # statistics and utilities
    "cumulative_prod": "The running products along an axis.",
    "cumulative_sum": "The running sums along an axis.",
    "max": "The greatest element along one or more axes.",
    "mean": "The arithmetic mean along one or more axes.",
    "min": "The least element along one or more axes.",
    "prod": "The product of the elements along one or more axes.",
    "std": "The standard deviation along one or more axes.",
    "sum": "The sum of the elements along one or more axes.",
    "var": "The variance along one or more axes.",
    "all": "Whether all elements along one or more axes are true.",
    "any": "Whether any element along one or more axes is true.",
    # fft
    "fft.fft": "The discrete Fourier transform along one axis.",
    "fft.fftfreq": "The sample frequencies that belong to the results of `fft`.",
    "fft.fftn": "The discrete Fourier transform along several axes.",
    "fft.fftshift": "`x` with the zero frequency moved to the centre.",
    "fft.hfft": "The Fourier transform of a signal with Hermitian symmetry: it is real.",
    "fft.ifft": "The inverse discrete Fourier transform along one axis.",
    "fft.ifftn": "The inverse discrete Fourier transform along several axes.",
    "fft.ifftshift": "The inverse of `fftshift`.",
    "fft.ihfft": "The inverse of `hfft`.",
    "fft.irfft": "The inverse of `rfft`: a real signal.",
    "fft.irfftn": "The inverse of `rfftn`: a real signal.",
    "fft.rfft": "The discrete Fourier transform of a real signal along one axis.",
    "fft.rfftfreq": "The sample frequencies that belong to the results of `rfft`.",
    "fft.rfftn": "The discrete Fourier transform of a real signal along several axes.",
    # beyond the standard
    "bincount": "How often each integer occurs, or the sum of the weights where it does.",
    "copy": "A copy of `x` that stays connected to its graph.",
    "corrcoef": "The matrix of the correlation coefficients of several variables.",
    "cov": "The matrix of the covariances of several variables.",
    "histogram": "How many elements fall into each bin, and the edges of the bins.",
    "histogram2d": "How many points of the plane fall into each cell of a grid, and its edges.",
    "histogram_bin_edges": "The edges of the bins that `histogram` would count in.",
    "histogramdd": "How many points fall into each cell of a grid, and the edges of the grid.",
    "log_softmax": "The logarithm of `softmax`, without underflow.",
    "logsumexp": "The logarithm of the sum of the exponentials, without overflow.",
    "nancumprod": "The running products, with nan taken as 1.",
    "nancumsum": "The running sums, with nan taken as 0.",
    "nanargmax": "The index of the greatest element that is not nan.",
    "nanargmin": "The index of the least element that is not nan.",
    "nanmax": "The greatest element that is not nan.",
    "nanmean": "The mean of the elements that are not nan.",
    "nanmedian": "The median of the elements that are not nan.",
    "nanmin": "The least element that is not nan.",
    "nanpercentile": "The percentiles of the elements that are not nan.",
    "nanprod": "The product of the elements that are not nan.",
    "nanquantile": "The quantiles of the elements that are not nan.",
    "nanstd": "The standard deviation of the elements that are not nan.",
    "nansum": "The sum of the elements that are not nan.",
    "nanvar": "The variance of the elements that are not nan.",
    "percentile": "The numbers below which `q` percent of the elements lie.",
    "quantile": "The numbers below which the shares `q` of all elements lie.",
    "softmax": "The exponentials of the elements, scaled so that they sum to 1.",
    "view": "`x` in another shape, or its bits read as another dtype.",
    # special functions: Bessel
    "special.i0": "The modified Bessel function of the first kind, of order 0.",
    "special.i0e": "`i0`, scaled by exp(-abs(x)).",
    "special.i1": "The modified Bessel function of the first kind, of order 1.",
    "special.i1e": "`i1`, scaled by exp(-abs(x)).",
    "special.iv": "The modified Bessel function of the first kind, of real order `v`.",
    "special.ive": "`iv`, scaled by exp(-abs(z)).",
    "special.j0": "The Bessel function of the first kind, of order 0.",
    "special.j1": "The Bessel function of the first kind, of order 1.",
    "special.jn": "The Bessel function of the first kind, of order `n`.",
    "special.jv": "The Bessel function of the first kind, of real order `v`.",
    "special.k0": "The modified Bessel function of the second kind, of order 0.",
    "special.k0e": "`k0`, scaled by exp(x).",
    "special.k1": "The modified Bessel function of the second kind, of order 1.",
    "special.k1e": "`k1`, scaled by exp(x).",
    "special.kv": "The modified Bessel function of the second kind, of real order `v`.",
    "special.kve": "`kv`, scaled by exp(z).",
    "special.y0": "The Bessel function of the second kind, of order 0.",
    "special.y1": "The Bessel function of the second kind, of order 1.",
    "special.yn": "The Bessel function of the second kind, of integer order `n`.",
    "special.yv": "The Bessel function of the second kind, of real order `v`.",
    # special functions: error function, normal distribution
    "special.dawsn": "Dawson's integral.",
    "special.erf": "The error function.",
    "special.erfc": "The complementary error function, 1 - erf(x).",
    "special.erfcinv": "The inverse of `erfc`.",
    "special.erfcx": "`erfc`, scaled by exp(x**2).",
    "special.erfi": "The imaginary error function, -i erf(i x).",
    "special.erfinv": "The inverse of `erf`.",
    "special.log_ndtr": "The logarithm of `ndtr`, without underflow.",
    "special.ndtr": "The distribution function of the standard normal distribution.",
    "special.ndtri": "The inverse of `ndtr`: quantiles of the standard normal distribution.",
    "special.ndtri_exp": "The inverse of `log_ndtr`.",
    "special.nrdtrimn": "The mean of a normal distribution that has a given quantile.",
    "special.nrdtrisd": "The deviation of a normal distribution that has a given quantile.",
    # special functions: distributions
    "special.bdtr": "The distribution function of the binomial distribution.",
    "special.bdtrc": "The survival function of the binomial distribution.",
    "special.bdtri": "The success probability `p` for which bdtr(k, n, p) is `y0`.",
    "special.chdtr": "The distribution function of the chi-square distribution.",
    "special.chdtrc": "The survival function of the chi-square distribution.",
    "special.chdtri": "The inverse of `chdtrc` in `x`.",
    "special.fdtr": "The distribution function of the F distribution.",
    "special.fdtrc": "The survival function of the F distribution.",
    "special.fdtri": "The quantiles of the F distribution.",
    "special.gdtr": "The distribution function of the gamma distribution.",
    "special.gdtrc": "The survival function of the gamma distribution.",
    "special.nbdtr": "The distribution function of the negative binomial distribution.",
    "special.nbdtrc": "The survival function of the negative binomial distribution.",
    "special.nbdtri": "The success probability `p` for which nbdtr(k, n, p) is `y0`.",
    "special.pdtr": "The distribution function of the Poisson distribution.",
    "special.pdtrc": "The survival function of the Poisson distribution.",
    "special.pdtri": "The mean `m` for which pdtr(k, m) is `p`.",
    "special.stdtr": "The distribution function of Student's t distribution.",
    "special.stdtrit": "The quantiles of Student's t distribution.",
    # special functions: gamma and beta
    "special.beta": "The beta function.",
    "special.betainc": "The regularised incomplete beta function.",
    "special.betaincc": "The complement of `betainc`.",
    "special.betainccinv": "The inverse of `betaincc` in `x`.",
    "special.betaincinv": "The inverse of `betainc` in `x`.",
    "special.betaln": "The logarithm of the absolute value of the beta function.",
    "special.binom": "The binomial coefficient, for real arguments too.",
    "special.digamma": "The derivative of the logarithm of the gamma function.",
    "special.gamma": "The gamma function.",
    "special.gammainc": "The regularised lower incomplete gamma function.",
    "special.gammaincc": "The regularised upper incomplete gamma function.",
    "special.gammainccinv": "The inverse of `gammaincc` in `x`.",
    "special.gammaincinv": "The inverse of `gammainc` in `x`.",
    "special.gammaln": "The logarithm of the absolute value of the gamma function.",
    "special.gammasgn": "The sign of the gamma function.",
    "special.loggamma": "The principal branch of the logarithm of the gamma function.",
    "special.multigammaln": "The logarithm of the multivariate gamma function.",
    "special.poch": "The Pochhammer symbol gamma(z + m) / gamma(z).",
    "special.polygamma": "The derivative of order `n` of the digamma function.",
    "special.psi": "The digamma function, under SciPy's other name.",
    "special.rgamma": "The reciprocal of the gamma function.",
    "special.zeta": "The Riemann zeta function, or with `q` that of Hurwitz.",
    "special.zetac": "The Riemann zeta function minus 1.",
    # special functions: elementary
    "special.boxcox": "The Box-Cox transform, (x**lmbda - 1) / lmbda, and log(x) for lmbda = 0.",
    "special.boxcox1p": "The Box-Cox transform of 1 + x.",
    "special.cbrt": "The cube root of each element.",
    "special.cosdg": "The cosine of an angle in degrees.",
    "special.cosm1": "cos(x) - 1, accurate where `x` is close to 0.",
    "special.cotdg": "The cotangent of an angle in degrees.",
    "special.entr": "The entropy term -x log(x), and 0 at 0.",
    "special.exp10": "10 raised to the power of each element.",
    "special.exp2": "2 raised to the power of each element.",
    "special.expit": "The logistic function 1 / (1 + exp(-x)).",
    "special.expm1": "exp(x) - 1, accurate where `x` is close to 0.",
    "special.exprel": "(exp(x) - 1) / x, and 1 at 0.",
    "special.huber": "The Huber loss: quadratic up to `delta`, and linear beyond.",
    "special.inv_boxcox": "The inverse of `boxcox` in `x`.",
    "special.inv_boxcox1p": "The inverse of `boxcox1p` in `x`.",
    "special.kl_div": "The term x1 log(x1 / x2) - x1 + x2 of the Kullback-Leibler divergence.",
    "special.log1p": "log(1 + x), accurate where `x` is close to 0.",
    "special.log_expit": "The logarithm of the logistic function, without underflow.",
    "special.log_softmax": "The logarithm of `softmax`, without underflow.",
    "special.logit": "The logarithm of the odds, log(x / (1 - x)).",
    "special.logsumexp": "The logarithm of the sum of the exponentials, each times `b`.",
    "special.pseudo_huber": "A smooth version of the Huber loss.",
    "special.radian": "An angle in degrees, minutes and seconds, as radians.",
    "special.rel_entr": "The relative entropy term x1 log(x1 / x2).",
    "special.sinc": "sin(pi x) / (pi x), and 1 at 0.",
    "special.sindg": "The sine of an angle in degrees.",
    "special.softmax": "The exponentials of the elements, scaled so that they sum to 1.",
    "special.tandg": "The tangent of an angle in degrees.",
    "special.xlog1py": "x1 log(1 + x2), and 0 where x1 is 0.",
    "special.xlogy": "x1 log(x2), and 0 where x1 is 0.",
    # special functions: integrals, hypergeometric
    "special.ellipe": "The complete elliptic integral of the second kind.",
    "special.ellipk": "The complete elliptic integral of the first kind.",
    "special.ellipkm1": "The complete elliptic integral of the first kind around m = 1.",
    "special.exp1": "The exponential integral E1.",
    "special.expi": "The exponential integral Ei.",
    "special.expn": "The generalised exponential integral of order `n`.",
    "special.hyp1f1": "The confluent hypergeometric function 1F1.",
    "special.hyp2f1": "The hypergeometric function 2F1 of Gauss.",
    "special.lpmv": "The associated Legendre function of integer order and real degree.",
    "special.spence": "Spence's function, the dilogarithm of 1 - x.",
}

#: The standard's chapters, each with its functions.
SECTIONS = {
    "creation functions": (
        "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones "
        "ones_like tril triu zeros zeros_like"
    ),
    "data type functions": "astype can_cast finfo iinfo isdtype result_type",
    "elementwise functions": (
        "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_invert "
        "bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos "
        "cosh divide equal exp expm1 floor floor_divide greater greater_equal hypot imag isfinite "
        "isinf isnan less less_equal log log10 log1p log2 logaddexp logical_and logical_not "
        "logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow "
        "real reciprocal remainder round sign signbit sin sinh sqrt square subtract tan tanh trunc"
    ),
    "indexing functions": "take take_along_axis",
    "linear algebra functions": "matmul matrix_transpose tensordot vecdot",
    "manipulation functions": (
        "broadcast_arrays broadcast_shapes broadcast_to concat expand_dims flip moveaxis "
        "permute_dims repeat reshape roll squeeze stack tile unstack"
    ),
    "searching functions": "argmax argmin count_nonzero nonzero searchsorted where",
    "set functions": "isin unique_all unique_counts unique_inverse unique_values",
    "sorting functions": "argsort sort",
    "statistical functions": "cumulative_prod cumulative_sum max mean min prod std sum var",
    "utility functions": "all any diff",
    "linear algebra extension": (
        "linalg.cholesky linalg.cross linalg.det linalg.diagonal linalg.eig linalg.eigh "
        "linalg.eigvals linalg.eigvalsh linalg.inv linalg.matmul linalg.matrix_norm "
        "linalg.matrix_power linalg.matrix_rank linalg.matrix_transpose linalg.outer linalg.pinv "
        "linalg.qr linalg.slogdet linalg.solve linalg.svd linalg.svdvals linalg.tensordot "
        "linalg.trace linalg.vecdot linalg.vector_norm"
    ),
    "Fourier transform extension": (
        "fft.fft fft.fftfreq fft.fftn fft.fftshift fft.hfft fft.ifft fft.ifftn fft.ifftshift "
        "fft.ihfft fft.irfft fft.irfftn fft.rfft fft.rfftfreq fft.rfftn"
    ),
}

#: The dtypes that array arguments may have, where not all do.
DTYPES = {
    "floating-point (real or complex)": (
        "acos acosh asin asinh atan atanh cos cosh exp expm1 log log10 log1p log2 reciprocal sin "
        "sinh sqrt tan tanh divide mean fft.fft fft.ifft fft.fftn fft.ifftn fft.fft2 fft.ifft2 "
        "fft.fftshift fft.ifftshift linalg.vector_norm linalg.norm nanmean"
    ),
    "real floating-point": (
        "atan2 copysign hypot logaddexp nextafter signbit spacing std var nanstd nanvar "
        "nanmedian logsumexp softmax log_softmax fft.rfft fft.rfftn fft.rfft2 fft.ihfft"
    ),
    "complex": "fft.hfft fft.irfft fft.irfftn fft.irfft2",
    "numeric": (
        "abs add conj imag isfinite isinf isnan multiply negative positive pow real round sign "
        "square subtract sum prod cumulative_sum cumulative_prod diff matmul tensordot vecdot "
        "einsum dot kron outer cumsum cumprod nansum nanprod"
    ),
    "real numeric": (
        "ceil clip floor floor_divide greater greater_equal less less_equal maximum minimum "
        "remainder trunc max min argmax argmin argsort sort nanmax nanmin nanargmax nanargmin"
    ),
    "integer": "bitwise_left_shift bitwise_right_shift bitwise_count gcd lcm",
    "integer or boolean": "bitwise_and bitwise_invert bitwise_or bitwise_xor",
    "boolean": "logical_and logical_not logical_or logical_xor",
}

#: The shapes of array arguments, where they are not free.
SHAPES = {
    "linalg.cholesky": {"x": "(..., N, N), Hermitian and positive-definite"},
    "linalg.cross": {"x1": "3 elements along `axis`", "x2": "3 elements along `axis`"},
    "linalg.det": {"x": "(..., N, N)"},
    "linalg.diagonal": {"x": "(..., M, N)"},
    "linalg.eig": {"x": "(..., N, N)"},
    "linalg.eigh": {"x": "(..., N, N), Hermitian"},
    "linalg.eigvals": {"x": "(..., N, N)"},
    "linalg.eigvalsh": {"x": "(..., N, N), Hermitian"},
    "linalg.inv": {"x": "(..., N, N), invertible"},
    "linalg.matrix_norm": {"x": "(..., M, N)"},
    "linalg.matrix_power": {"x": "(..., N, N)"},
    "linalg.matrix_rank": {"x": "(..., M, N)"},
    "linalg.outer": {"x1": "(M,)", "x2": "(N,)"},
    "linalg.pinv": {"x": "(..., M, N)"},
    "linalg.qr": {"x": "(..., M, N)"},
    "linalg.slogdet": {"x": "(..., N, N)"},
    "linalg.solve": {"x1": "(..., N, N), invertible", "x2": "(N,) or (..., N, K)"},
    "linalg.svd": {"x": "(..., M, N)"},
    "linalg.svdvals": {"x": "(..., M, N)"},
    "linalg.trace": {"x": "(..., M, N)"},
    "matmul": {"x1": "(N,) or (..., M, N)", "x2": "(N,) or (..., N, K)"},
    "matrix_transpose": {"x": "(..., M, N)"},
    "tril": {"x": "(..., M, N)"},
    "triu": {"x": "(..., M, N)"},
    "searchsorted": {"x1": "(N,), sorted", "x2": "any shape"},
}

_SAME = "of the shape of `x`"
_REDUCED = "of the shape of `x` without the axes reduced; with `keepdims` they stay, of length 1"
_ALONG = "of the shape of `x`; one entry more along the axis with `include_initial`"

#: What comes back, where it is not simply the shape to which the arguments broadcast.
RESULTS = {
    _REDUCED: (
        "sum mean max min prod std var nansum nanmean nanmax nanmin nanprod nanstd nanvar "
        "nanmedian logsumexp linalg.vector_norm linalg.norm special.logsumexp"
    ),
    "of the shape of `q`, followed by that of the reduction": (
        "quantile percentile nanquantile nanpercentile"
    ),
    "a square matrix, of one row for each variable; a number for a single variable": "cov corrcoef",
    "a vector, as long as the greatest integer is great plus 1, or as `minlength`": "bincount",
    "a vector, one longer than there are bins": "histogram_bin_edges",
    "what is in each bin, and the edges of the bins, which are one more": "histogram",
    "what is in each cell, with an axis for each coordinate, and the edges along each axis": (
        "histogram2d histogramdd"
    ),
    _REDUCED + "; boolean": "all any",
    _REDUCED + "; integers": "argmax argmin count_nonzero nanargmax nanargmin",
    _ALONG: "cumulative_sum cumulative_prod",
    "of the shape to which the arguments broadcast; boolean": (
        "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor"
    ),
    _SAME + "; boolean": "isfinite isinf isnan signbit logical_not isin",
    _SAME + "; real": "abs real imag",
    "of the shape of `obj`": "asarray",
    "of the shape of `x`, without a copy where that is possible": "from_dlpack",
    "of the axes of `x1` that are left over, then those of `x2`": "tensordot",
    "of the shape to which the arguments broadcast, without the axis": "vecdot",
    "of the shapes broadcast": "linalg.cross",
    "of the other axes, then the diagonal": "linalg.diagonal",
    "of the shape of the arrays, and along the axis as long as all together": "concat",
    "of one axis more than `x`": "expand_dims",
    "of the same lengths in another order": "moveaxis permute_dims",
    "as long along the axis as the counts sum to": "repeat",
    "of the lengths of `x`, times the repetitions": "tile",
    "a number for two vectors, and otherwise of the axes that are left": "dot",
    "of the axes that the subscripts keep": "einsum",
    "of the products of the lengths": "kron",
    "of shape (M, N), for M and N elements": "outer",
    "of the axes that are left": "squeeze",
    "of the shape that is asked for": "view",
    _SAME: (
        "sort tril triu flip roll cumsum cumprod nancumsum nancumprod softmax log_softmax "
        "special.softmax special.log_softmax copy fft.fftshift fft.ifftshift "
        "empty_like ones_like zeros_like linalg.matrix_power"
    ),
    _SAME + "; integers": "argsort",
    "of shape (..., N, N)": "linalg.cholesky linalg.inv",
    "of shape (...)": "linalg.det linalg.matrix_norm linalg.trace",
    "of shape (...); integers": "linalg.matrix_rank",
    "of shape (..., K) for K = min(M, N), real": "linalg.svdvals",
    "of shape (..., N), real": "linalg.eigvalsh",
    "of shape (..., N), complex": "linalg.eigvals",
    "of shape (..., N, M)": "linalg.pinv matrix_transpose",
    "of shape (M, N)": "linalg.outer",
    "of the shape of `x2`": "linalg.solve",
    "of the shape of `x2`; integers": "searchsorted",
    "of shape (..., M, K); without M or K where an argument is a vector": "matmul",
    "of the given shape": "ones zeros empty broadcast_to reshape",
    "of the shape of `x`, in the new dtype": "astype",
    "eigenvalues of shape (..., N), real and ascending, and eigenvectors (..., N, N)": (
        "linalg.eigh"
    ),
    "eigenvalues of shape (..., N) and eigenvectors (..., N, N), complex": "linalg.eig",
    "Q of shape (..., M, K) and R (..., K, N), for K = min(M, N)": "linalg.qr",
    "sign and logabsdet, both of shape (...)": "linalg.slogdet",
    "U of shape (..., M, M), S (..., min(M, N)) and Vh (..., N, N)": "linalg.svd",
    "one index array per axis": "nonzero",
    "one array for each": "unstack",
    "a vector, sorted": "unique_values",
    "values and counts": "unique_counts",
    "values and inverse_indices": "unique_inverse",
    "values, indices, inverse_indices and counts": "unique_all",
    "as the indices select": "take",
    "of the shape of `indices`": "take_along_axis",
    "one axis more than each of the arrays": "stack",
    "a vector": "arange fft.fftfreq fft.rfftfreq",
    "of shape (n_rows, n_cols)": "eye",
    "complex, of the shape of `x` but for the lengths that `n` or `s` set": (
        "fft.fft fft.ifft fft.fftn fft.ifftn fft.fft2 fft.ifft2"
    ),
    "complex; the last axis transformed has n // 2 + 1 entries": (
        "fft.rfft fft.rfftn fft.rfft2 fft.ihfft"
    ),
    "real; the last axis transformed has the length that is asked for, 2 * (m - 1) by default": (
        "fft.irfft fft.irfftn fft.irfft2 fft.hfft"
    ),
}

#: Functions that return several arrays: the names of the fields, or none for a plain tuple.
TUPLES = {
    "histogram": (),
    "histogram2d": (),
    "histogramdd": (),
    "broadcast_arrays": (),
    "linalg.eig": ("eigenvalues", "eigenvectors"),
    "linalg.eigh": ("eigenvalues", "eigenvectors"),
    "linalg.qr": ("Q", "R"),
    "linalg.slogdet": ("sign", "logabsdet"),
    "linalg.svd": ("U", "S", "Vh"),
    "meshgrid": (),
    "nonzero": (),
    "unique_all": ("values", "indices", "inverse_indices", "counts"),
    "unique_counts": ("values", "counts"),
    "unique_inverse": ("values", "inverse_indices"),
    "unstack": (),
}

#: Parameters: a type, and a few words. A name with a function before it, as in ``pad.mode``,
#: overrides the general one.
PARAMETERS = {
    "api_version": ("str | None", "The version of the standard."),
    "a_max": ("ArrayLike | None", "NumPy's other name of `max`."),
    "a_min": ("ArrayLike | None", "NumPy's other name of `min`."),
    "append": ("ArrayLike | None", "Values to put behind `x` before the differences are taken."),
    "arrays": ("Sequence[ArrayLike]", "Arrays of shapes that fit together."),
    "arrays_and_dtypes": ("Any", "Arrays, numbers and dtypes."),
    "aweights": ("ArrayLike | None", "How much each observation counts."),
    "axes": ("Sequence[int] | None", "Which axes; by default all."),
    "assume_unique": ("bool", "Whether no array holds a value twice."),
    "casting": ("str", "Which conversions are allowed; see the docstring."),
    "return_index": ("bool", "Whether the result holds the index of the first of each kind, too."),
    "return_inverse": ("bool", "Whether the result holds the kind of each element, too."),
    "return_counts": ("bool", "Whether the result holds the number of each kind, too."),
    "return_indices": ("bool", "Whether the result holds indices in both arrays, too."),
    "equal_nan": ("bool", "Whether all nan are of one kind."),
    "sorted": ("bool", "Whether the result must be sorted."),
    "wrap": ("bool", "Whether a tall matrix has several diagonals."),
    "digitize.right": ("bool", "Whether intervals include their right end."),
    "kth": ("int | Sequence[int]", "The places whose elements are those of the sorted array."),
    "axis": ("int", "Which axis; negative numbers count from the last."),
    "axis1": ("int", "The first of the two axes."),
    "axis2": ("int", "The second of the two axes."),
    "bias": ("bool", "Whether to divide by the number of observations, not by one less."),
    "bins": ("Any", "How many bins, or their edges in ascending order, or how to choose them."),
    "condition": ("ArrayLike", "Boolean; it broadcasts with the others."),
    "copy": ("bool | None", "Whether to copy: True always, False never, None where needed."),
    "correction": ("float", "The number of elements, less this, is what is divided by."),
    "d": ("float", "The distance of two samples."),
    "ddof": ("float", "NumPy's name for `correction`."),
    "decimals": ("int", "To how many decimals; negative numbers are places before the point."),
    "deg": ("bool", "Whether to answer in degrees."),
    "density": ("bool | None", "Whether to scale the result so that its integral is 1."),
    "descending": ("bool", "Whether the greatest element comes first."),
    "destination": ("int | Sequence[int]", "Where these axes go."),
    "device": ("Any", "The device of the result; by default that of the input, or the chosen one."),
    "dtype": ("Any", "The dtype of the result; by default that of the input, or the chosen one."),
    "dx": ("ArrayLike", "The distance of the samples, where `x` is not given."),
    "endpoint": ("bool", "Whether `stop` is the last number."),
    "fill_value": ("ArrayLike", "The value of all elements, of shape ()."),
    "fp": ("ArrayLike", "The values at the points."),
    "from_": ("Any", "A dtype or an array."),
    "full_matrices": (
        "bool",
        "Whether U and Vh are square; otherwise they have min(M, N) vectors.",
    ),
    "fweights": ("ArrayLike | None", "How often each observation occurs: whole numbers."),
    "include_initial": ("bool", "Whether the result begins with 0 for sums, or 1 for products."),
    "initial": ("ArrayLike | None", "A number that takes part like one more element."),
    "indexing": ("str", "'xy' for Cartesian and 'ij' for matrix order."),
    "indices": ("ArrayLike", "Integers."),
    "invert": ("bool", "Whether the answer is negated."),
    "k": ("int", "Which diagonal: above the main one if positive, below if negative."),
    "keepdims": ("bool", "Whether the reduced axes stay, of length 1."),
    "kind": ("Any", "'bool', 'integral', 'real floating', a dtype, or a tuple of them."),
    "left": ("Any", "The value to the left of all points."),
    "max": ("ArrayLike | None", "The upper bound; None for none."),
    "mean": ("ArrayLike | None", "The mean, if it is known, as `keepdims=True` returns it."),
    "method": ("str", "How to compute a quantile between elements, by NumPy's names."),
    "min": ("ArrayLike | None", "The lower bound; None for none."),
    "minlength": ("int", "The least length of the result."),
    "mode": ("str", "Which variant; see the default."),
    "n": ("int | None", "The length of the transform along the axis."),
    "n_cols": ("int | None", "The number of columns; by default that of the rows."),
    "n_rows": ("int", "The number of rows."),
    "nan": ("float", "What takes the place of nan."),
    "neginf": ("float | None", "What takes the place of minus infinity."),
    "norm": ("str", "'backward', 'ortho' or 'forward': where to divide by the length."),
    "num": ("int", "How many."),
    "order": ("str", "'C' if the last index runs fastest, 'F' if the first does."),
    "offset": ("int", "Which diagonal: above the main one if positive, below if negative."),
    "operands": ("ArrayLike", "One array for each term."),
    "ord": ("Any", "Which norm."),
    "pad_width": ("Any", "The widths before and after, for all axes or for each."),
    "period": ("float | None", "The period of the function, if it has one."),
    "posinf": ("float | None", "What takes the place of infinity."),
    "prepend": ("ArrayLike | None", "Values to put before `x` before the differences are taken."),
    "q": ("ArrayLike", "Which ones: a number, or an array of up to two axes."),
    "range": ("Sequence[float] | None", "Where the bins begin and end; by default that of `x`."),
    "repeats": ("ArrayLike", "How often: one integer, or one for each entry along the axis."),
    "repetitions": ("tuple[int, ...]", "How often along each axis."),
    "right": ("Any", "The value to the right of all points."),
    "rowvar": ("bool", "Whether each row is a variable; otherwise each column."),
    "rtol": ("ArrayLike | None", "Singular values below this times the greatest count as zero."),
    "s": ("Sequence[int] | None", "The lengths of the transform along the axes."),
    "shape": ("int | Sequence[int]", "The new shape."),
    "shapes": ("tuple[Any, ...]", "Shapes: tuples of integers."),
    "shift": ("int | Sequence[int]", "By how many places."),
    "side": ("str", "'left' or 'right': where equal elements are inserted."),
    "sorter": ("ArrayLike | None", "Indices that sort `x1`."),
    "source": ("int | Sequence[int]", "The axes that move."),
    "stable": ("bool", "Whether equal elements keep their order."),
    "start": ("ArrayLike", "Where it begins."),
    "step": ("float", "The distance of two neighbours."),
    "stop": ("ArrayLike | None", "Where it ends."),
    "subscripts": ("str", "As in 'ij,jk->ik'."),
    "to": ("Any", "A shape, or a dtype."),
    "type": ("Any", "A dtype or an array."),
    "upper": ("bool", "Whether to return the upper factor instead of the lower."),
    "weights": ("ArrayLike | None", "How much each element counts."),
    "xp_": ("ArrayLike", "The places of the points, ascending."),
    # of one function alone
    "histogram2d.x2": ("ArrayLike", "Of shape (N,)."),
    "histogram2d.x1": ("ArrayLike", "Of shape (N,)."),
    "histogram2d.range": ("Any", "A pair of ends for each axis, or None."),
    "histogramdd.range": ("Any", "A pair of ends for each axis, or None."),
    "histogram2d.bins": ("Any", "How many bins along both axes or each, or vectors of edges."),
    "histogramdd.bins": ("Any", "How many bins along all axes or each, or vectors of edges."),
    "histogramdd.x": ("Any", "Points: of shape (N, D), or a list of D vectors of coordinates."),
    "bincount.x": ("ArrayLike", "Of shape (N,): integers that are not negative."),
    "corrcoef.x": ("ArrayLike", "Of shape (N,) or (M, N): M variables, N observations."),
    "cov.x": ("ArrayLike", "Of shape (N,) or (M, N): M variables, N observations."),
    "cov.ddof": ("int | None", "What to take off the number of observations, in place of `bias`."),
    "corrcoef.y": ("ArrayLike | None", "More variables, of the same form."),
    "cov.y": ("ArrayLike | None", "More variables, of the same form."),
    "arange.start": ("float", "Where it begins; the end, if `stop` is not given."),
    "arange.stop": ("float | None", "Where it ends; `stop` itself is left out."),
    "asarray.obj": ("Any", "An array, a number, or nested lists of numbers and Variables."),
    "astype.copy": ("bool", "Whether to copy where the dtype stays the same."),
    "astype.dtype": ("Any", "The new dtype."),
    "can_cast.to": ("Any", "A dtype."),
    "broadcast_arrays.arrays": ("ArrayLike", "Arrays whose shapes broadcast."),
    "broadcast_to.shape": ("Sequence[int]", "The new shape."),
    "concat.axis": ("int | None", "Which axis; with None, all elements in a row."),
    "concatenate.axis": ("int | None", "Which axis; with None, all elements in a row."),
    "diff.n": ("int", "How many times."),
    "eye.k": ("int", "Which diagonal: above the main one if positive, below if negative."),
    "fft.fftfreq.n": ("int", "The length of the transform."),
    "fft.rfftfreq.n": ("int", "The length of the transform."),
    "from_dlpack.x": ("Any", "An array of any library that speaks DLPack."),
    "interp.x": ("ArrayLike", "Where to evaluate."),
    "linalg.matrix_power.n": ("int", "The exponent."),
    "einsum.operands": ("Any", "Subscripts and arrays."),
    "einsum_path.operands": ("Any", "Subscripts and arrays."),
    "optimize": ("Any", "How the order of the products is found."),
    "UPLO": ("str", "'L' or 'U': whether the lower or upper triangle is read."),
    "linalg.matrix_rank.tol": ("ArrayLike | None", "Singular values up to this count as zero."),
    "linalg.pinv.rcond": ("ArrayLike | None", "NumPy's name for `rtol`."),
    "linalg.qr.mode": ("str", "'reduced', 'complete', or 'r' for R alone."),
    "linalg.svd.compute_uv": ("bool", "Whether U and Vh are returned, or only the values."),
    "hermitian": ("bool", "Whether `x` is taken as Hermitian, given by its lower triangle."),
    "matmul.axes": ("Any", "For each argument and the result, a pair of axes or the one axis."),
    "matmul.dtype": ("Any", "What both arguments are converted to before."),
    "vecdot.axes": ("Any", "The axis of each argument, instead of `axis`."),
    "vecdot.dtype": ("Any", "What both arguments are converted to before."),
    "vecdot.keepdims": ("bool", "Whether the axis stays, of length 1."),
    "linspace.stop": ("ArrayLike", "Where it ends."),
    "meshgrid.arrays": ("ArrayLike", "Vectors: the coordinates along each axis."),
    "nan_to_num.copy": ("bool", "As NumPy's; the result is always a new array."),
    "pad.constant_values": ("ArrayLike", "What the margin is filled with."),
    "pad.mode": ("str", "'constant', 'edge', 'reflect', 'symmetric' or 'wrap'."),
    "meshgrid.copy": ("bool", "Whether the results can be written."),
    "permute_dims.axes": ("Sequence[int] | None", "The order of the axes; reversed by default."),
    "unwrap.period": ("ArrayLike", "The size of a full turn."),
    "reshape.shape": ("int | Sequence[int]", "The new shape; one length may be -1."),
    "special.logsumexp.b": ("ArrayLike | None", "Factors of the exponentials."),
    "special.logsumexp.keepdims": ("bool", "Whether the reduced axes stay, of length 1."),
    "special.logsumexp.return_sign": ("bool", "SciPy's; only False is known here."),
    "squeeze.axis": ("int | Sequence[int] | None", "Axes of length 1; by default all of them."),
    "tensordot.axes": ("Any", "How many axes, or which of each."),
    "convolve.mode": ("str", "'full', 'same' or 'valid'."),
    "trapezoid.x": ("ArrayLike | None", "The places of the samples."),
    "trapezoid.y": ("ArrayLike", "The samples."),
    "trace.offset": ("int", "Which diagonal: above the main one if positive, below if negative."),
    "expand_dims.axis": ("int", "Where the new axis stands."),
    "where": ("ArrayLike | None", "Boolean; the elements that take part. It broadcasts with `x`."),
}

#: The derivative where it is a matter of convention: ties, zeros, infinities, singular points.
CORNERS = {
    "max min": (
        "Elements that tie share the gradient evenly, `initial` among them. With nan present it is "
        "nan."
    ),
    "nanmax nanmin": (
        "Elements that tie share the gradient evenly, `initial` among them. It is 0 for nan."
    ),
    "nansum nanprod nanmean nanvar nanmedian nancumsum nancumprod": "The gradient is 0 for nan.",
    "quantile percentile nanquantile nanpercentile": (
        "It goes to the elements around the quantile, and to `q` unless the method chooses one "
        "element. There is none by the weights."
    ),
    "histogram histogram2d histogramdd bincount": (
        "It goes to the weights. A density and edges that were chosen from `x` have one by the "
        "elements at the ends, too; counts have none."
    ),
    "nanargmax nanargmin": (
        "none; the result is a constant. Where all elements are nan it is an error on NumPy."
    ),
    "maximum minimum": "Elements that tie get half of the gradient each. At nan it is nan.",
    "abs": "The derivative at 0 is 0.",
    "sign": "The derivative is 0 everywhere, at 0 too; that of a complex number is 0 at 0.",
    "linalg.vector_norm": "The gradient at 0 is 0, for every `ord`.",
    "linalg.norm": "The gradient of a vector's norm at 0 is 0; a matrix's is as torch has it.",
    "linalg.matrix_norm": "Columns, rows or singular values that tie share the gradient evenly.",
    "std nanstd": "The gradient where all elements are equal is 0. For nan, `nanstd` has 0.",
    "hypot atan2": (
        "The gradient at (0, 0) is 0. Tiny or huge arguments neither underflow nor overflow."
    ),
    "clip": (
        "At a bound the whole gradient goes to `x`. Where min > max, all of it goes to `max`."
    ),
    "prod": (
        "A tree of products, without division: exact where elements are 0, and without overflow "
        "that the value does not have."
    ),
    "cumulative_prod cumprod": "Without division: exact where elements are 0.",
    "pow": (
        "Where x1 is 0, the derivative by x1 is the limit: 0 for x2 = 0 or x2 > 1, and 1 for "
        "x2 = 1. That by x2 is 0 for x2 >= 0."
    ),
    "logaddexp": "Equal infinities share the gradient evenly.",
    "logsumexp special.logsumexp": "Where all elements are -inf, they share the gradient evenly.",
    "linalg.det": "Correct at singular matrices and close to them, for two orders.",
    "linalg.slogdet": "The gradient uses the inverse: nothing is promised at singular matrices.",
    "linalg.eigh linalg.eigvalsh linalg.cholesky": (
        "The gradient is Hermitian, as the argument is. That of eigenvectors is not defined where "
        "eigenvalues coincide."
    ),
    "linalg.svd": "The gradient of U and Vh is not defined where singular values coincide.",
    "where": (
        "The branch that is not taken gets a gradient of 0, and nan if its own derivative is "
        "infinite or nan; inside `pluggrad.strong_zeros()` it gets exactly 0."
    ),
    "sqrt": "The derivative at 0 is infinite; `pluggrad.strong_zeros()` keeps it out of `where`.",
    "unique_values unique_counts unique_inverse unique_all": (
        "The gradient of a value goes to the first element that has it."
    ),
    "sort": "Equal elements are sorted stably, and each gets the gradient of its own place.",
    "conj real imag": (
        "Gradients of a real loss L are dL/dRe + i dL/dIm, as in torch: the conjugate of JAX's."
    ),
    "floor ceil trunc round floor_divide": "The derivative is 0 everywhere, at the steps too.",
    "take take_along_axis": "Gradients of entries that are taken several times add up.",
    "special.xlogy special.xlog1py special.entr special.rel_entr": (
        "Where the first factor is 0, the value is 0."
    ),
}

#: Examples, which the tests run.
EXAMPLES = {
    "sin": "pg.sin(pg.asarray([0.0, 0.5])).tolist()\n[0.0, 0.479425538604203]",
    "sum": "pg.sum(pg.ones((2, 3)), axis=0).tolist()\n[2.0, 2.0, 2.0]",
    "mean": "pg.mean(pg.asarray([1.0, 2.0, 6.0])).item()\n3.0",
    "max": (
        "v = pg.ones(2, requires_grad=True)\npg.max(v).backward()\nv.grad.tolist()\n[0.5, 0.5]"
    ),
    "min": (
        "v = pg.ones(2, requires_grad=True)\npg.min(v).backward()\nv.grad.tolist()\n[0.5, 0.5]"
    ),
    "maximum": "pg.maximum(pg.asarray([1.0, 4.0]), 2.0).tolist()\n[2.0, 4.0]",
    "minimum": "pg.minimum(pg.asarray([1.0, 4.0]), 2.0).tolist()\n[1.0, 2.0]",
    "abs": (
        "v = pg.asarray([-2.0, 0.0]).requires_grad_()\npg.sum(pg.abs(v)).backward()\n"
        "v.grad.tolist()\n[-1.0, 0.0]"
    ),
    "clip": "pg.clip(pg.asarray([-1.0, 0.5, 3.0]), 0.0, 1.0).tolist()\n[0.0, 0.5, 1.0]",
    "prod": (
        "v = pg.asarray([0.0, 2.0, 3.0]).requires_grad_()\npg.prod(v).backward()\n"
        "v.grad.tolist()\n[6.0, 0.0, 0.0]"
    ),
    "pow": "pg.pow(pg.asarray([2.0, 3.0]), 2.0).tolist()\n[4.0, 9.0]",
    "add": "pg.add(pg.asarray([1.0, 2.0]), 10.0).tolist()\n[11.0, 12.0]",
    "multiply": "pg.multiply(pg.asarray([1.0, 2.0]), 10.0).tolist()\n[10.0, 20.0]",
    "subtract": "pg.subtract(pg.asarray([1.0, 2.0]), 1.0).tolist()\n[0.0, 1.0]",
    "divide": "pg.divide(pg.asarray([1.0, 2.0]), 2.0).tolist()\n[0.5, 1.0]",
    "sqrt": "pg.sqrt(pg.asarray([4.0, 9.0])).tolist()\n[2.0, 3.0]",
    "square": "pg.square(pg.asarray([2.0, 3.0])).tolist()\n[4.0, 9.0]",
    "exp": "pg.exp(pg.asarray(0.0)).item()\n1.0",
    "log": "pg.log(pg.asarray(1.0)).item()\n0.0",
    "equal": "pg.equal(pg.asarray([1.0, 2.0]), 2.0).tolist()\n[False, True]",
    "sign": "pg.sign(pg.asarray([-2.0, 0.0, 3.0])).tolist()\n[-1.0, 0.0, 1.0]",
    "floor": "pg.floor(pg.asarray([-0.5, 1.5])).tolist()\n[-1.0, 1.0]",
    "round": "pg.round(pg.asarray([0.5, 1.5])).tolist()\n[0.0, 2.0]",
    "hypot": "pg.hypot(pg.asarray(3.0), pg.asarray(4.0)).item()\n5.0",
    "where": (
        "x = pg.asarray([-1.0, 4.0])\npg.where(x > 0, x, 0.0).tolist()\n[0.0, 4.0]"
    ),
    "arange": "pg.arange(3).tolist()\n[0, 1, 2]",
    "asarray": "pg.asarray([[1.0, 2.0], [3.0, 4.0]]).shape\n(2, 2)",
    "eye": "pg.eye(2).tolist()\n[[1.0, 0.0], [0.0, 1.0]]",
    "ones": "pg.ones((2, 2)).tolist()\n[[1.0, 1.0], [1.0, 1.0]]",
    "zeros": "pg.zeros(2).tolist()\n[0.0, 0.0]",
    "reshape": "pg.reshape(pg.arange(6), (2, -1)).tolist()\n[[0, 1, 2], [3, 4, 5]]",
    "permute_dims": "pg.permute_dims(pg.ones((2, 3, 4)), (2, 0, 1)).shape\n(4, 2, 3)",
    "concat": "pg.concat([pg.ones(1), pg.zeros(2)]).tolist()\n[1.0, 0.0, 0.0]",
    "stack": "pg.stack([pg.ones(2), pg.zeros(2)]).tolist()\n[[1.0, 1.0], [0.0, 0.0]]",
    "squeeze": "pg.squeeze(pg.ones((1, 3)), 0).shape\n(3,)",
    "expand_dims": "pg.expand_dims(pg.ones(3), 0).shape\n(1, 3)",
    "broadcast_to": "pg.broadcast_to(pg.ones(3), (2, 3)).shape\n(2, 3)",
    "flip": "pg.flip(pg.arange(3)).tolist()\n[2, 1, 0]",
    "roll": "pg.roll(pg.arange(3), 1).tolist()\n[2, 0, 1]",
    "tile": "pg.tile(pg.arange(2), (2,)).tolist()\n[0, 1, 0, 1]",
    "repeat": "pg.repeat(pg.arange(2), 2).tolist()\n[0, 0, 1, 1]",
    "take": "pg.take(pg.asarray([5.0, 6.0, 7.0]), pg.asarray([2, 0])).tolist()\n[7.0, 5.0]",
    "sort": "pg.sort(pg.asarray([3.0, 1.0, 2.0])).tolist()\n[1.0, 2.0, 3.0]",
    "argsort": "pg.argsort(pg.asarray([3.0, 1.0, 2.0])).tolist()\n[1, 2, 0]",
    "argmax": "pg.argmax(pg.asarray([1.0, 3.0, 2.0])).item()\n1",
    "cumulative_sum": "pg.cumulative_sum(pg.arange(4)).tolist()\n[0, 1, 3, 6]",
    "cumulative_prod": "pg.cumulative_prod(pg.asarray([1.0, 2.0, 3.0])).tolist()\n[1.0, 2.0, 6.0]",
    "var": "pg.var(pg.asarray([1.0, 3.0])).item()\n1.0",
    "std": "pg.std(pg.asarray([1.0, 3.0])).item()\n1.0",
    "all": "pg.all(pg.asarray([True, False])).item()\nFalse",
    "any": "pg.any(pg.asarray([True, False])).item()\nTrue",
    "matmul": "pg.matmul(pg.ones((2, 3)), pg.ones(3)).tolist()\n[3.0, 3.0]",
    "tensordot": "pg.tensordot(pg.ones((2, 3)), pg.ones((3, 2)), axes=1).shape\n(2, 2)",
    "vecdot": "pg.vecdot(pg.asarray([1.0, 2.0]), pg.asarray([3.0, 4.0])).item()\n11.0",
    "einsum": "pg.einsum('ij,j->i', pg.ones((2, 3)), pg.ones(3)).tolist()\n[3.0, 3.0]",
    "outer": "pg.outer(pg.asarray([1.0, 2.0]), pg.asarray([3.0])).tolist()\n[[3.0], [6.0]]",
    "median": "pg.median(pg.asarray([3.0, 1.0, 2.0])).item()\n2.0",
    "softmax": "pg.softmax(pg.zeros(2)).tolist()\n[0.5, 0.5]",
    "linalg.det": "pg.linalg.det(pg.asarray([[2.0, 0.0], [0.0, 3.0]])).item()\n6.0",
    "linalg.inv": (
        "pg.linalg.inv(pg.asarray([[2.0, 0.0], [0.0, 4.0]])).tolist()\n[[0.5, 0.0], [0.0, 0.25]]"
    ),
    "linalg.solve": (
        "pg.linalg.solve(pg.asarray([[2.0, 0.0], [0.0, 4.0]]), pg.ones(2)).tolist()\n[0.5, 0.25]"
    ),
    "linalg.trace": "pg.linalg.trace(pg.eye(3)).item()\n3.0",
    "linalg.vector_norm": "pg.linalg.vector_norm(pg.asarray([3.0, 4.0])).item()\n5.0",
    "linalg.diagonal": "pg.linalg.diagonal(pg.eye(2)).tolist()\n[1.0, 1.0]",
    "fft.fft": "pg.fft.fft(pg.asarray([1 + 0j, 0j])).tolist()\n[(1+0j), (1+0j)]",
    "fft.rfft": "pg.fft.rfft(pg.ones(4)).tolist()\n[(4+0j), 0j, 0j]",
    "special.expit": "pg.special.expit(pg.asarray(0.0)).item()\n0.5",
    "special.xlogy": "pg.special.xlogy(pg.asarray(0.0), pg.asarray(0.0)).item()\n0.0",
}  # fmt: skip
