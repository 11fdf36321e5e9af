"""Which calls of a program go into one loop."""

from __future__ import annotations

from pluggrad.plugin import ProgramCall, TracedProgram, Value

from .loops import Loop, compiled, expression, folded, precision

__all__ = ["in_loops"]

#: Compiling takes more than linear time in the length of a loop's body.
LONGEST = 400
#: How many calls a loop is searched past, so that long programs take linear time.
PAST = 100
#: Fewer calls in a loop than this are left to NumPy.
FEWEST = 2


def in_loops(program: TracedProgram) -> TracedProgram:
    """`program` with loops in place of elementwise calls. It is changed in place.

    A loop is collected in one walk over the calls. Calls that do not need its results come before
    it, and those that do, after it; the walk ends at a call that writes, which all calls keep their
    order with. Then comes the next loop, in what is left.
    """
    uses: dict[Value, int] = {}
    for v in [v for call in program.calls for v in call.inputs()]:
        uses[v] = uses.get(v, 0) + 1
    outputs = {v for v in program.outputs if type(v) is Value}
    done: list[ProgramCall] = []
    left = program.calls
    while left:
        found = _Walk(left)
        done += found.before
        done += _made(found.inside, uses, outputs)
        left = found.after
    program.calls = done
    return program


class _Walk:
    """The next loop: the calls `inside` it, `before` it and `after` it."""

    def __init__(self, calls: list[ProgramCall]) -> None:
        self.inside: list[ProgramCall] = []
        self.before: list[ProgramCall] = []
        self.after: list[ProgramCall] = []
        results: set[Value] = set()  # of the loop, for each element
        late: set[Value] = set()  # what is there after the loop only
        for n, call in enumerate(calls):
            if self.inside and (
                call.writes or len(self.after) > PAST or len(self.inside) >= LONGEST
            ):
                self.after += calls[n:]
                return
            inputs = call.inputs()
            if not late.isdisjoint(inputs):
                self.after.append(call)
                late.update(call.results)
            elif expression(call) and self.fits(call):
                self.inside.append(call)
                results.update(call.results)
            elif results.isdisjoint(inputs):
                self.before.append(call)
            elif folded(call):
                self.inside.append(call)
                late.update(call.results)
            else:
                self.after.append(call)
                late.update(call.results)

    def fits(self, call: ProgramCall) -> bool:
        """Whether an elementwise call has the shape and the precision of those in the loop."""
        if not self.inside:
            return True
        first = self.inside[0]
        shapes = call.results[0].shape, first.results[0].shape
        return shapes[0] == shapes[1] and precision(call) == precision(first)


def _made(
    calls: list[ProgramCall], uses: dict[Value, int], outputs: set[Value]
) -> list[ProgramCall]:
    """The calls of a loop, as one call if that pays."""
    if len(calls) < FEWEST:
        return calls
    here: dict[Value, int] = {}
    for v in [v for call in calls for v in call.inputs()]:
        here[v] = here.get(v, 0) + 1
    made = [v for call in calls for v in call.results]
    inputs = [v for v in here if v not in set(made)]
    wanted = [v for v in made if v in outputs or uses.get(v, 0) > here.get(v, 0)]
    if not wanted:
        return []
    loop = Loop(calls, inputs, wanted)
    call = ProgramCall(compiled(loop), tuple(inputs), {})
    call.results, call.several = tuple(wanted), True
    return [call]
