"""Made-up rounds whose true ratio is known, with what disturbs timings on a real machine."""

import numpy

TRIALS = 3  # in a round: the reference, the reference again, the strategy


def simulated_rounds(
    random, ratio, rounds, simulations=1, *, skewed=True, alike=0.0, cold_start=1.0
):
    """Seconds of shape (3, simulations, rounds): the reference's two runs, then the strategy.

    Each trial has noise of 3 to 10 %, and one in 20 takes 1.5 to 4 times as long. All of a round share
    a drift of up to 30 % over the rounds and a step half-way. The noise is log-normal; `skewed` makes
    its logarithm skewed to the right, too. `alike` is the correlation of noise from one round to the
    next. The first trial of a round takes `cold_start` times as long as it would later.
    """
    shape = (TRIALS, simulations, rounds)
    noise = random.standard_normal(shape)
    for here in range(1, rounds):
        noise[..., here] = alike * noise[..., here - 1] + (1 - alike**2) ** 0.5 * noise[..., here]
    sigma = random.uniform(0.03, 0.10, (simulations, 1))
    if skewed:
        heavy = numpy.exp(0.6 * noise)
        factors = 1 + sigma * (heavy - 1) / 0.787  # the deviation of heavy
    else:
        factors = numpy.exp(sigma * noise)
    disturbed = random.random(shape) < 0.05
    factors[disturbed] *= random.uniform(1.5, 4, disturbed.sum())
    at = numpy.arange(rounds) / max(rounds - 1, 1)
    drift = 1 + random.uniform(-0.3, 0.3, (simulations, 1)) * at
    step = numpy.where(at < 0.5, 1, random.uniform(0.7, 1.4, (simulations, 1)))
    places = numpy.array([cold_start, 1, ratio])[:, None, None]
    return 0.8 * places * drift * step * factors
