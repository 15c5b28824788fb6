"""Time and memory of exact retrieval among many candidates on a CPU: the 20 nearest of each query.

Candidates are random unit vectors in float32. `--held` makes all of them before the search, as mining holds both of its
sides; without it they come by in blocks and are forgotten, as the descriptions of Mewsli-X's entities do. The first queries'
neighbours are compared with those that plain float64 products give.

    python benchmarks/retrieval_index.py [--candidates 1000000] [--width 384] [--queries 1000] [--held]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from training.metrics.neighbours import CANDIDATE_BLOCK, Neighbours, unit

CHECKED = 5
Vectors = NDArray[np.float32]


def random_vectors(count: int, width: int, seed: int) -> Vectors:
    """Unit vectors, [count, width]."""
    return unit(np.random.default_rng(seed).standard_normal((count, width), dtype=np.float32))


def blocks(candidates: int, width: int) -> Iterator[Vectors]:
    """The candidates, a block at a time."""
    for number, start in enumerate(range(0, candidates, CANDIDATE_BLOCK)):
        yield random_vectors(min(CANDIDATE_BLOCK, candidates - start), width, number + 1)


def gibibytes() -> float:
    """Peak resident memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Print one row of a markdown table."""
    parser = argparse.ArgumentParser()
    for name, default in (("candidates", 1_000_000), ("width", 384), ("queries", 1000), ("k", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--held", action="store_true")
    asked = parser.parse_args()
    queries = random_vectors(asked.queries, asked.width, 0)
    before = gibibytes()
    made = blocks(asked.candidates, asked.width)
    if asked.held:
        held = np.empty((asked.candidates, asked.width), dtype=np.float32)
        for start, block in zip(range(0, asked.candidates, CANDIDATE_BLOCK), made, strict=True):
            held[start : start + len(block)] = block
        made = (held[start : start + CANDIDATE_BLOCK] for start in range(0, asked.candidates, CANDIDATE_BLOCK))
    neighbours = Neighbours(queries, asked.k)
    seconds = 0.0
    plain = []
    for block in made:
        begun = time.perf_counter()
        neighbours.add(block)
        seconds += time.perf_counter() - begun
        plain.append(queries[:CHECKED].astype(np.float64) @ block.T.astype(np.float64))
    cosines = np.concatenate(plain, axis=1)
    expected = np.argsort(-cosines, axis=1, kind="stable")[:, : asked.k]
    agree = bool((neighbours.result()[1][:CHECKED] == expected).all())
    kind = "held" if asked.held else "streamed"
    print("| candidates | width | queries | k | kind | search, s | peak memory, GiB | of it before | agrees | threads |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    numbers = f"{asked.candidates:,} | {asked.width} | {asked.queries:,} | {asked.k} | {kind} | {seconds:.1f}"
    print(f"| {numbers} | {gibibytes():.2f} | {before:.2f} | {'yes' if agree else 'NO'} | {torch.get_num_threads()} |")


if __name__ == "__main__":
    main()
