"""`scipy.fft`, `scipy.ndimage` and `scipy.signal`."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from ..operations import Array
from .rows import about, numbers, shaped, torch_function, usual
from .scipy_rows import scipy

v, image, matrix = Array((7,)), Array((5, 6)), Array((3, 4))
z = Array((2, 4))

# ---------------------------------------------------------------- fft

for name in ("dct", "idct"):
    scipy(f"fft.{name}", usual(v), about("type 1", v, type=1), about("type 3, ortho", v, type=3, norm="ortho"), about("type 4", v, 4), shaped("longer", matrix, n=6, axis=0), shaped("shorter", v, n=4), kind="fft", jax=True, analytic=True)
for name in ("dst", "idst"):
    scipy(f"fft.{name}", usual(v), about("type 1", v, type=1), about("type 3, ortho", v, type=3, norm="ortho"), about("type 4", v, 4), shaped("longer", matrix, n=6, axis=0), kind="fft", analytic=True)
for name in ("dctn", "idctn"):
    scipy(f"fft.{name}", usual(matrix), about("type 3, forward", matrix, type=3, norm="forward"), shaped("one axis", matrix, axes=(1,)), kind="fft", jax=True, analytic=True)
for name in ("dstn", "idstn"):
    scipy(f"fft.{name}", usual(matrix), about("type 3, forward", matrix, type=3, norm="forward"), shaped("one axis", matrix, axes=(1,)), kind="fft", analytic=True)
for name in ("fft", "ifft", "hfft", "irfft", "fft2", "ifft2", "irfft2", "fftn", "ifftn", "irfftn"):
    scipy(f"fft.{name}", usual(z), about("ortho", z, norm="ortho"), kind="fft", domains=("complex",), jax=f"numpy.fft.{name}", torch=torch_function(f"fft.{name}"))
for name in ("rfft", "ihfft", "rfft2", "rfftn"):
    scipy(f"fft.{name}", usual(z), about("ortho", z, norm="ortho"), kind="fft", jax=f"numpy.fft.{name}", torch=torch_function(f"fft.{name}"))
for name in ("fftshift", "ifftshift"):
    scipy(f"fft.{name}", usual(z), kind="movement", jax=f"numpy.fft.{name}", torch=torch_function(f"fft.{name}"))

# ---------------------------------------------------------------- ndimage

taps, kernel = Array((3,)), Array((3, 3))
for name in ("correlate", "convolve"):
    scipy(f"ndimage.{name}", usual(image, kernel), about("constant", image, kernel, mode="constant", cval=1.5), about("wrap, moved", image, Array((2, 3)), mode="wrap", origin=(0, 1)))
    scipy(f"ndimage.{name}1d", usual(image, taps), about("nearest", image, taps, axis=0, mode="nearest"), about("mirror, moved", image, taps, mode="mirror", origin=1))
scipy("ndimage.gaussian_filter", usual(image, 1.0), about("slope", image, (1.0, 2.0), order=(1, 0), mode="nearest"), about("wrap", image, 0.7, mode="wrap", truncate=2.0), analytic=True)
scipy("ndimage.gaussian_filter1d", usual(image, 1.0), about("second", image, 1.0, axis=0, order=2, mode="constant", cval=0.5), analytic=True)
scipy("ndimage.gaussian_laplace", usual(image, 1.0), analytic=True)
scipy("ndimage.gaussian_gradient_magnitude", usual(image, 1.0))
for name in ("sobel", "prewitt"):
    scipy(f"ndimage.{name}", usual(image), about("first axis", image, axis=0, mode="constant"), analytic=True)
scipy("ndimage.laplace", usual(image), about("mirror", image, mode="mirror"), analytic=True)
scipy("ndimage.generic_laplace", usual(image), how=lambda s, x: s.ndimage.generic_laplace(x, s.ndimage.sobel))
scipy("ndimage.generic_gradient_magnitude", usual(image), how=lambda s, x: s.ndimage.generic_gradient_magnitude(x, s.ndimage.sobel))
scipy("ndimage.uniform_filter", usual(image, 3), about("wrap", image, (2, 3), mode="wrap", origin=(0, 1)), analytic=True)
scipy("ndimage.uniform_filter1d", usual(image, 3), about("first axis", image, 2, axis=0, mode="nearest"), analytic=True)
for name in ("minimum_filter", "maximum_filter"):
    scipy(f"ndimage.{name}", usual(image, 3), about("constant", image, (2, 3), mode="constant"), kind="movement")
    scipy(f"ndimage.{name}1d", usual(image, 3), about("first axis", image, 3, axis=0, mode="wrap"), kind="movement")
scipy("ndimage.median_filter", usual(image, 3), about("nearest", image, (2, 3), mode="nearest"), kind="movement")
scipy("ndimage.percentile_filter", usual(image, 30, 3), kind="movement")
scipy("ndimage.rank_filter", usual(image, 2, 3), kind="movement")
scipy("ndimage.spline_filter", usual(image), about("order 5", image, 5, mode="reflect"), analytic=True)
scipy("ndimage.spline_filter1d", usual(image), about("order 2", image, 2, 0, mode="grid-wrap"), analytic=True)

places = numbers((0.4, 2.3, 3.1), (1.2, 3.7, 0.6))
scipy("ndimage.map_coordinates", usual(image, places), about("order 1", image, places, order=1), about("order 5, beyond", image, numbers((-1.3, 5.2), (2.6, 7.9)), order=5, mode="reflect"), about("wrap", image, numbers((-1.3, 4.7), (2.6, 7.9)), order=2, mode="grid-wrap"))
scipy("ndimage.affine_transform", usual(image, numbers((0.9, 0.15), (-0.1, 1.05)), numbers(0.3, 0.2), order=5, mode="reflect"), about("scaled", image, numbers(0.8, 1.1), order=1, mode="nearest"))
scipy("ndimage.shift", usual(image, (0.4, -0.7)), about("order 1", image, 0.3, order=1, mode="wrap"), analytic=True)
scipy("ndimage.rotate", usual(image, 20.0), about("kept shape", image, 20.0, reshape=False, order=1, mode="nearest"), analytic=True)
scipy("ndimage.zoom", usual(image, 1.4), about("order 1", image, (0.8, 1.3), order=1, grid_mode=True, mode="grid-constant"), analytic=True)

# ---------------------------------------------------------------- signal

x, b, a = Array((9,)), Array((3,), 0.5, 1.5), numbers(1.0, -0.5, 0.2)
sos = numbers((0.5, 0.3, 0.1, 1.0, -0.4, 0.2), (1.0, 0.2, 0.3, 1.0, 0.1, 0.1))
long = Array((16,))
scipy("signal.lfilter", usual(b, a, x), about("moving average", b, numbers(2.0), x), about("state", b, a, x, -1, numbers(0.3, -0.2)), shaped("first axis", b, a, Array((5, 2)), axis=0), analytic=True)
scipy("signal.lfilter_zi", usual(b, a))
scipy("signal.filtfilt", usual(b, a, long), about("even", b, a, long, padtype="even", padlen=4), about("not padded", b, a, long, padtype=None))
scipy("signal.sosfilt", usual(sos, x))
scipy("signal.sosfilt_zi", usual(sos))
scipy("signal.sosfiltfilt", usual(sos, Array((22,)), padlen=9))
for name in ("convolve", "correlate"):
    scipy(f"signal.{name}", usual(x, b), about("same", x, b, mode="same", method="direct"), about("valid, transformed", image, Array((2, 3)), mode="valid", method="fft"), jax=True)
    scipy(f"signal.{name}2d", usual(image, Array((2, 3))), about("wrapped", image, Array((2, 3)), mode="same", boundary="wrap"), about("mirrored", image, Array((2, 3)), mode="same", boundary="symm"))
scipy("signal.fftconvolve", usual(x, b), about("one axis", image, Array((5, 3)), mode="same", axes=1), kind="fft", jax=True)
scipy("signal.oaconvolve", usual(Array((20,)), b), kind="fft")
scipy("signal.upfirdn", usual(b, x, up=2, down=3), analytic=True)
scipy("signal.resample", usual(x, 6), about("longer", x, 14), kind="fft")
scipy("signal.resample_poly", usual(x, 3, 2), about("mean", x, 2, 3, padtype="mean"), analytic=True)
scipy("signal.savgol_filter", usual(x, 5, 2), about("slope", x, 5, 3, deriv=1, delta=0.5, mode="nearest"))
scipy("signal.detrend", usual(x), about("constant", image, axis=0, type="constant"), about("pieces", x, bp=4), jax=True)
scipy("signal.hilbert", usual(x), about("longer", x, 12), kind="fft")
scipy("signal.medfilt", usual(x, 3), kind="movement")
scipy("signal.medfilt2d", usual(image, 3), kind="movement")
scipy("signal.welch", usual(long, 2.0, nperseg=8), about("magnitudes", long, nperseg=8, window="hamming", scaling="spectrum", average="mean"), kind="fft")
scipy("signal.periodogram", usual(long, 2.0, "hann"), kind="fft")
scipy("signal.csd", usual(long, long, 2.0, nperseg=8), kind="fft", domains=("real",))
scipy("signal.coherence", usual(long, long, 2.0, nperseg=8), kind="fft")
scipy("signal.stft", usual(long, nperseg=8), about("no boundary", long, 2.0, "hann", 8, 5, 12, boundary=None, padded=False, scaling="psd"), how=lambda s, x, *a, **kw: s.signal.stft(x, *a, **kw)[2], kind="fft")
scipy("signal.istft", usual(Array((5, 4)), nperseg=8), about("more overlap", Array((5, 4)), nperseg=8, noverlap=6, boundary=False), how=lambda s, z, **kw: s.signal.istft(z, **kw)[1], kind="fft", domains=("complex",))
scipy("signal.spectrogram", usual(long, nperseg=8), about("magnitudes", long, nperseg=7, noverlap=3, mode="magnitude"), how=lambda s, x, **kw: s.signal.spectrogram(x, **kw)[2], kind="fft")
scipy("signal.decimate", usual(Array((30,)), 2), about("moving average", long, 3, ftype="fir"), about("one way", long, 2, 4, zero_phase=False))
scipy("signal.deconvolve", usual(x, numbers(2.0, 0.7, 0.3)))
scipy("signal.freqz", usual(b, a, 6), about("at frequencies", b, a, numbers(0.3, 1.1, 2.0)), how=lambda s, *args: s.signal.freqz(*args)[1])
scipy("signal.wiener", usual(image), about("noise", image, (3, 5), 0.4))
for name in ("grey_erosion", "grey_dilation", "grey_opening", "grey_closing", "white_tophat", "black_tophat", "morphological_gradient", "morphological_laplace"):
    scipy(f"ndimage.{name}", usual(image, 3), about("even, moved", image, (2, 3), mode="constant", origin=(0, 1)))
for name in ("fourier_gaussian", "fourier_uniform", "fourier_ellipsoid"):
    scipy(f"ndimage.{name}", usual(image, 1.5), about("half of the frequencies", Array((5, 4)), 1.5, 6), domains=("real", "complex"))
scipy("ndimage.fourier_shift", usual(image, numbers(0.4, -0.7)))

LABELS = ((0, 1, 1, 2, 2, 0), (1, 1, 2, 2, 0, 3), (3, 3, 1, 0, 2, 2), (1, 3, 3, 0, 2, 2), (0, 0, 1, 3, 3, 1))
for name in ("sum", "sum_labels", "mean", "variance", "standard_deviation", "minimum", "maximum", "median"):
    scipy(f"ndimage.{name}", usual(image), about("labels", image, Array(values=LABELS, dtype="int64"), (1, 2, 3)))
scipy("ndimage.extrema", usual(image), how=lambda s, x: s.ndimage.extrema(x)[:2], kind="movement")
scipy("ndimage.center_of_mass", usual(Array((5, 6), 0.5, 2)))
