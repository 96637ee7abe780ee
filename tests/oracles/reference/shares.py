"""Whole parts in proportion to weights."""

import math


def shares(total: int, weights: list[float], floors: list[int] | None = None) -> list[int]:
    """`total` in whole parts proportional to `weights`, none below its floor; largest remainders first."""
    floors = floors or [0] * len(weights)
    exact = [float(floor) for floor in floors]
    free = set(range(len(weights)))
    while free:
        rest = total - sum(floors[i] for i in range(len(weights)) if i not in free)
        weight = sum(weights[i] for i in free)
        if weight == 0:
            break
        for i in free:
            exact[i] = rest * weights[i] / weight
        below = {i for i in free if exact[i] < floors[i]}
        if not below:
            break
        for i in below:
            exact[i] = floors[i]
        free -= below
    parts = [math.floor(x + 1e-9) for x in exact]
    by_remainder = sorted(free, key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: max(0, total - sum(parts))]:
        parts[i] += 1
    return parts
