"""A plain function in the form that a strategy needs."""


class Async:
    """A plain function as an async one, which never waits."""

    def __init__(self, function):
        self.function = function

    async def __call__(self, number):
        return self.function(number)


class Batch:
    """A function of one item as a batch function."""

    def __init__(self, function):
        self.function = function

    def __call__(self, numbers):
        return [self.function(number) for number in numbers.tolist()]
