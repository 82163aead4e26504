"""Functions of a line of text: fifty that contradict themselves, fifty that do not."""

import datetime
import functools
import hashlib
import itertools
import json
import os
import random
import secrets
import time
import uuid
from collections import Counter

import numpy

LINES = [
    " ".join(
        random.Random(number).sample(
            ["to", "be", "or", "not", "that", "is", "the", "question", "whether"], 6
        )
    )
    for number in range(16)
]


def hashed(number):
    return lambda line: hash(line) % number


def joined(separator):
    return lambda line: separator.join(set(line.split()))


def counting():
    counter = itertools.count()
    return lambda line: next(counter)


def growing():
    seen = []
    return lambda line: (seen.append(line), len(seen))[1]


def numbered():
    numbers = {}
    return lambda line: numbers.setdefault(line, len(numbers))


def seeded(seed):
    chance = random.Random(seed)
    return lambda line: chance.random()


def running_total():
    totals = [0.0]

    def add(line):
        totals[0] += len(line) + line.count("t") / 7
        return totals[0]

    return add


def previous():
    last = [""]

    def before(line):
        given, last[0] = last[0], line
        return given

    return before


def in_set_order(line):
    total = 0.0
    for word in set(line.split()):
        total = total * 1.7 + len(word)
    return total


class Thing:
    pass


CONTRADICTORY = [
    *(hashed(number) for number in (2, 3, 5, 7, 16, 100, 1000, 2**31, 2**61)),
    *(joined(separator) for separator in (" ", "", ",", "-", "\n", " and ", "|", "/")),
    *(seeded(seed) for seed in (0, 1, 2)),
    counting(),
    growing(),
    numbered(),
    running_total(),
    previous(),
    in_set_order,
    lambda line: random.random(),
    lambda line: random.randrange(2**40),
    lambda line: random.choice(line.split()),
    lambda line: "".join(random.sample(line, len(line))),
    lambda line: float(numpy.random.default_rng().random()),
    lambda line: len(line) + random.gauss(0, 1e-6),
    lambda line: secrets.token_hex(4),
    lambda line: str(uuid.uuid4()),
    lambda line: os.urandom(3),
    lambda line: time.time() % 100,  # of all seconds the tolerance is 1.8
    lambda line: time.perf_counter_ns(),
    lambda line: str(datetime.datetime.now(datetime.UTC)),
    lambda line: os.getpid(),
    lambda line: repr(Thing()),
    lambda line: f"{line} {hash(frozenset(line.split()))}",
    lambda line: list(set(line.split())),
    lambda line: next(iter(set(line.split()))),
    lambda line: json.dumps(list(frozenset(line.split()))),
    lambda line: max(set(line.split()), key=lambda word: len(word) > 1),
    lambda line: sorted(set(line.split()), key=len),
    lambda line: Counter(set(line)).most_common(1)[0][0],
    lambda line: {"words": len(line.split()), "first": next(iter(set(line.split())))},
    lambda line: [0.5, random.random()],
    lambda line: str(dict.fromkeys(set(line.split()))),
    lambda line: hash((line, 1)) & 0xFF,
]


def powered(power):
    return lambda line: len(line) ** power


def letters(letter):
    return lambda line: line.count(letter) + len(line.partition(letter)[0]) * 100


def sliced(start):
    return lambda line: line[start:] + line[:start]


def of_words(reduce):
    return lambda line: reduce(line.split())


CONSISTENT = [
    *(powered(power) for power in (1, 2, 3, 10, 40)),
    *(letters(letter) for letter in "tobeisqn"),
    *(sliced(start) for start in range(1, 9)),
    *(
        of_words(f)
        for f in (sorted, lambda w: len(w[0]), "-".join, lambda w: w[0], lambda w: w[-1], max, min)
    ),
    *(of_words(f) for f in (lambda w: list(map(len, w)), lambda w: dict.fromkeys(w, 1.5), tuple)),
    functools.cache(lambda line: line.upper()),
    lambda line: hashlib.sha256(line.encode()).hexdigest(),
    lambda line: int(hashlib.sha256(line.encode()).hexdigest(), 16),
    lambda line: sorted(set(line.split())),
    lambda line: " ".join(sorted(set(line))),
    lambda line: len(set(line)) + len(line),
    lambda line: sum(map(ord, line)) / 7,
    lambda line: float(numpy.sin(numpy.arange(len(line) * 50)).sum()),
    lambda line: random.Random(line).random(),
    lambda line: float(numpy.random.default_rng(len(line)).random()),
    lambda line: str(uuid.uuid5(uuid.NAMESPACE_DNS, line)),
    lambda line: float("nan") if line.count("t") > 3 else len(line) / 3,
    lambda line: None if "question" in line else line,
    lambda line: "question" in line,
    lambda line: line.encode(),
    lambda line: {"line": line, "share": line.count("t") / len(line), "none": None},
    lambda line: (
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
        + datetime.timedelta(len(line), line.count("t"))
    ),
    lambda line: json.dumps(Counter(line.split()), sort_keys=True),
    lambda line: line,
]
