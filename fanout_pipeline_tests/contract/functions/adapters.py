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

    def __call__(self, batch):
        is_frame = hasattr(batch, "columns")
        items = batch.to_dict("records") if is_frame else batch.tolist()
        return [self.function(item) for item in items]
