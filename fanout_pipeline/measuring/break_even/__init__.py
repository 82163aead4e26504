"""From how many items, or how much work an item, a strategy beats the reference: measured by a sweep.

    measure                    a whole measurement, from earlier samples to answers
    grid, sweep, timed_runs    what may be run, what is run next, and running it
    cost_fit, cost_model       time as a line over items, fitted to the samples
    crossings, bootstrap       where two lines cross, and how sure that is
    answers                    the crossings and the winner of each cell

Add here what varies items, cost or workers. Keep out: the comparison at the user's own size, and
pictures (reporting).
"""
