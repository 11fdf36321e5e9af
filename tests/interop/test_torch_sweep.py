"""A sample of `tests/torch_sweep.py`: torch's functions on torch's own samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.optional import needs

needs("torch", "expecttest")
from tests import torch_sweep, torch_table

DOCS = Path(__file__).parents[2] / "docs"

#: Functions of every kind: rules of ours with torch's arguments, torch's own, lists, several results.
NAMES = [
    "addmm", "amax", "block_diag", "cat", "cdist", "clamp", "cross", "cummax", "cumprod", "diagonal",
    "diff", "einsum", "fft.fftn", "fft.irfft", "gather", "index_select", "lerp", "linalg.cholesky",
    "linalg.matrix_norm", "linalg.norm", "linalg.solve", "linalg.vector_norm", "logsumexp",
    "masked_fill", "max", "mean", "meshgrid", "nn.functional.avg_pool2d", "nn.functional.batch_norm",
    "nn.functional.bilinear", "nn.functional.conv_transpose2d", "nn.functional.conv2d",
    "nn.functional.cross_entropy", "nn.functional.ctc_loss", "nn.functional.embedding_bag",
    "nn.functional.gelu", "nn.functional.grid_sample", "nn.functional.group_norm",
    "nn.functional.huber_loss", "nn.functional.interpolate", "nn.functional.kl_div",
    "nn.functional.layer_norm", "nn.functional.max_pool2d", "nn.functional.mse_loss",
    "nn.functional.pad", "nn.functional.rrelu", "nn.functional.scaled_dot_product_attention",
    "nn.functional.softplus", "norm", "prod", "roll", "scatter_add", "softmax", "sort", "split",
    "squeeze", "std", "sum", "take_along_dim", "tensordot", "topk", "transpose", "unbind", "var",
    "vstack", "where",
]  # fmt: skip


@pytest.fixture(scope="module")
def operations():
    return torch_sweep.operations(NAMES)


def test_all_are_torchs(operations):
    assert {op.name for op in operations} == set(NAMES)
    findings = [f for op in operations for f in torch_sweep.sweep([op], 1)]
    bad = [f for f in findings if f.outcome in (*torch_sweep.BAD, "no method")]
    refused = {f.name for f in findings if f.outcome == "refused"}
    assert bad == [] and refused <= {"nn.functional.embedding_bag"}
    assert len(findings) == len(operations)


def test_the_table_counts_every_function(operations):
    findings = list(torch_sweep.sweep(operations[:2], 1))
    assert "| all |" in torch_sweep.table(torch_sweep.counted(findings))
    answers = torch_table.functions()
    assert answers["torch.nn.functional.conv2d"] == ("torch's", "")
    assert answers["torch.matmul"] == answers["torch.Tensor.sum"] == ("ours", "")
    assert answers["torch.Tensor.add_"] == ("writes", "")
    assert answers["torch.Tensor.output_nr.__get__"][0] == "refused"
    assert all([reason for answer, reason in answers.values() if answer == "refused"])
    assert len(answers) > 1000


def test_the_page_is_of_the_present_list_of_functions():
    kept = torch_table.read(DOCS / "torch-sweep.json")
    if kept["torch"] != torch_sweep.torch.__version__.partition("+")[0]:
        pytest.skip(f"docs/torch-functions.md is about torch {kept['torch']}")
    page = (DOCS / "torch-functions.md").read_text(encoding="utf-8")
    rows = torch_table.markdown(kept)
    again = "run `python docs/compatibility.py --torch`"
    assert "\n".join(rows).strip() in page, again
    functions = torch_table.as_text(kept["torch"], torch_table.by_place())
    assert (DOCS / "torch-functions.json").read_text(encoding="utf-8") == functions, again
    for found in kept["dtypes"].values():
        assert not set(found["counts"]["all"]) & {*torch_sweep.BAD}


def test_a_wrong_derivative_is_seen(operations, monkeypatch):
    from pluggrad_torch.functions import SPECIAL

    op = next(op for op in operations if op.name == "lerp")
    lerp = SPECIAL["lerp"]
    monkeypatch.setitem(SPECIAL, "lerp", lambda xp, *args: lerp(xp, *args).detach())
    assert {f.outcome for f in torch_sweep.sweep([op], 1)} == {"wrong"}
    monkeypatch.setitem(SPECIAL, "lerp", lambda xp, *args: lerp(xp, *args) * 2)
    assert {f.outcome for f in torch_sweep.sweep([op], 1)} == {"wrong"}
