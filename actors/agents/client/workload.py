"""What users do: when they launch programs, which ones, for how long, and how many licenses each takes.

Every draw is keyed by (client, slot, number of the launch), so the same users launch the same programs, for the
same time, under every policy.
"""

import math

import numpy as np

from ...compiled.jit import inlined, jit
from ...queue.durations import whole
from ...randomness import distributions, streams
from ...state import clients
from ...state.rows import LONGEST


@inlined
def next_launch(world, own, slot_number, number, now):
    """Return when launch `number` (from 1) of slot `slot_number` (client * programs + slot) comes, ns.

    `own` are its client's settings (`agents/settings.py`).
    `now` is the end of the previous run (closed) or the previous arrival (open). The first one comes after a
    random share of its interval, so that constant intervals do not march in step; exponential ones need none.
    """
    bits = streams.draw(world.keys[streams.THINK], slot_number, number)
    drawn = distributions.draw(bits, own.launch_distribution, own.launch_cv, world.launch_intervals)
    interval = own.launch_interval * drawn
    if number == 1 and own.launch_distribution != distributions.EXPONENTIAL:
        interval *= streams.uniform(streams.draw(world.keys[streams.PHASE], slot_number, 1))
    if world.profile.size == 0:
        return now + whole(interval)
    return _after(world, now, interval)


@inlined
def run_time(world, own, slot_number, number):
    """Return how long a launch of a slot runs, ns; `own` are its client's settings."""
    if own.arrivals == clients.TRACE:
        return world.recorded[number - 1].run_time
    bits = streams.draw(world.keys[streams.RUN], slot_number, number)
    drawn = distributions.draw(bits, own.run_distribution, own.run_cv, world.run_times)
    return whole(own.run_time * drawn)


@inlined
def product(world, slot_number, number):
    """Return the product of a launch, by popularity."""
    if world.config[0].products == 1:
        return np.int64(0)
    u = streams.uniform(streams.draw(world.keys[streams.PRODUCT], slot_number, number))
    p = np.int64(0)
    while u >= world.products[p].up_to:
        p += 1
    return p


@jit
def licenses(world, slot_number, number, product):
    """Return how many licenses a launch takes, as recorded or drawn. Recorded ones have numbers over all slots."""
    if world.config[0].arrivals == clients.TRACE:
        slot_number = np.int64(0)
        if world.recorded[number - 1].count > 0:
            return np.int64(world.recorded[number - 1].count)
    u = streams.uniform(streams.draw(world.keys[streams.SIZE], slot_number, number))
    k = world.products[product].first_size
    while u >= world.sizes[k].up_to:
        k += 1
    return np.int64(world.sizes[k].count)


@jit
def _after(world, now, amount):
    """Return when the integral of the day profile has grown by `amount` (ns) since `now`.

    Launch rates are multiplied by the profile's factor: an interval drawn in operational time is mapped back
    (Cinlar, Introduction to Stochastic Processes, 1975, section 4.7). Hour 0 is the end of the warm-up.
    """
    config = world.config[0]
    points = world.profile
    last = points.size - 1
    position = (now - config.measure_from) % config.profile_period
    k = _segment_of_hour(points, position)
    x = np.float64(position - points[k].hour)
    slope = _slope(points, k)
    goal = points[k].integral + points[k].factor * x + 0.5 * slope * x * x + amount
    periods = np.floor(goal / points[last].integral)
    if not periods * np.float64(config.profile_period) < np.float64(LONGEST):
        return np.int64(LONGEST)
    goal -= periods * points[last].integral
    k = 0
    while k < last - 1 and points[k + 1].integral <= goal:
        k += 1
    rest = max(0.0, goal - points[k].integral)
    factor, slope = points[k].factor, _slope(points, k)
    # The root of slope x^2 / 2 + factor x = rest that does not cancel.
    root = factor + math.sqrt(max(0.0, factor * factor + 2.0 * slope * rest))
    x = 2.0 * rest / root if root > 0.0 else 0.0
    return now - position + np.int64(periods) * config.profile_period + points[k].hour + np.int64(x + 0.5)


@jit
def _segment_of_hour(points, position):
    k = 0
    while k < points.size - 2 and points[k + 1].hour <= position:
        k += 1
    return k


@jit
def _slope(points, k):
    return (points[k + 1].factor - points[k].factor) / np.float64(points[k + 1].hour - points[k].hour)
