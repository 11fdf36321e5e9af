"""Compiled programs: what a function computes, written down once and run without the engine.

The way of ``pg.compile(f)(x)`` is a straight line:

1. `compiled` looks for a program of this kind of call (`arguments` sorts what varies from what does
   not, `guards` tests the names that `f` reads). If there is none,
2. `tracing` runs `f` on stand-ins for its arrays, which write down a `program`;
3. `passes` make it shorter;
4. `emit` writes it as Python source (other `engines` compile it themselves);
5. it is run once beside `f` itself, and kept if it returns the same, to the last bit.
"""
