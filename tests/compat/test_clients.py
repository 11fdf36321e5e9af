"""Libraries that use HIPS autograd find the same on `pluggrad.compat.autograd`."""

from __future__ import annotations

import pytest

from tests.compat.clients import apart, both
from tests.support.optional import needs
from tests.support.slow import slow_if


@pytest.mark.parametrize("client", [slow_if(False, "lifelines"), slow_if(True, "pymanopt")])
def test_a_client_finds_what_it_finds_with_hips_autograd(client):
    needs("autograd")
    needs(client)
    real, mine = both(client, "--few")
    assert list(real["found"]) == list(mine["found"])
    assert len(real["found"]) > 6
    for name, found in real["found"].items():
        assert apart(found, mine["found"][name]) < 1e-6, name
