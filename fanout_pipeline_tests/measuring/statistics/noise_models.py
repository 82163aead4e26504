"""Made-up rounds whose true ratios are known, with what disturbs timings on a real machine.

The seconds of many comparisons at once: `made(model, ratios, …)` has shape (comparisons, rounds, entrants), the
entrants being the reference, the reference again, and the contenders.
"""

from __future__ import annotations

from itertools import islice

import numpy

from fanout_pipeline.measuring.trials.round_plan import balanced_orders

BASE = 0.8
NOISE = 0.03
"""Of every trial, log-normal, skewed to the right, in each model."""


def calm(made):
    """Nothing else."""


def drift(made):
    """All of a round are up to 30 % slower or faster at the end than at the beginning."""
    made.over_time(1 + made.once(-0.3, 0.3) * made.time)


def frequency_steps(made):
    """The clock rate changes three times, in the middle of a round too."""
    for _ in range(3):
        made.over_time(numpy.where(made.time < made.once(0, 1), 1, made.once(0.75, 1.3)))


def neighbour(made):
    """One trial in ten, whoever's, is slowed by 30 %."""
    made.each(numpy.where(made.random.random(made.shape) < 0.1, 1.3, 1))


def own_state(made):
    """Each contender has a state of its own, 8 % slower or faster, that lasts eight rounds."""
    slow = made.random.random((made.comparisons, 1, made.entrants)) < 0.5
    flips = made.random.random(made.shape) < 1 / 8
    slow = slow ^ (numpy.cumsum(flips, axis=1) % 2 == 1)
    made.each(numpy.where(slow, 1.08, 1 / 1.08), only_contenders=True)


def heavy_tails(made):
    """One trial in twenty takes 1.5 to 4 times as long, and noise is 8 %."""
    made.each(numpy.exp(0.08 * made.random.standard_normal(made.shape)))
    hit = made.random.random(made.shape) < 0.05
    made.each(numpy.where(hit, made.random.uniform(1.5, 4, made.shape), 1))


def hit_or_miss(made):
    """Three trials in ten miss a cache, and take a quarter longer."""
    made.each(numpy.where(made.random.random(made.shape) < 0.3, 1.25, 1))


def position(made):
    """Each place in the round is 3 % slower than the one before."""
    made.each(1 + 0.03 * made.place)


def carry_over(made):
    """Whatever follows the first contender is slowed by 6 %."""
    made.each(numpy.where(made.before == 2, 1.06, 1))


def long_warm_up(made):
    """The contenders begin 40 % slower than they become, over some three rounds; the reference does not."""
    each = made.rounds // made.sessions
    warm = 1 + 0.4 * numpy.exp(-(numpy.arange(made.rounds) % each) / 3)
    made.each(warm[None, :, None], only_contenders=True)


def uneven_rounds(made):
    """Some rounds are ten times as noisy as others."""
    size = made.random.choice([0.02, 0.05, 0.2], (made.comparisons, made.rounds, 1))
    made.each(numpy.exp(size * made.random.standard_normal(made.shape)))


def coarse_clock(made):
    """The clock has steps of a twentieth of the reference's time."""
    made.tick = BASE / 20


def load(made):
    """Other programs take half of the machine, now and then: 25 % of noise, some of it shared."""
    made.each(numpy.exp(0.2 * made.random.standard_normal(made.shape)))
    made.over_time(numpy.exp(0.3 * made.random.standard_normal((made.comparisons, made.rounds, 1))))


def layout(made):
    """Each session has its own layout: each one is 5 % slower or faster in all of its rounds."""
    made.spread = max(made.spread, 0.05)


MODELS = {
    model.__name__: model
    for model in (
        calm, drift, frequency_steps, neighbour, own_state, heavy_tails, hit_or_miss, position,
        carry_over, long_warm_up, uneven_rounds, coarse_clock, load, layout,
    )
}  # fmt: skip


class Made:
    """Rounds of many comparisons, as a model disturbs them."""

    def __init__(self, model, ratios, rounds, comparisons, seed, *, sessions=1, spread=0.0):
        """`spread` is that of ratios from session to session."""
        self.random = numpy.random.default_rng(seed)
        self.sessions = sessions
        self.rounds, self.comparisons, self.entrants = rounds, comparisons, 2 + len(ratios)
        self.shape = (comparisons, rounds, self.entrants)
        self.tick, self.spread = 0.0, spread
        order = numpy.empty(self.shape, int)
        for n in range(comparisons):
            order[n] = list(islice(balanced_orders(self.entrants, f"{seed} {n}"), rounds))
        self.place = numpy.argsort(order, axis=-1)
        """At which place of the round each one runs."""
        flat = order.reshape(comparisons, -1)
        before = numpy.concatenate([numpy.full((comparisons, 1), -1), flat[:, :-1]], axis=1)
        self.before = numpy.take_along_axis(before.reshape(self.shape), self.place, axis=-1)
        """Who ran before."""
        at = self.place + numpy.arange(rounds)[None, :, None] * self.entrants
        self.time = at / (rounds * self.entrants)
        """When, from 0 to 1."""
        skewed = numpy.exp(0.6 * self.random.standard_normal(self.shape))
        self.seconds = BASE * (1 + NOISE * (skewed - 1) / 0.787)
        self.seconds *= numpy.array([1.0, 1.0, *ratios])
        MODELS[model](self)
        layouts = (
            self.spread
            / 2**0.5
            * self.random.standard_normal((comparisons, sessions, self.entrants - 1))
        )
        layouts = numpy.exp(layouts[..., [0, *range(self.entrants - 1)]])
        self.own = (
            layouts[:, 0, 2:] / layouts[:, 0, :1] if sessions == 1 else 1 + 0 * layouts[:, 0, 2:]
        )
        """By how much the ratios that are true of these sessions differ from the given ones."""
        self.seconds *= layouts[:, numpy.arange(rounds) * sessions // rounds]
        if self.tick:
            self.seconds = numpy.maximum(numpy.round(self.seconds / self.tick), 1) * self.tick

    def once(self, low, high):
        return self.random.uniform(low, high, (self.comparisons, 1, 1))

    def over_time(self, factors):
        self.seconds *= factors

    def each(self, factors, only_contenders=False):
        if only_contenders:
            self.seconds[..., 2:] *= numpy.broadcast_to(factors, self.shape)[..., 2:]
        else:
            self.seconds *= factors
