"""Calls that nobody should make, and some that anybody might: errors of ours refuse each.

A line is an expression over these names, all of one backend: `x` (2, 3), `s` (2, 2), `z` the same and
singular, `u` (3,), `p` without axes, `e` without elements, `c` complex (2,), `t` (2, 2, 3), which
require gradients; `k` integers and `b` booleans (2, 3); `r` the raw array of `x`; `other` an array of a
library that is not mixed with this one; `np`, `pg`, and the functions of `test_odd_calls`. A comment
names the backends, where others answer or are lazy.
"""

from __future__ import annotations

OPERATORS = """
x + "a"
"a" + x
x * "a"
"ab" * x
x - None
None - x
x / {}
x // set()
x % "a"
x ** "2"
x @ "a"
x @ None
x < "a"
x >= None
x + ["a"]
["a"] * x
x + [None, 1.0, 2.0]
x + [[1.0], [2.0, 3.0]]
x + [x, x[0, :2]]
x + [x, "a"]
x + [1.0, 2.0]
x + []
x + u[:2]
x @ x
x @ p
u @ x
p @ p
x @ [1.0, 2.0]
t @ u[:2]
k & "a"
k | None
x & x
x | 1.0
~x
x << 1
k << 1.5
x * 10**400
x * 10**5000
x + 10**400
x * __import__("decimal").Decimal("1.5")
x + __import__("fractions").Fraction(1, 2)
__import__("fractions").Fraction(1, 2) * x
divmod(x, "a")
x + other
x.__radd__(other)
x @ other
x == other
pow(x, "a")
x.__iadd__(1.0)
(x * 1).__iadd__(t)
(x * 1).__iadd__("a")
(x * 1).__imul__([1.0, 2.0])
(x * 1).__imatmul__(u)
k.__itruediv__(2.0)
b.__iadd__(1.5)
"""

INDEXING = """
x[2]
x[-3]
x[0, 3]
x[0, 0, 0]
x["a"]
x[1.5]
x[None, 5]
x[{}]
x[0, "a"]
x[[0, 5]]  # numpy torch strict
x[[0.5]]
x[u]
x[p]
x[x]
x[b[0]]
x[[True]]  # numpy torch jax strict
x[1.0:2]  # numpy torch jax strict
x["a":]
x[0:2:0]
p[0]
e[0]
(x * 1).__setitem__(5, 1.0)
(x * 1).__setitem__(0, "a")
(x * 1).__setitem__(0, None)
(x * 1).__setitem__(0, [1.0, 2.0])
(x * 1).__setitem__(0, ["a", "b", "c"])
(x * 1).__setitem__(0, u[:2])
(x * 1).__setitem__("a", 1.0)
(x * 1).__setitem__(0, other)
x.__setitem__(0, 1.0)
len(p)
list(p)
iter(p)
x.item()
x.item(7)
x.item(0, 9)
float(x)
int(u)
complex(x)
bool(x)
bool(e)
range(3)[x]
[1, 2, 3][p]
[1, 2][u]
f"{x:.2f}"
u.size(2)
x.size(-3)
x.take([5], 1)  # numpy torch strict
x.take([0.5], 1)
pg.take(x, k[0], axis=2)
pg.take(u, "a", axis=0)
pg.take_along_axis(x, k, axis=5)
pg.take_along_axis(x, u, axis=0)
"""

METHODS = """
x.sum(2)
x.sum(-3)
x.sum("a")
x.sum(1.5)
x.sum((0, 0))  # numpy torch jax strict
x.sum((0, 5))
x.sum(True)
x.sum(axs=0)
x.sum(0, axis=0)
x.sum(0, None, None, True, 0, True, 7)
x.max(5)
x.min("a")
e.max()  # numpy torch jax strict
e.min()  # numpy torch jax strict
e.argmax()  # numpy torch jax strict
x.argmax(3)
x.prod(None, 1, 2, 3, 4, 5, 6, 7)
x.std(0, ddof="a")
x.var(9)
x.any(4)
x.all("a")
x.cumsum(2)
x.cumprod("a")
x.reshape(4, 2)
x.reshape("a")
x.reshape(-1, -1)
x.reshape(2.5, 2)
x.reshape(2, 3, order="Q")
x.transpose(0, 0)
x.transpose(0, 5)
x.transpose("a", 1)
x.transpose(0)
x.swapaxes(0, 5)
x.swapaxes("a", 0)
x.squeeze(0)  # numpy jax strict dask
x.squeeze(7)
x.squeeze("a")
x.flatten("Q")
x.ravel("Q")
x.repeat("a")
x.repeat(2, 5)
x.repeat(-1, 0)
x.repeat(1.5, 0)
x.repeat([1, 2], 1)
x.round("a")
x.round(1.5)
x.round(1, 2, 3)
x.clip("a", 1)
x.clip(1, [1, 2])
x.astype("nothing")
x.astype(7)
x.astype(None)
x.view(3, 3)
x.diagonal(0, 0, 0)
x.diagonal(0, 0, 5)
u.diagonal()
x.trace(0, 0, 7)
u.trace()
x.dot(x)
x.dot(u[:2])
x.dot("a")
x.argsort(4)
x.argsort("a")
x.sort()
(x * 1).sort(4)
(x * 1).partition(9)
(x * 1).partition(1, 4)
(x * 1).sort(order="a")
(x * 1).put([9], 1.0)  # numpy torch strict
(x * 1).put([0], 1.0, mode="a")
(x * 1).put([0.5], 1.0)
(x * 1).fill("a")
(x * 1).fill([1.0, 2.0])
x.fill(1.0)
x.flags
x.strides
x.ctypes
x.base
x.resize(3, 2)
x.byteswap()
x.getfield("f4")
x.setflags(write=False)
x.dumps()
x.dump("a")
x.tofile("a")
x.tobytes()
x.searchsorted(1.0)
u.searchsorted([1.0], side="middle")  # numpy torch jax strict
x.numpy()
np.asarray(x)
np.array([x, x])
np.array([x[0, 0], x[0, 1]])
x.__dlpack__()
x.to_device("nowhere")
x.__array_namespace__(api_version="2031.12")
"""

AUTOGRAD = """
x.backward()
(x * 2).backward(r[0, :])
(x * 2).backward("a")
(x * 2).backward(2)
k.backward()
p.detach().backward()
twice(x)
(x * 2).sum().backward(inputs=[k])
(x * 2).sum().backward(inputs="a")
(x * 2).sum().backward(inputs=[1.0])
k.requires_grad_()
b.requires_grad_()
pg.Variable(k.data, requires_grad=True)
pg.Variable(x.data, requires_grad=True, volatile=True)
pg.Variable("a")
pg.Variable(None)
pg.Variable(object())
pg.Variable({})
pg.Variable([1.0, "a"])
pg.Variable([[1.0], [1.0, 2.0]])
pg.Variable(np.array(["a"]))
pg.Variable(np.array([None]))
pg.Variable(x)
setattr(x, "grad", u)
setattr(x, "grad", k)
setattr(x, "grad", "a")
setattr(x, "data", "a")
setattr(x, "data", u.data)
(x * 2).requires_grad_(False)
x[0].detach_()
k.retain_grad()
k.register_hook(print)
(x * 2).register_post_accumulate_grad_hook(print)
hooked(x, lambda g: "a")
hooked(x, lambda g: g[0])
hooked(x, lambda g: 1j * g)
__import__("pickle").dumps(x * 2)
pg.autograd.grad(x * 2, x)
pg.autograd.grad(p * 2, u)
pg.autograd.grad(p * 2, k)
pg.autograd.grad(p * 2, "a")
pg.autograd.grad("a", p)
pg.autograd.grad(p * 2, p, grad_outputs=x)
pg.autograd.grad([p * 2, p * 3], p, grad_outputs=[p])
pg.autograd.grad(x * 2, x, grad_outputs="a")
pg.autograd.grad(x.data, x)
pg.autograd.backward([x * 2])
pg.autograd.backward(r)
pg.autograd.backward(None)
custom(x, lambda g: (g, g))
custom(x, lambda g: "a")
custom(x, lambda g: g[0])
custom(x, lambda g: ())
pg.graph_breaks("loud")
pg.autograd.gradcheck(lambda a: a, "a")
pg.autograd.gradcheck(lambda a: "a", (x,))
"""

TRANSFORMS = """
pg.grad(3)
pg.grad(None)
pg.grad(pg.sum)(k)
pg.grad(pg.sum)("a")
pg.grad(pg.sum)()
pg.grad(pg.sum)(None)
pg.grad(pg.sin)(r)
pg.grad(lambda a: "a")(r)
pg.grad(lambda a: None)(r)
pg.grad(lambda a: (a, a))(r)
pg.grad(lambda a: a * 1j)(1.0)
pg.grad(pg.sum, argnums=1)(r)
pg.grad(pg.sum, argnums="a")(r)
pg.grad(pg.sum, argnums=1.5)(r)
pg.grad(pg.sum, argnums=(0, 0))(r)
pg.grad(pg.sum, argnums=(0, 5))(r)
pg.grad(lambda a: pg.sum(a), has_aux=True)(r)
pg.value_and_grad(pg.sin)(r)
pg.vjp(3, r)
pg.vjp(pg.sin, r)[1](r[0, :])
pg.vjp(pg.sin, r)[1]("a")
pg.vjp(lambda a: a, r, has_aux=True)
pg.jvp(pg.sin, r, r)
pg.jvp(pg.sin, (r,), (r, r))
pg.jvp(pg.sin, (r,), (r[0, :],))
pg.jvp(pg.sin, (r,), ("a",))
pg.jvp(pg.sin, ("a",), ("a",))
pg.jvp(pg.sum, (k.data,), (k.data,))
pg.jvp(lambda d: d["a"], ({"a": r},), ({"b": r},))
pg.jvp(lambda d: d["a"], ({"a": r},), ([r],))
pg.linearize(pg.sin, r)[1](r[0, :])
pg.jacrev(pg.sin)("a")
pg.jacrev(pg.sin)(k.data)
pg.jacfwd(pg.sin)("a")
pg.hvp(pg.sin, (r,), (r,))
pg.hvp(pg.sum, (r,), (r[0, :],))
pg.vmap(pg.sin)()
pg.vmap(pg.sin)(1.0)
pg.vmap(pg.sin)(p.data)
pg.vmap(pg.sin)("a")
pg.vmap(pg.sin, in_axes=None)(r)
pg.vmap(pg.sin, in_axes=5)(r)
pg.vmap(pg.sin, in_axes="a")(r)
pg.vmap(pg.sin, in_axes=(0, 0))(r)
pg.vmap(pg.sin, out_axes=5)(r)
pg.vmap(pg.sin, out_axes="a")(r)
pg.vmap(pg.add)(r, r[0, :])
pg.vmap(lambda a: "a")(r)
pg.vmap(lambda a: 1.0 if a.sum() > 0 else 2.0)(r)
pg.vmap(lambda a: float(a.sum()))(r)
pg.vmap(lambda a: np.asarray(a))(r)
pg.vmap(lambda a: a.item())(r)
pg.vmap(lambda a: a[a > 1])(r)
pg.vmap(lambda a: pg.nonzero(a)[0])(r)
pg.vmap(lambda a: pg.unique_values(a))(r)
pg.vmap(pg.sin, randomness="sometimes")(r)
pg.checkpoint(3)
pg.custom_vjp(3)
pg.grad(lambda a: pg.sum(rule(lambda a: (a, None), lambda res, g: (g, g))(a)))(r)
pg.grad(lambda a: pg.sum(rule(lambda a: (a, None), lambda res, g: g[0])(a)))(r)
pg.grad(lambda a: pg.sum(rule(lambda a: (a, None), lambda res, g: "a")(a)))(r)
pg.grad(lambda a: pg.sum(rule(lambda a: a, lambda res, g: (g,))(a)))(r)
pg.grad(lambda a: pg.sum(rule(lambda a: ("a", None), lambda res, g: (g,))(a)))(r)
leaked(r)
"""

FUNCTIONS = """
pg.sum("a")
pg.sum(None)
pg.sum(x, axis=2)
pg.sum(x, axis=(0, -2))  # numpy torch jax strict
pg.mean({})
pg.max(e)  # numpy torch jax strict
pg.sin("a")
pg.sin(None)
pg.sin({})
pg.sin(object())
pg.sin(["a"])
pg.sin([x, u])
pg.exp(b[0, 0] if False else "x")
pg.add(x, "a")
pg.add(x, None)
pg.add("a", "b")
pg.add(x, u[:2])
pg.add(x, other)
pg.multiply(other, x)
pg.where("a", x, x)
pg.where(b, x, "a")
pg.where(b, x, u[:2])
pg.where(b, x, other)
pg.clip(x, "a", 1.0)
pg.clip(x, u[:2], None)
pg.matmul(x, x)
pg.matmul(x, p)
pg.matmul(x, 2.0)
pg.matmul(x, "a")
pg.tensordot(x, x, axes=1)
pg.tensordot(x, x, axes="a")
pg.tensordot(x, x, axes=((0,), (1,)))
pg.tensordot(x, x, axes=5)
pg.vecdot(x, u[:2])
pg.vecdot(x, x, axis=3)
pg.concat([x, u])
pg.concat([x, t])
pg.concat([])
pg.concat([x, x], axis=2)
pg.concat([x, "a"])
pg.concat([x, None])
pg.concat(x, axis="a")
pg.concat([x, x[:, :2]], axis=0)
pg.concat([x, other])
pg.stack([x, u])
pg.stack([])
pg.stack([x, x], axis=4)
pg.stack([x, "a"])
pg.unstack(x, axis=-9)
pg.unstack(p)
pg.reshape(x, (4, 2))
pg.reshape(x, "a")
pg.reshape(x, (-1, -1))
pg.reshape(x, (1.5, 4))
pg.permute_dims(x, (0,))
pg.permute_dims(x, (0, 0))
pg.permute_dims(x, "ab")
pg.moveaxis(x, 0, 5)
pg.moveaxis(x, (0, 1), (0,))
pg.expand_dims(x, axis=5)
pg.expand_dims(x, axis="a")
pg.squeeze(x, 0)
pg.squeeze(x, 5)
pg.flip(x, axis=3)
pg.flip(x, axis="a")
pg.roll(x, 1, axis=4)
pg.roll(x, "a")
pg.roll(x, 1.5)
pg.tile(x, "a")
pg.tile(x, (-1, 2))
pg.tile(x, 1.5)
pg.repeat(x, -1)
pg.repeat(x, "a")
pg.broadcast_to(x, (3, 3))
pg.broadcast_to(x, "a")
pg.broadcast_to(x, (2,))
pg.broadcast_arrays(x, t, u[:2])
pg.diff(x, axis=5)
pg.diff(x, n=-1)
pg.diff(x, n="a")
pg.cumulative_sum(x)
pg.cumulative_sum(x, axis=4)
pg.cumulative_prod(p)
pg.sort(x, axis=3)
pg.sort(x, axis="a")
pg.argsort(x, axis=3)
pg.argmax(e)  # numpy torch jax strict
pg.searchsorted(u, "a")
pg.searchsorted(x, u)
pg.triu(x, k=1.5)
pg.tril(x, k="a")
pg.astype(x, "nothing")
pg.astype(x, 3)
pg.std(x, axis=0, correction="a")
pg.std(x, axis=3)
pg.median(x, axis=5)
pg.median(e)
pg.logsumexp(x, axis=5)
pg.softmax(x, axis=5)
pg.einsum("ij,jk", x, x)
pg.einsum("ij,j", x)
pg.einsum("i", x)
pg.einsum("ij->k", x)
pg.einsum("i!->i", x)
pg.einsum("ij,ij->ijj", x, x)
pg.einsum("ij", "a")
pg.einsum(3, x)
pg.einsum()
pg.pad(x, -1)
pg.pad(x, "a")
pg.pad(x, 1, mode="sideways")
pg.interp(x, u, u[:2])
pg.outer("a", u)
pg.kron("a", u)
pg.dot(x, "a")
pg.trapezoid(x, axis=4)
pg.meshgrid(u, None)
pg.meshgrid(u, indexing="ab")
pg.zeros("a")
pg.zeros(-1)
pg.zeros((2, -1))
pg.zeros(2.5)
pg.ones((2,), dtype="nothing")
pg.zeros((2,), device="nowhere")
pg.eye("a")
pg.arange("a")
pg.arange(0, 5, 0)
pg.linspace(0, 1, -1)
pg.linspace(0, 1, "a")
pg.asarray("a")
pg.asarray(["a"])
pg.asarray(None)
pg.asarray({})
pg.asarray([[1.0], [1.0, 2.0]])
pg.asarray([x, u])
pg.asarray(x, dtype="nothing")
pg.asarray(x[0], copy=False, dtype=pg.namespace(k).int64)
pg.zeros_like("a")
pg.full_like(x, "a")  # numpy torch jax strict
pg.from_dlpack("a")
pg.lift("a", like=x)
pg.lift(1.0, like=1.0)
pg.lift(["a"], like=x)
pg.nan_to_num("a")
pg.angle("a")
pg.convolve(u, "a")
pg.isdtype("a", "real floating")
pg.finfo("a")
pg.iinfo(x)
"""

LINEAR_ALGEBRA = """
pg.linalg.inv(x)
pg.linalg.inv(u)
pg.linalg.inv(p)
pg.linalg.inv("a")
pg.linalg.inv(k)
pg.linalg.det(x)
pg.linalg.det(u)
pg.linalg.slogdet(x)
pg.linalg.solve(s, x[0])
pg.linalg.solve(x, x)
pg.linalg.solve(s, "a")
pg.linalg.solve("a", s)
pg.linalg.solve(s, other)
pg.linalg.cholesky(x)
pg.linalg.cholesky(u)
pg.linalg.eigh(x)
pg.linalg.eigh(u)
pg.linalg.eigvalsh(x)
pg.linalg.svd(u)
pg.linalg.svd("a")
pg.linalg.svdvals(p)
pg.linalg.qr(u)
pg.linalg.qr(x, mode="sideways")
pg.linalg.pinv(u)
pg.linalg.matrix_rank("a")
pg.linalg.matrix_power(s, 1.5)
pg.linalg.matrix_power(s, "a")
pg.linalg.matrix_power(x, 2)
pg.linalg.matrix_norm(u)
pg.linalg.matrix_norm(x, ord="sideways")
pg.linalg.vector_norm(x, axis=5)
pg.linalg.vector_norm(x, ord="fro")
pg.linalg.norm(x, axis=7)
pg.linalg.norm(x, ord="sideways")
pg.linalg.norm(t, ord="fro")
pg.linalg.trace(u)
pg.linalg.diagonal(u)
pg.linalg.diagonal(x, offset="a")
pg.linalg.outer("a", u)
pg.linalg.tensordot(x, x, axes=2.5)
"""

SINGULAR = """
pg.linalg.inv(z)  # numpy torch strict
pg.linalg.solve(z, s)  # numpy torch strict
pg.linalg.cholesky(-s)  # numpy torch strict
pg.linalg.cholesky(z - 1.0)  # numpy torch strict
"""

FOURIER = """
pg.fft.fft("a")
pg.fft.fft(p)
pg.fft.fft(x, axis=3)
pg.fft.fft(x, n=0)
pg.fft.fft(x, n=-1)
pg.fft.fft(x, n=1.5)
pg.fft.fft(x, norm="sideways")
pg.fft.ifft(x, norm=3)
pg.fft.rfft(c)
pg.fft.rfft(x, axis="a")
pg.fft.irfft(x, n=0)
pg.fft.fftn(x, axes=(0, 7))
pg.fft.fftn(x, s=(2, 2, 2), axes=(0, 1))
pg.fft.rfftn(c)
pg.fft.fftshift(x, axes=7)
pg.fft.fftfreq("a")
"""

NAMES = """
pg.namespace("nump")
pg.namespace("tensorflow")
pg.namespace(3)
pg.namespace({})
pg.use(3)
pg.use("nump")
pg.use(None)
pg.use({})
pg.set_default_backend("nump")
pg.set_default_backend(3)
pg.special.erff(x)
pg.special.erf("a")
pg.special.erf(None)
"""

#: NumPy's own functions.
NUMPY = """
np.sin(x, where=b.data)  # numpy
np.add(x, "a")  # numpy
np.add(x, u[:2])  # numpy
np.matmul(x, x)  # numpy
np.sum(x, axis=5)  # numpy
np.sum(x, axis="a")  # numpy
np.concatenate([x, u])  # numpy
np.stack([x, u])  # numpy
np.reshape(x, (4, 2))  # numpy
np.linalg.inv(z)  # numpy
np.linalg.inv(x)  # numpy
np.linalg.cholesky(-s)  # numpy
np.linalg.solve(z, s)  # numpy
np.median(x, axis=5)  # numpy
np.einsum("ij,jk", x, x)  # numpy
np.copyto(np.zeros((2, 3)), x)  # numpy
np.add(np.zeros((2, 3)), x, out=np.zeros((2, 3)))  # numpy
np.add.at(np.zeros(3), [0], x[0, :1])  # numpy
np.zeros((2, 3)).__iadd__(x)  # numpy
np.zeros((2, 3)).__setitem__(slice(None), x)  # numpy
np.put(x, [0], 1.0)  # numpy
np.save("a", x)  # numpy
np.savetxt("a", x)  # numpy
np.frompyfunc(lambda a: a, 1, 1)(x)  # numpy
np.vectorize(lambda a: a)(x)  # numpy
"""

MORE = """
pg.astype(x, other.dtype)
pg.sum(x, dtype=other.dtype)
pg.asarray(x, dtype=other.dtype)
pg.Variable(other) * x
pg.stack([x, pg.Variable(other)])
x[other]
(x * 1).__setitem__(0, pg.Variable(other)[0, :])
pg.autograd.grad(p * 2, pg.Variable(other))
(x * 2).backward(other)
(x * 2).backward(pg.Variable(other))
pg.jvp(pg.sin, (r,), (other,))
pg.vjp(pg.sin, r)[1](other)
pg.grad(lambda a: pg.sum(a * other))(r)
pg.vmap(lambda a, b: a * b)(r, other)
x.sum(True)
x.sum(float("nan"))
pg.sum(x, axis=u)
pg.sum(x, axis=[0, 1.5])
x.sum({})
x.mean("0")
x.reshape(None)
x.reshape(float("inf"))
x.reshape(())
x.reshape([])
x.reshape({})
x.transpose(None, None)
x.transpose(1.0, 0.0)
x[..., float("nan")]
x[object()]
x[lambda: 0]
x["a", 0]
x[[["a"]]]
x[{1: 2}]
x[0][0][0]
x[x > 2][9]
k[[1.0]]
x + (lambda: 0)
x * print
x < {}
x ** []
x @ {}
x & "a"
k >> "a"
~p
k << -1.5
-pg.Variable(np.array(["a"]))
x.flat["a"]
x.flat[9]
setattr(x, "flat", "a")
setattr(x * 1, "flat", [1.0, 2.0])
x.item("a")
x.item(1.5)
x.item(0, 0, 0)
k.item(6)
pg.linalg.solve(s, [1.0, 2.0, 3.0])
pg.linalg.solve(s, None)
pg.linalg.inv([[1.0, 2.0]])
pg.linalg.inv(None)
pg.linalg.det([1.0])
pg.linalg.eigh(None)
pg.linalg.norm("a")
pg.linalg.norm(None)
pg.linalg.qr("a")
pg.linalg.pinv("a")
pg.linalg.vector_norm("a")
pg.linalg.matrix_norm("a")
pg.linalg.cholesky("a")
pg.linalg.matrix_power("a", 2)
pg.linalg.cross("a", u)
pg.linalg.vecdot("a", u)
pg.fft.rfft("a")
pg.fft.fft(None)
pg.fft.fft({})
pg.fft.fft2(u)
pg.fft.irfft("a")
pg.softmax("a")
pg.softmax(x, axis="a")
pg.logsumexp("a")
pg.logsumexp(x, axis="a")
pg.median("a")
pg.nansum("a")
pg.nanmean({})
pg.cumsum("a")
pg.cumsum(x, axis="a")
pg.diag("a")
pg.diag(t)
pg.trace("a")
pg.trace(u)
pg.diagonal("a")
pg.swapaxes(x, 0, 5)
pg.swapaxes("a", 0, 1)
pg.ravel("a")
pg.flatten({})
pg.transpose("a")
pg.transpose(x, (0, 0))
pg.transpose(x, "a")
pg.unstack("a")
pg.meshgrid("a")
pg.broadcast_arrays("a", x)
pg.interp("a", u, u)
pg.interp(x, "a", u)
pg.trapezoid("a")
pg.convolve("a", u)
pg.convolve(x, x)
pg.convolve(u, u, mode="sideways")
pg.sort("a")
pg.argsort({})
pg.nonzero("a")
pg.unique_values("a")
pg.isin("a", x)
pg.count_nonzero("a")
pg.all("a")
pg.any({})
pg.argmax("a")
pg.linspace("a", "b", 3)
pg.arange(x)
pg.eye(-1)
pg.eye(1.5)
pg.full("a", 1.0)
pg.full((2,), None)
pg.full((2,), {})
pg.full_like(x, u[:2])
pg.zeros_like(None)
pg.ones(None)
pg.empty("a")
pg.tril("a")
pg.tile("a", 2)
pg.repeat("a", 2)
pg.roll("a", 1)
pg.flip("a")
pg.concat("a")
pg.concat(None)
pg.concat(3)
pg.stack("a")
pg.stack(3)
pg.concat([["a"], x])
pg.stack({"a": x})
pg.where([True], "a", "b")
pg.einsum("ij,ij", x, [[1.0, 2.0]])
pg.einsum("ij", [["a"]])
pg.einsum("i,i", u, None)
pg.einsum("...i,i...->k", x, u)
pg.pad("a", 1)
pg.pad(x, 1, constant_values="a")  # numpy torch jax strict
pg.outer(None, u)
pg.kron(x, None)
pg.dot(None, None)
pg.tensordot("a", x)
pg.special.erf({})
pg.special.gammainc("a", x)
pg.special.softmax("a")
pg.special.logsumexp({})
pg.jacrev(lambda a: "a")(r)
pg.jacfwd(lambda a: "a")(r)
pg.hessian(lambda a: "a")(r)
pg.linearize(lambda a: "a", r)
pg.vjp(lambda a: "a", r)
pg.jvp(lambda a: "a", (r,), (r,))
pg.hvp(lambda a: "a", (r,), (r,))
pg.vmap(lambda a: {"a": object()})(r)
pg.grad(lambda a: a[9])(r)
pg.grad(lambda a: pg.sum(a @ a))(r)
pg.value_and_grad(pg.sum, argnums=-5)(r)
pg.stop_gradient(object()) + x
pg.lift(x, like="a")
pg.lift(object(), like=x)
pg.lift({}, like=x)
pg.lift(None, like=x)
pg.draw("a")
pg.draw(None)
pg.register_backend(3)
pg.register_backend(None)
pg.namespace(None).nothing
pg.namespace(x).sinn(x)
"""

SAMPLES = """
pg.gradient(x, "a")
pg.gradient(x, 1.0, 2.0, 3.0)
pg.gradient(x, edge_order=3)
pg.gradient(u[:1])
pg.ediff1d(u, "a")
pg.unwrap(u, period=1j)
pg.interp(u, u, u, period=0)
pg.polyval(u, "a")
pg.polyval(np.poly1d([1.0, 2.0]), u)
pg.polyint(u, 3, [1.0, 2.0])
pg.polyder(u, -1)
pg.poly(x[:1])
pg.roots(x)
pg.polyfit(u, u, "a")
pg.polyfit(u, u, -1)
pg.polyfit(u, u[:1], 1)
pg.polyfit(u, u, 1, w=x)
pg.polyfit(u, u, 1, rcond="a")
pg.polydiv(u[:0], u)
pg.correlate(u, 1.5)
pg.correlate(u, u, "most")
pg.kaiser("a", 1.0)
pg.kaiser(5, u)
pg.hanning(u)
pg.hanning(None)
pg.round(u, 1.5)
pg.clip(u, 0.0, 1.0, a_min=0.0)
pg.isclose(u, "a")
pg.nan_to_num(u, nan=[x, x])
pg.isposinf(u * 1j)
pg.i0(u * 1j)
"""

SECTIONS = {
    name.lower(): lines.strip().splitlines()
    for name, lines in {**globals()}.items()
    if name.isupper()
}
