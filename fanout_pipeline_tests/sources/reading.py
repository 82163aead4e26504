"""How tests read a source: as a run does in which an item that cannot be read is an error."""


def items_of(source, chunk):
    """The items of one chunk, as a list. Raises BadInput for the first that cannot be read."""
    items = source.read(chunk)
    for position, record in items.unreadable.items():
        raise record.at(source.locate(items.first_index + position))
    return list(items)


def read(source, chunks=1):
    """All items of a source that is cut into so many chunks."""
    return [item for chunk in source.chunks(chunks) for item in items_of(source, chunk)]
