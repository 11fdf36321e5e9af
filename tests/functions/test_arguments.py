"""What the functions beyond the standard take for arrays."""

import inspect
import sys

import pluggrad as pg  # noqa: F401  (it fills the registry)

composites = sys.modules["pluggrad.arrays.composites"]


def test_the_parameters_that_are_arrays_are_in_the_signature():
    for name, arrays in composites.ARRAYS.items():
        wider = composites.WIDER.get(name)
        function = wider.function if wider else composites.COMPOSITES[name]
        parameters = list(inspect.signature(function).parameters)[name in composites.MAKERS :]
        names = [key for key in arrays if isinstance(key, str)]
        assert (names or wider is not None) and set(names) <= set(parameters), name
        assert [parameters[key] for key in arrays if isinstance(key, int)] == names, name
