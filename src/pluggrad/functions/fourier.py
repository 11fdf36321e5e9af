"""Fourier transforms: NumPy's order of arguments, and the two-dimensional forms."""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axis_of
from ..errors import InvalidArgumentError

for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    widen(f"fft.{_name}(x, /, n=None, axis=-1, norm='backward')")
for _name in ("fftshift", "ifftshift"):
    widen(f"fft.{_name}(x, /, axes=None)")


def _repeating(name: str) -> None:
    """Widen the transform `name` by axes that repeat: one axis is transformed after the other."""
    real = name in ("rfftn", "irfftn")

    @widen(
        f"fft.{name}(x, /, s=None, axes=None, norm='backward')",
        when="type(axes) in LISTS and any([axes.count(n) > 1 for n in axes])",
    )
    def transform(x: Any, /, s: Any = None, axes: Any = None, norm: Any = "backward") -> Any:
        axes = [axis_of(n, x.ndim, f"fft.{name}", "axes") for n in axes]
        lengths = [x.shape[n] for n in axes]
        if s is not None and (not isinstance(s, (tuple, list)) or len(s) != len(axes)):
            raise InvalidArgumentError(f"fft.{name}: s={s!r} has no length for each of {axes}")
        if s is None and name == "irfftn":
            lengths[-1] = 2 * (lengths[-1] - 1)
        elif s is not None:
            lengths = [m if n == -1 else n for n, m in zip(s, lengths, strict=True)]
        steps = list(zip(lengths, axes, strict=True))
        plain = getattr(xp.fft, name.removesuffix("n").replace("r", ""))
        last = getattr(xp.fft, name.removesuffix("n"))
        first = steps[:-1] if name == "irfftn" else [] if real else steps[::-1]
        for length, axis in first:
            x = plain(x, n=length, axis=axis, norm=norm)
        if real:
            x = last(x, n=steps[-1][0], axis=steps[-1][1], norm=norm)
        for length, axis in steps[-2::-1] if name == "rfftn" else []:
            x = plain(x, n=length, axis=axis, norm=norm)
        return x


for _name in ("fftn", "ifftn", "rfftn", "irfftn"):
    _repeating(_name)


@composite("fft.fft2", own=True, arrays="x")
def fft2(x: Any, /, s: Any = None, axes: Any = (-2, -1), norm: Any = "backward") -> Any:
    """The Fourier transform over two axes of `x`: `fftn` with other defaults.

    Parameters
    ----------
    s : sequence of ints, optional
        The lengths along the axes: `x` is cut or padded with zeros to them; -1 keeps a length.
    axes : sequence of ints, default (-2, -1)
        Which axes; by default the last two.
    norm : str, default 'backward'
        Which direction is scaled: 'backward', 'ortho' or 'forward'.

    >>> import pluggrad as pg
    >>> pg.fft.fft2(pg.ones((2, 2))).tolist()
    [[(4+0j), 0j], [0j, 0j]]
    """
    return xp.fft.fftn(x, s=s, axes=axes, norm=norm)


@composite("fft.ifft2", own=True, arrays="x")
def ifft2(x: Any, /, s: Any = None, axes: Any = (-2, -1), norm: Any = "backward") -> Any:
    """The inverse Fourier transform over two axes of `x`: `ifftn` with other defaults.

    Parameters
    ----------
    s : sequence of ints, optional
        The lengths along the axes: `x` is cut or padded with zeros to them; -1 keeps a length.
    axes : sequence of ints, default (-2, -1)
        Which axes; by default the last two.
    norm : str, default 'backward'
        Which direction is scaled: 'backward', 'ortho' or 'forward'.

    >>> import pluggrad as pg
    >>> pg.fft.ifft2(pg.ones((2, 2))).tolist()
    [[(1+0j), 0j], [0j, 0j]]
    """
    return xp.fft.ifftn(x, s=s, axes=axes, norm=norm)


@composite("fft.rfft2", own=True, arrays="x")
def rfft2(x: Any, /, s: Any = None, axes: Any = (-2, -1), norm: Any = "backward") -> Any:
    """The Fourier transform over two axes of a real array `x`: `rfftn` with other defaults.

    Parameters
    ----------
    s : sequence of ints, optional
        The lengths along the axes: `x` is cut or padded with zeros to them; -1 keeps a length.
    axes : sequence of ints, default (-2, -1)
        Which axes; by default the last two.
    norm : str, default 'backward'
        Which direction is scaled: 'backward', 'ortho' or 'forward'.

    >>> import pluggrad as pg
    >>> pg.fft.rfft2(pg.ones((2, 2))).tolist()
    [[(4+0j), 0j], [0j, 0j]]
    """
    return xp.fft.rfftn(x, s=s, axes=axes, norm=norm)


@composite("fft.irfft2", own=True, arrays="x")
def irfft2(x: Any, /, s: Any = None, axes: Any = (-2, -1), norm: Any = "backward") -> Any:
    """The inverse of `rfft2`: the real array whose transform over two axes is `x`.

    It is `irfftn` with other defaults.

    Parameters
    ----------
    s : sequence of ints, optional
        The lengths of the result along the axes; by default the last one is even.
    axes : sequence of ints, default (-2, -1)
        Which axes; by default the last two.
    norm : str, default 'backward'
        Which direction is scaled: 'backward', 'ortho' or 'forward'.

    >>> import pluggrad as pg
    >>> pg.fft.irfft2(pg.fft.rfft2(pg.ones((2, 2)))).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return xp.fft.irfftn(x, s=s, axes=axes, norm=norm)
