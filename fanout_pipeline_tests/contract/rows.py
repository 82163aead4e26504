"""A source of rows with columns, as small as can be: the formats' own tests have the real ones."""

import json
import os
from dataclasses import dataclass

from fanout_pipeline import BadInput, Chunk, Items, Source, Unreadable, Version


@dataclass(frozen=True, slots=True)
class Rows(Source):
    """A file with a JSON object a line. The function is given all columns but those that are `hidden`."""

    path: str
    hidden: tuple[str, ...] = ()

    def version(self):
        status = os.stat(self.path)
        return Version(f"{status.st_size} {status.st_mtime_ns}", len(self.lines()))

    def lines(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read().splitlines()

    def read(self, chunk: Chunk):
        rows = []
        for line in self.lines()[chunk.start : chunk.stop]:
            try:
                rows.append(json.loads(line))
            except ValueError:
                rows.append(Unreadable(line, "is not JSON", "Correct it."))
        return RowItems(chunk, rows, self.hidden)

    def require_columns(self, names):
        known = json.loads(self.lines()[0])
        for name in names:
            if name not in known:
                raise BadInput(f"{self.path} has no column {name!r}, but {', '.join(known)}.")


class RowItems(Items):
    """Rows of which the function does not see every column."""

    def __init__(self, chunk, rows, hidden):
        shown = [
            {key: value for key, value in row.items() if key not in hidden}
            if isinstance(row, dict)
            else row
            for row in rows
        ]
        super().__init__(chunk, shown)
        self.whole = Items(chunk, rows)

    def as_arrow(self, columns=None):
        return self.whole.as_arrow(columns)


def write_rows(path, count, bad=()):
    """A file of so many orders, of which some lines are no JSON. Returns its source, and the rows."""
    rows = [
        {"order": f"o{n}", "amount": n, "country": "CH" if n % 3 else None} for n in range(count)
    ]
    lines = ["no JSON" if n in bad else json.dumps(row) for n, row in enumerate(rows)]
    path.write_text("".join(f"{line}\n" for line in lines))
    return Rows(str(path), hidden=("order",)), rows
