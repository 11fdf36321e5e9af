"""`pg.draw`: what is in the picture is what is in the graph."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.tools.drawing import layout
from tests.support.backends import ALL, backend_fixture
from tests.support.examples import EXAMPLES, load_example

SVG = "{http://www.w3.org/2000/svg}"


class Seen:
    """An SVG as its reader sees it: boxes by number, and arrows between them."""

    def __init__(self, drawing):
        self.root = ET.fromstring(drawing.svg)
        self.boxes = []
        for group in self.root.iter(f"{SVG}g"):
            lines = [text.text for text in group.iter(f"{SVG}text")]
            self.boxes.append((group.get("class"), lines, group.find(f"{SVG}title").text))
        self.arrows = sorted(
            (int(p.get("data-from")), int(p.get("data-to")))
            for p in self.root.iter(f"{SVG}path")
            if p.get("class") == "edge"
        )

    def box(self, title):
        (found,) = [box for box in self.boxes if box[1][0] == title]
        return found

    def kinds(self, kind):
        return [box for box in self.boxes if box[0].split()[0] == kind]

    def inside(self):
        """Whether no box leaves the picture or overlaps another."""
        _, _, width, height = map(float, self.root.get("viewBox").split())
        shapes = []
        for group in self.root.iter(f"{SVG}g"):
            rect = group.findall(f"{SVG}rect")[-1]
            x, y, w, h = [float(rect.get(name)) for name in ("x", "y", "width", "height")]
            assert x >= 0 and y >= 0 and x + w <= width + 1 and y + h <= height + 1
            shapes.append((x, y, w, h))
        for i, (x, y, w, h) in enumerate(shapes):
            for x2, y2, w2, h2 in shapes[:i]:
                assert x >= x2 + w2 or x2 >= x + w or y >= y2 + h2 or y2 >= y + h
        return True


def ramp(backend, *shape, dtype="float64"):
    xp = pg.namespace(backend)
    count = max(1, int(np.prod(shape)))
    values = np.linspace(0.1, 0.9, count).reshape(shape)
    return Variable(xp.asarray(values.tolist(), dtype=getattr(xp, dtype)).data, requires_grad=True)


backend = backend_fixture(*ALL)


@pytest.fixture(params=["layers", "dot"])
def engine(request):
    if request.param == "dot" and not layout.dot_is_there():
        pytest.skip("Graphviz is not installed")
    return request.param


def reachable(node):
    """What `next_functions` leads to: the names of the nodes, and the pairs of names of edges."""
    seen, stack, edges = {node}, [node], []
    while stack:
        n = stack.pop()
        for parent, _ in n.next_functions:
            edges.append((parent.name(), n.name()))
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(n.name() for n in seen), edges


def test_boxes_and_arrows_are_those_of_next_functions(backend, engine):
    w, b = ramp(backend, 4, 3), ramp(backend, 3)
    x = pg.namespace(backend).ones((5, 4), dtype=w.dtype)
    h = pg.tanh(x @ w + b)
    y = pg.sum(h * pg.exp(h) / b)
    seen = Seen(pg.draw(y, names={"w": w, "b": b, "h": h}, engine=engine))
    names, edges = reachable(y.grad_fn)
    drawn = [re.split(", ", tip)[1] for kind, _, tip in seen.boxes if kind != "output"]
    assert sorted(drawn) == names
    tips = [tip.split(", ")[1] if kind != "output" else "" for kind, _, tip in seen.boxes]
    arrows = [(tips[a], tips[b]) for a, b in seen.arrows if tips[b]]
    assert sorted(arrows) == sorted(set(edges))
    assert seen.box("w")[1] == ["w", "4x3 float64"]
    assert seen.box("h = tanh")[1] == ["h = tanh", "5x3 float64", "saves y · 120 B"]
    assert seen.box("result")[1] == ["result", "scalar float64"]
    assert seen.inside()


def test_what_is_saved_is_counted_once(backend):
    x1, x2 = ramp(backend, 6, 4), ramp(backend, 4, 2, dtype="float64")
    y = x1 @ x2
    z = y * y + pg.exp(y)  # exp saves its result, the square its input, which matmul made
    drawing = pg.draw(pg.sum(z), names={"x1": x1, "x2": x2})
    assert drawing.saved_bytes == 8 * (24 + 8 + 12 + 12)
    assert Seen(drawing).box("matmul")[1] == ["matmul", "6x2 float64", "saves x1, x2 · 256 B"]
    assert (drawing.operations, drawing.leaves) == (5, 2)


def test_saved_hooks_and_strong_zeros_do_not_hide_it():
    x = ramp("numpy", 10)
    with pg.strong_zeros(), pg.debug(mutations=True):
        y = pg.sum(pg.exp(x) * x)
    seen = Seen(pg.draw(y))
    assert seen.box("exp")[1][-1] == "saves y · 80 B"
    with pg.autograd.saved_tensors_hooks(lambda v: v.tolist(), np.asarray):
        y = pg.sum(pg.exp(x))
    assert pg.draw(y).saved_bytes == 0


def test_several_outputs_and_custom_functions_read_well(engine):
    class Halves(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x / 2, x / 3

        @staticmethod
        def backward(ctx, g, h):
            return g / 2 + h / 3

    x = ramp("numpy", 7)
    a, b = Halves.apply(x)
    q = pg.linalg.qr(pg.reshape(a, (7, 1)))
    seen = Seen(pg.draw({"b": b, "r": pg.sum(q.R)}, names={"x": x}, engine=engine))
    parts = sorted(box[1] for box in seen.kinds("part"))
    assert parts == [
        ["output 1 of 2", "7 float64"],
        ["output 2 of 2", "1x1 float64"],
        ["output 2 of 2", "7 float64"],
    ]
    custom = [box for box in seen.boxes if "Halves" in box[1][0]]
    assert len(custom) == 1 and "saves inputs" in " ".join(custom[0][1])
    assert not [box for box in seen.boxes if "share" in box[2].lower()]
    assert len(seen.kinds("output")) == 2 and seen.box("b") and seen.box("r")


def test_a_freed_graph_is_drawn_and_says_so(backend):
    x = ramp(backend, 3)
    y = pg.sum(pg.sin(x) * x)
    y.backward()
    drawing = pg.draw(y, names=[x])
    seen = Seen(drawing)
    assert drawing.saved_bytes == 0
    freed = {box[1][0] for box in seen.kinds("operation") if "freed" in box[1]}
    assert freed == {"sin", "multiply"}  # sum has nothing to free
    assert "has .grad" in seen.box("0")[1]


def test_names_come_from_pytrees_and_are_escaped(engine):
    x, y = ramp("numpy", 2), ramp("numpy", 2)
    bad = '<script>alert("&")</script>\x00\\'
    drawing = pg.draw(x * y, names={bad: x, "deep": {"list": [y]}}, engine=engine)
    assert seen_titles(drawing) >= {bad.replace("\x00", "\ufffd"), "deep.list.0"}
    assert "<script>" not in drawing.svg and 'alert(\\"&\\")' in drawing.source


class Model:
    def __init__(self):
        self.w, self.layers = ramp("numpy", 2), [ramp("numpy", 2)]

    def draw(self):
        return pg.draw(self.w * self.layers[0])


def test_leaves_have_the_names_of_the_callers_variables(backend):
    x, params, model = ramp(backend, 2), {"b": ramp(backend, 2)}, Model()
    model.me = model  # a cycle, which is walked once
    other = ramp(backend, 2)
    y = x * params["b"] + pg.exp(other)
    operations = {"multiply", "exp", "add", "result"}
    assert seen_titles(pg.draw(y)) == {"x", "params.b", "other", *operations}
    assert seen_titles(pg.draw(y, names={"given": x})) == {
        "given",
        "params.b",
        "other",
        *operations,
    }
    del other
    assert seen_titles(pg.draw(y)) == {"x", "params.b", "leaf", *operations}
    assert seen_titles(pg.draw(model.w * 2)) == {"model.w", "multiply", "result"}
    assert seen_titles(model.draw()) == {"w", "layers.0", "multiply", "result"}
    assert seen_titles(pg.draw(pg.softmax(x))) == {"x", "softmax", "result"}


class Looked(list):
    """A list that counts what is looked at in all of its kind."""

    seen = 0

    def __iter__(self):
        for item in super().__iter__():
            Looked.seen += 1
            yield item


def test_a_search_for_names_ends_soon():
    deep = Looked([Looked([Looked([0.0] * 1000) for _ in range(100)]) for _ in range(3)])
    assert "leaf" in seen_titles(pg.draw(pg.exp(ramp("numpy", 2) * 1)))
    assert 40_000 < Looked.seen < 60_000 and len(deep) == 3


def test_shapes_are_those_of_the_variables(backend):
    xp = pg.namespace(backend)
    made = {}

    def keep(v):
        made[f"v{len(made)}"] = v
        return v

    w, b, v = ramp(backend, 4, 8), ramp(backend, 8), ramp(backend, 2, 8, 3)
    h = keep(pg.tanh(keep(keep(xp.ones((2, 5, 4), dtype=w.dtype) @ w) + b)))
    z = keep(keep(keep(h @ v) / 2.0) + xp.ones((1, 3), dtype=w.dtype))
    z = keep(pg.softmax(z, axis=-1))
    m = keep(pg.mean(z, axis=-1, keepdims=True))
    z = keep(keep(z - m) / keep(keep(pg.std(z, axis=-1, keepdims=True)) + 1e-5))
    z = keep(pg.matrix_transpose(keep(pg.permute_dims(z, (1, 0, 2)))))
    z = keep(pg.reshape(z, (5, 6)) * 1.0)
    z[0, :] = 1.0
    z = keep(pg.max(keep(z * 3.0), axis=0))
    y = keep(pg.sum(keep(pg.log(keep(z[2:] ** 2.0)))))
    seen = Seen(pg.draw(y, names=made))
    for name, each in made.items():
        (box,) = [box for box in seen.boxes if box[1][0].startswith(f"{name} = ")]
        size = "x".join(str(n) for n in each.shape) or "scalar"
        assert box[1][1] == f"{size} {str(each.dtype).rpartition('.')[2]}"


def test_text_fits_into_its_box():
    from pluggrad.tools.drawing.folds import Panel
    from pluggrad.tools.drawing.paint import size_of

    # In Helvetica and its like a W is 0.94 em wide, an i 0.28; a bold title has 13 pixels.
    wide, narrow = [size_of(Panel("leaf", c * 30, [], ""))[0] for c in "Wi"]
    assert wide > 30 * 0.94 * 13 and narrow < wide / 2


def seen_titles(drawing):
    return {box[1][0] for box in Seen(drawing).boxes}


def test_leaves_untracked_values_and_transforms():
    x = ramp("numpy", 3)
    assert {box[0] for box in Seen(pg.draw(x)).boxes} == {"leaf", "output"}
    assert Seen(pg.draw(Variable(np.ones(2)))).box("result")[1][-1] == "requires no grad"
    inner = []
    pg.grad(lambda v: inner.append(pg.draw(pg.sum(v * x))) or pg.sum(v * x))(np.ones(3))
    pg.jvp(lambda v: inner.append(pg.draw(v * 2)) or v * 2, (np.ones(3),), (np.ones(3),))
    pg.vmap(lambda v: inner.append(pg.draw(pg.sum(v * x))) or v)(np.ones((4, 3)))
    assert inner[0].operations == 2 and inner[1].operations == 0 and inner[2].operations == 2
    assert Seen(inner[2]).box("result")[1] == ["result", "4 float64"]
    y = pg.exp(ramp("numpy", 3))
    assert Seen(pg.draw(y)).box("leaf")[1] == ["leaf", "3 float64"]  # the Variable is gone


# ---------------------------------------------------------------- folding


def test_runs_of_single_inputs_fold():
    x = ramp("numpy", 3)
    functions = [pg.sin, pg.cos, pg.tanh, pg.exp, pg.negative, pg.square, pg.atan]
    rng = np.random.default_rng(0)
    y = x
    for which in rng.integers(0, len(functions), 40):
        y = functions[which](y)
    unfolded = Seen(pg.draw(y))
    assert len(unfolded.boxes) == 42
    seen = Seen(pg.draw(y, max_nodes=10))
    assert len(seen.boxes) == 3 and total(seen) == 40
    names = [re.sub("Backward", "", n).lower() for n in reachable(y.grad_fn)[0]]
    for name in {*names} - {"accumulategrad"}:
        assert f"{names.count(name)} {name}" in seen.boxes[0][2]


def total(seen):
    """How many operations the boxes stand for."""
    count = 0
    for kind, _, tip in seen.kinds("operation"):
        count += int(tip.split()[0].replace(",", "")) if "folded" in kind else 1
    return count


@pytest.mark.parametrize("steps", [200, 1000])
def test_what_repeats_folds(steps, engine):
    w, b = ramp("numpy", 3, 3), ramp("numpy", 3)
    state = np.zeros((2, 3))
    for _ in range(steps):
        state = pg.tanh(state @ w + b)
    seen = Seen(pg.draw(pg.sum(state), names={"w": w, "b": b}, engine=engine))
    box = seen.box(f"matmul, add, tanh × {steps:,}")
    assert box[1][1] == f"{3 * steps:,} operations"
    assert total(seen) == 3 * steps + 1
    assert len(seen.boxes) == 5 and seen.inside()


def test_steps_with_two_paths_between_them_fold():
    """A step of an LSTM: no single value connects it with the next one."""
    w, u = ramp("numpy", 3), ramp("numpy", 3)
    h, c = ramp("numpy", 3), ramp("numpy", 3)
    first = [h, c]
    for _ in range(300):
        gate = pg.exp(-pg.square(h * w))
        c = c * gate + pg.tanh(h * u)
        h = gate * pg.tanh(c)
    drawing = pg.draw(pg.sum(h), names={"w": w, "u": u, "first": first})
    seen = Seen(drawing)
    assert total(seen) == drawing.operations
    assert any("× 300" in box[1][0] for box in seen.boxes) and len(seen.boxes) == 7
    assert any("in each: 4 multiply, 2 tanh, square, negative, …" in box[1] for box in seen.boxes)


def test_layers_with_parameters_of_their_own_fold():
    layers = [(ramp("numpy", 3, 3), ramp("numpy", 3)) for _ in range(300)]
    h = np.ones((2, 3))
    for w, b in layers:
        h = pg.tanh(h @ w + b)
    drawing = pg.draw(pg.sum(h), names=layers)
    seen = Seen(drawing)
    assert drawing.leaves == 600 and len(seen.boxes) <= 200 and seen.inside()
    (folded,) = [box for box in seen.boxes if box[1][0] == "600 leaves"]
    assert "299.1" in folded[2] and len(seen.boxes) == 4


def test_parameters_of_folded_layers_fold_even_where_there_is_room():
    layers = {f"layer{n}": ramp("numpy", 3, 3) for n in range(80)}
    h = np.ones((2, 3))
    for w in layers.values():
        h = pg.tanh(h @ w) * 2.0
    seen = Seen(pg.draw(pg.sum(h)))
    assert {box[1][0] for box in seen.boxes} == {"80 leaves", "matmul, tanh, multiply × 80", "sum",
                                                 "result"}  # fmt: skip
    assert "layers.layer78, w" in seen.kinds("leaf")[0][2]


def random_graph(count, seed=0):
    rng = np.random.default_rng(seed)
    some = [ramp("numpy", 3) for _ in range(20)]
    unary, binary = [pg.sin, pg.cos, pg.atan], [pg.add, pg.multiply, pg.subtract]
    for _ in range(count):
        a, b = (some[-int(k)] for k in rng.integers(1, 20, 2))
        which = rng.integers(0, 6)
        some.append(unary[which](a) if which < 3 else binary[which - 3](a, b))
    return some[-1]


@pytest.mark.parametrize("max_nodes", [1, 5, 60, 200])
def test_beyond_the_limit_the_rest_is_summed_up(max_nodes, engine):
    y = random_graph(1500)
    drawing = pg.draw(y, max_nodes=max_nodes, engine=engine)
    seen = Seen(drawing)
    assert len(seen.boxes) <= max(max_nodes + 6, 10)
    assert total(seen) == drawing.operations > 500
    assert seen.inside()
    for a, b in seen.arrows:  # an order exists: no cycles
        assert a != b
    order = {n: i for i, n in enumerate(sorted_boxes(seen))}
    assert len(order) == len(seen.boxes)


def sorted_boxes(seen):
    from graphlib import TopologicalSorter

    graph = {n: set() for n in range(len(seen.boxes))}
    for a, b in seen.arrows:
        graph[b].add(a)
    return list(TopologicalSorter(graph).static_order())  # raises CycleError


def chain(count):
    y = ramp("numpy", 2)
    for _ in range(count):
        y = pg.sin(y) * 1.01
    return y


def test_a_long_chain_is_drawn_without_recursion(engine):
    seen = Seen(pg.draw(chain(50_000), engine=engine))
    assert seen.box("sin, multiply × 50,000") and len(seen.boxes) == 3


def lines_run(f):
    """How many lines of pluggrad `f` runs, each turn of a loop counted."""
    count, before = 0, sys.gettrace()

    def trace(frame, event, arg):
        nonlocal count
        if not frame.f_globals["__name__"].startswith("pluggrad."):
            return None
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        f()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(("graph", "max_nodes"), [(chain, 200), (random_graph, 10_000)])
def test_the_steps_for_a_node_do_not_grow_with_the_graph(graph, max_nodes):
    def steps(count):
        y = graph(count)
        lines = lines_run(lambda: pg.draw(y, max_nodes=max_nodes, engine="layers").svg)
        return lines / len(reachable(y.grad_fn)[0])

    assert steps(400) < 1.3 * steps(200)


# ---------------------------------------------------------------- files and errors


def test_files_and_notebooks(tmp_path):
    x = ramp("numpy", 2)
    y = pg.sum(x * 2)
    drawing = pg.draw(y, tmp_path / "graph.svg", names={"x": x})
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == drawing.svg
    assert drawing._repr_svg_() == drawing.svg and not hasattr(y, "_repr_svg_")
    drawing.save(tmp_path / "graph.dot")
    text = (tmp_path / "graph.dot").read_text(encoding="utf-8")
    assert text == drawing.source and text.startswith("digraph")
    assert str(drawing) == drawing.svg
    assert repr(drawing) == "<Drawing: 2 operations, 1 leaf, 0 B saved>"
    with pytest.raises(ValueError, match="no ending"):
        drawing.save(tmp_path / "graph")
    with pytest.raises(ValueError, match="picture"):
        drawing.save(tmp_path / "graph.picture")
    root = ET.fromstring(drawing.svg)
    assert root.get("role") == "img" and "2 operations" in root.find(f"{SVG}title").text


@pytest.mark.skipif(not layout.dot_is_there(), reason="Graphviz is not installed")
def test_graphviz_writes_other_files(tmp_path):
    x = ramp("numpy", 2)
    for kind, start in (("png", b"\x89PNG"), ("PDF", b"%PDF")):
        pg.draw(pg.exp(x), tmp_path / f"graph.{kind}")
        assert (tmp_path / f"graph.{kind}").read_bytes().startswith(start)


@pytest.mark.skipif(not layout.dot_is_there(), reason="Graphviz is not installed")
def test_the_source_is_read_by_graphviz():
    drawing = pg.draw(random_graph(100), names={'a"\\': ramp("numpy", 2)})
    found = subprocess.run(
        ["dot", "-Tsvg"], input=drawing.source, capture_output=True, text=True, check=True
    )
    assert found.stdout.count('class="node') == len(Seen(drawing).boxes) and not found.stderr


def test_without_graphviz_it_is_laid_out_here(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    assert not layout.dot_is_there()
    x = ramp("numpy", 2)
    assert Seen(pg.draw(pg.exp(x))).inside()
    with pytest.raises(ValueError, match="png takes Graphviz"):
        pg.draw(x, tmp_path / "graph.png")
    with pytest.raises(NotImplementedError, match="Graphviz"):
        pg.draw(x, engine="dot")
    assert layout.by_dot([(10.0, 10.0)], []) is None


def test_what_cannot_be_drawn():
    with pytest.raises(TypeError, match="ndarray"):
        pg.draw(np.ones(2))
    with pytest.raises(TypeError, match="no Variable"):
        pg.draw([])
    with pytest.raises(ValueError, match="max_nodes"):
        pg.draw(ramp("numpy", 2), max_nodes=0)
    with pytest.raises(ValueError, match="engine"):
        pg.draw(ramp("numpy", 2), engine="neato")


def contrast(a, b):
    """WCAG's contrast of two colours."""

    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted([light(a), light(b)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_have_contrast_in_light_and_dark():
    from pluggrad.tools.drawing.paint import STYLE

    for part in STYLE.split("@media"):
        rules = dict(re.findall(r"\.pluggrad-graph ([^{]+)\{([^}]*)\}", part))
        texts = [re.search(r"fill:(#\w+)", rules[name])[1] for name in ("text", "text.head")]
        ground = re.search(r"#\w+", rules[".ground"])[0]
        line = re.search(r"stroke:(#\w+)", rules[".edge"])[1]
        assert contrast(line, ground) > 3
        for kind in ("operation", "part", "leaf", "output"):
            fill, stroke = re.findall(r"#\w+", rules[f".{kind} rect.shape"])
            assert min(contrast(text, fill) for text in texts) > 7
            assert contrast(stroke, ground) > 3


def test_the_example_runs(tmp_path, backend, capsys):
    first, second = load_example("draw").draw(backend, str(tmp_path))
    assert seen_titles(first) >= {"w1", "b2", "hidden = tanh"}
    assert "matmul, add, tanh × 1,000" in seen_titles(second)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["network.svg", "recurrent.svg"]
    done = subprocess.run(
        [sys.executable, EXAMPLES / "draw.py", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--backend" in done.stdout
