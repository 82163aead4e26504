"""They take a row of CSV, or a frame of rows."""


def noted(row):
    return f"{row['number'] * 2} {row['note']}"


def all_noted(rows):
    return [
        f"{number * 2} {note}" for number, note in zip(rows["number"], rows["note"], strict=True)
    ]
