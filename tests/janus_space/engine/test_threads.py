"""The number of threads follows what the steps really take."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from janus_space.engine.threads import Threads


def _run(threads: Threads, steps: int, cost: Callable[[int], float], rows: int = 3) -> float:
    spent = 0.0
    for _ in range(steps):
        threads.before(rows)
        seconds = cost(threads.count)
        threads.after(seconds)
        spent += seconds
    return spent


def _quiet(count: int) -> float:
    return 0.04 if count == 2 else 0.06


def _busy(count: int) -> float:
    return 0.4 if count == 2 else 0.08


def test_a_quiet_machine_uses_all_cores_and_hardly_looks_elsewhere() -> None:
    used: list[int] = []
    threads = Threads(2, used.append)
    spent = _run(threads, 1000, _quiet)
    assert used[0] == 2
    assert spent < 1000 * 0.04 * 1.02
    assert used.count(2) > 0.97 * len(used)


def test_a_busy_machine_soon_uses_one_and_a_quiet_one_all_again() -> None:
    threads = Threads(2, lambda count: None)
    assert _run(threads, 300, _busy) < 300 * 0.08 * 1.35
    assert threads.count == 1
    _run(threads, 600, _quiet)
    assert threads.count == 2


def test_noise_does_not_make_it_flutter() -> None:
    import random

    noise = random.Random(4)
    used: list[int] = []
    threads = Threads(2, used.append)
    _run(threads, 2000, lambda count: _quiet(count) * noise.uniform(0.9, 1.3))
    changes = sum(one != other for one, other in itertools.pairwise(used))
    assert changes < 80


def test_one_core_leaves_nothing_to_choose() -> None:
    used: list[int] = []
    _run(Threads(1, used.append), 50, _quiet)
    assert set(used) == {1}
