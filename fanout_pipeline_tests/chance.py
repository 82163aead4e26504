"""What hypothesis leaves to chance: nothing in `make test`, all in `make test-faults`."""

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

SAME = "same"
CHANCE = "chance"
_USUAL = 100
_IN_MAKE_TEST = 50
"""The same ones each time: more of them would find what is there, but no more from day to day."""
_TIMES_MORE = 10


def register():
    """The profiles of these tests; `same` is that of a run that names none (--hypothesis-profile)."""
    # A machine that is busy with something else is no finding, and an earlier run's no reason for
    # another one's.
    always = settings(
        deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )
    settings.register_profile(SAME, always, derandomize=True, max_examples=_IN_MAKE_TEST)
    settings.register_profile(CHANCE, always, derandomize=False, max_examples=_USUAL * _TIMES_MORE)
    settings.load_profile(SAME)


def examples(usual):
    """How many examples a test is to have that would usually have so many, by the profile."""
    return usual * settings.default.max_examples // _USUAL


def forget_constants():
    """Have examples not depend on which modules of ours this process has imported so far.

    Hypothesis takes constants of their code for examples, derandomized or not, and in which order
    processes run which tests is chance.
    """
    if settings.default.derandomize:
        none = providers.Constants()
        providers._get_local_constants = lambda: none
