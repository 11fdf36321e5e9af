"""What functions refer to by name, taken down and given back."""

from __future__ import annotations

import cmath
import functools
import gc
import math
from typing import Any

import pytest

from pluggrad.engine.closures import seen

number = 1
library: Any = math


def plain(x: Any) -> Any:
    return x


def reads_a_global(x: Any) -> Any:
    return x * number


def calls_a_helper(x: Any) -> Any:
    return reads_a_global(x) + len([x])


def test_a_function_that_has_not_changed_is_itself() -> None:
    k = 2

    def closes(x: Any) -> Any:
        return k * x

    method = [].append
    for f in (plain, reads_a_global, calls_a_helper, closes, method, functools.partial(closes, 1)):
        assert seen(f).as_called() is f


def sines(x: Any) -> Any:
    return library.sin(x)


def test_modules_are_taken_down_again_where_they_are_others() -> None:
    global library
    steady: dict[Any, Any] = {}
    first = seen(sines, steady)
    assert seen(sines, steady) is first and list(steady) == [sines]
    assert not isinstance(seen(reads_a_global, steady), type(first))
    try:
        library = cmath
        assert isinstance(first.as_called()(0.0), float)
        other = seen(sines, steady)
        assert other is not first and isinstance(other.as_called()(0.0), complex)
        library = math
        assert isinstance(other.as_called()(0.0), complex)
        assert isinstance(seen(sines, steady).as_called()(0.0), float)
    finally:
        library = math


def test_cells_globals_and_helpers_are_those_of_the_call() -> None:
    global number
    k = 2
    helper = lambda x: k * x

    def closes(x: Any, y: Any = 5, *, z: Any = 7) -> Any:
        return helper(x) + reads_a_global(1) + y + z

    class Bound:
        def method(self, x: Any) -> Any:
            return helper(x)

    then = [seen(f) for f in (closes, calls_a_helper, functools.partial(closes, 1), Bound().method)]
    k, number = 100, 1000
    try:
        assert [f.as_called()(*args) for f, args in zip(then, [(1,), (1,), (), (1,)], strict=True)] == [
            15, 2, 15, 2,
        ]  # fmt: skip
        assert closes(1) == 1112
        helper = lambda x: -1
        assert then[0].as_called()(1) == 15 and closes(1) == 1011
    finally:
        number = 1


def test_decorators_are_looked_through() -> None:
    def twice(f: Any) -> Any:
        @functools.wraps(f)
        def doubled(x: Any) -> Any:
            return 2 * f(x)

        return doubled

    k = 3
    f = twice(lambda x: k * x)
    then = seen(f)
    k = 4
    assert (then.as_called()(1), f(1)) == (6, 8)


def test_functions_that_refer_to_themselves_leave_no_cycles() -> None:
    k = 1

    def factorial(n: int) -> int:
        return k if n < 2 else n * factorial(n - 1)

    gc.collect()
    gc.disable()
    try:
        then = seen(factorial)
        k = 10
        assert (then.as_called()(4), factorial(4)) == (24, 240)
        del then
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert not [x for x in gc.garbage if type(x).__module__ == "pluggrad.engine.closures"]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_name_without_a_value_stays_one() -> None:
    def f() -> Any:
        return later

    then = seen(f)
    later = 3
    with pytest.raises(NameError):
        then.as_called()()
    assert f() == later
