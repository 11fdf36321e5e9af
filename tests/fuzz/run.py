"""The fuzzer as a command: many random programs, and a script for each kind of failure."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fuzz.programs import Program

__all__ = ["MOST_REFUSED", "main"]

#: How often a program is for each backend, as well as one for NumPy: one in so many.
SHARES = {"numpy": 1, "torch": 5, "strict": 5, "jax": 200}

#: A fuzzer that is refused everywhere shows nothing: at most so many of the programs.
MOST_REFUSED = 0.05

CHUNK = 50  # programs that a process is handed at a time
EXAMPLES = 3  # of each kind of failure, that are printed
TRIES = 12  # that are made small, to find them


def chunk(first: int, count: int, backends: tuple[str, ...], quick: bool) -> dict[str, Any]:
    """Run the programs of these seeds; counts by backend, kinds of refusals, and what failed."""
    import torch

    from tests.fuzz.check import check, kind, refusals
    from tests.fuzz.generator import Seeded, generate

    torch.set_num_threads(1)
    counts: Counter[tuple[str, str]] = Counter()
    refused: Counter[str] = Counter()
    failed: list[tuple[str, str, int]] = []
    for seed in range(first, first + count):
        for backend in backends:
            if seed % SHARES[backend]:
                continue
            program = generate(Seeded(seed), backend, seed)
            try:
                found = check(program, backend, slow=not quick)
            except Exception as error:  # of the fuzzer itself
                failed.append((f"fuzzer: {type(error).__name__}: {str(error)[:60]}", backend, seed))
                continue
            if found is None:
                counts[backend, "too large"] += 1
                continue
            counts[backend, "programs"] += 1
            counts[backend, "comparisons"] += len(found)
            counts[backend, "torch's own"] += any([c.name == "native" for c in found])
            counts[backend, "differences"] += any([c.name == "finite differences" for c in found])
            if kinds := refusals(found):
                counts[backend, "refused"] += 1
                refused.update(kinds)
            if how := kind(found):
                counts[backend, "failed"] += 1
                failed.append((how, backend, seed))
    if "jax" in backends:
        import jax

        jax.clear_caches()
    return {"counts": counts, "refused": refused, "failed": failed}


def run(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The answers of all chunks, as they come."""
    end = options.seed + options.count
    todo = iter(range(options.seed, end, CHUNK))
    if options.jobs == 1:
        for first in todo:
            yield chunk(first, min(CHUNK, end - first), options.backends, options.quick)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context, max_tasks_per_child=100) as pool:
        running: set[Future[dict[str, Any]]] = set()
        while True:
            while len(running) < 2 * options.jobs and (first := next(todo, None)) is not None:
                count = min(CHUNK, end - first)
                running.add(pool.submit(chunk, first, count, options.backends, options.quick))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def until_stopped(answers: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The answers, up to Ctrl-C: what was found by then is reported."""
    try:
        yield from answers
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="python tests/fuzz/run.py", description=__doc__)
    made.add_argument("--count", type=int, default=100_000, help="how many seeds (default: 100000)")
    made.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    made.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    made.add_argument("--backends", default=",".join(SHARES), type=lambda x: tuple(x.split(",")),
                      help="each seed is a program for numpy; one in 5, 5 and 200 is also one for "
                           "torch, strict and jax (default: all of them)")  # fmt: skip
    made.add_argument("--quick", action="store_true",
                      help="leave out finite differences and torch's own views and writes")  # fmt: skip
    made.add_argument("--show", type=int, metavar="SEED",
                      help="print the program of a seed for the first of --backends, check it, and "
                           "do nothing else")  # fmt: skip
    return made


def main(argv: list[str] | None = None) -> int:
    """Exit code 1 if a program failed, or too many were refused."""
    options = parser().parse_args(argv)
    if unknown := set(options.backends) - set(SHARES):
        parser().error(f"no such backend: {', '.join(sorted(unknown))}")
    if options.show is not None:
        return show(options.show, options.backends[0])
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    counts: Counter[tuple[str, str]] = Counter()
    refused: Counter[str] = Counter()
    failed: dict[str, list[tuple[str, int]]] = {}
    begin = time.monotonic()
    columns = (TextColumn("programs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
               TextColumn("{task.fields[failed]} failed, {task.fields[refused]} refused"))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("", total=options.count, failed=0, refused=0)
        for answer in until_stopped(run(options)):
            counts += answer["counts"]
            refused += answer["refused"]
            for how, backend, seed in answer["failed"]:
                failed.setdefault(how, []).append((backend, seed))
            shown.update(task, advance=min(CHUNK, options.count), refused=total(counts, "refused"),
                         failed=sum(map(len, failed.values())))  # fmt: skip
    seconds = time.monotonic() - begin
    programs = total(counts, "programs")
    for backend in options.backends:
        said = [f"{counts[backend, what]:,} {what}" for what in
                ("programs", "comparisons", "failed", "refused", "too large", "differences",
                 "torch's own")]  # fmt: skip
        print(f"{backend}: {', '.join(said)}")
    print(
        f"{programs:,} programs in {seconds:.0f} s, {programs / max(seconds, 1e-9):.0f} per second"
    )
    share = total(counts, "refused") / max(programs, 1)
    print(f"refused: {share:.2%} of the programs, and at most {MOST_REFUSED:.0%} may be")
    for how, number in refused.most_common():
        print(f"  {number:>6}  {how}")
    for how, where in failed.items():
        print(f"\n{'=' * 80}\n{how}: {len(where)} programs, such as {where[:5]}")
        examples(where)
    print("passed" if not failed and share <= MOST_REFUSED else "FAILED")
    return int(bool(failed) or share > MOST_REFUSED)


def total(counts: Counter[tuple[str, str]], what: str) -> int:
    return sum([n for (_, name), n in counts.items() if name == what])


def examples(where: list[tuple[str, int]]) -> None:
    """Print the smallest scripts that fail as the programs of these seeds do, of each sort one."""
    from tests.fuzz.check import report, smallest
    from tests.fuzz.generator import Seeded, generate

    seen: set[str] = set()
    for backend, seed in where[:TRIES]:
        try:
            small = smallest(generate(Seeded(seed), backend, seed), backend)
            words = sort_of(small)
            if words in seen:
                continue
            seen.add(words)
            print(f"\n# seed {seed}, made smaller\n{report(small, backend)}", flush=True)
        except Exception as error:
            print(f"# seed {seed}: the fuzzer failed: {type(error).__name__}: {error}")
        if len(seen) == EXAMPLES:
            return


def sort_of(program: Program) -> str:
    """What sorts of statements there are, so that examples differ."""
    from tests.fuzz.programs import statements

    return str(sorted({(s.op, s.info.kind if s.op == "sub" else "") for s in statements(program.body)
                       if s.op != "call"}))  # fmt: skip


def show(seed: int, backend: str) -> int:
    """Print a program, and how it fails."""
    from tests.fuzz.check import check, kind, refusals
    from tests.fuzz.generator import Seeded, generate
    from tests.fuzz.programs import source

    program = generate(Seeded(seed), backend, seed)
    print(source(program, backend))
    found = check(program, backend)
    for text in refusals(found):
        print(f"# refused: {text}")
    for c in found or ():
        if c.failure:
            print(f"# {c.name}: {c.failure}")
    return int(bool(kind(found)))


if __name__ == "__main__":
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main())
