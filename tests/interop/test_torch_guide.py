"""What docs/torch.md tells users of torch is so."""

from __future__ import annotations

import doctest
import re

from tests.support.examples import CHECKOUT
from tests.support.optional import needs

torch = needs("torch")


def test_the_guide(monkeypatch):
    monkeypatch.syspath_prepend(CHECKOUT)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, tried = doctest.testfile(
        str(CHECKOUT / "docs" / "torch.md"), module_relative=False, optionflags=options
    )
    assert tried > 40
    assert failed == 0


def test_the_loop():
    text = (CHECKOUT / "docs" / "torch.md").read_text(encoding="utf-8")
    section = text.partition("## The loop that you have\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 2
    torch.manual_seed(0)
    scope: dict[str, object] = {}
    for block in blocks:
        exec(block, scope)
    assert scope["v"].grad.shape == (64, 8)
    assert scope["guess"].shape == (64, 1)
    assert not scope["guess"].requires_grad
    assert scope["x"].grad.shape == (5, 8)
    assert all(p.grad is not None for p in scope["model"].parameters.values())
