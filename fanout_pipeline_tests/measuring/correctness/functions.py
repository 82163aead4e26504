"""A function for other processes, in a module that costs them nothing to import."""

from pathlib import Path


class Marked:
    """Writes down each call; another result than at first once there is the file `changed`."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, line):
        with open(self.folder / "calls", "a") as file:
            file.write(f"{line}\n")
        if (self.folder / "down").exists():
            raise ConnectionError
        if int(line) % 50 == 49 and (self.folder / "fails").exists():
            raise ValueError(line)
        if line == "120" and (self.folder / "hangs").exists():
            import time

            time.sleep(600)
        return int(line) / 7

    @property
    def calls(self):
        return [int(line) for line in (self.folder / "calls").read_text().split()]
