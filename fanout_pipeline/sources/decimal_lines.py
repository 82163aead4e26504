"""Lines of decimal digits as 64-bit integers, eight digits at a time.

    8 9 \\n 1 2 3 4 5   the 8 bytes before a line's end are one 64-bit word
    0 0 0  1 2 3 4 5   what is before the line is shifted out, characters become digits
    00 01 23 45        one multiplication: ten times each left digit plus the right one
    0001 2345          so twice more, and the word is the number

One NumPy call does a step for some thousand lines: see docs/decisions/data-road.md.
"""

from __future__ import annotations

import numpy

_DIGITS = 19
"""Of the largest int64, in three words at most."""
_PAD = 24
"""Bytes before the first line, so that three words can be read there, too."""
# So many bytes are looked through for line ends, and so many lines are parsed, at a time: enough that
# a call's own microsecond does not show, and arrays that stay in a core's cache and under the 128 KiB
# from which malloc fetches each from the system anew.
_BYTES = 100_000
_LINES = 16_000

_LINE_END, _MINUS = b"\n-"
_WORD = numpy.uint64
_ZEROS = _WORD(0x3030303030303030)
_SIXES = _WORD(0x0606060606060606)
_NO_DIGITS = 0xF0F0F0F0F0F0F0F0
_STEPS = (
    (_WORD(10 * 2**8 + 1), _WORD(8), _WORD(0x00FF00FF00FF00FF)),
    (_WORD(100 * 2**16 + 1), _WORD(16), _WORD(0x0000FFFF0000FFFF)),
    (_WORD(10_000 * 2**32 + 1), _WORD(32), _WORD(0x00000000FFFFFFFF)),
)
"""Ten, a hundred, ten thousand times what is in each left half, plus what is in the right one."""


def count_lines(raw: bytes) -> int:
    """How many line ends there are. `bytes.count` takes 4 times as long where lines are short."""
    return int(numpy.count_nonzero(numpy.frombuffer(raw, numpy.uint8) == _LINE_END))


def parse_lines(raw: bytes) -> numpy.ndarray | None:
    """The int64 of each line, all of which end in LF.

    None where a line is anything but an optional minus and digits, or does not fit.
    """
    # Up to a whole word, and one more, for a word is read with the one after it.
    padded = b"".join([bytes(_PAD), raw, bytes(16 - len(raw) % 8)])
    text, words = numpy.frombuffer(padded, numpy.uint8), numpy.frombuffer(padded, "<u8")
    edges = _edges(text[_PAD : _PAD + len(raw)])
    lines = len(edges) - 1
    signed = b"-" in raw
    items = numpy.empty(lines, numpy.int64)
    for start in range(0, lines, _LINES):
        ends = edges[start + 1 : start + 1 + _LINES]
        digits = ends - edges[start : start + len(ends)]
        digits -= 1
        minus: numpy.ndarray | bool = False
        if signed:
            minus = text.take(ends - digits) == _MINUS
            digits -= minus
        longest = int(digits.max())
        if digits.min() < 1 or longest > _DIGITS:
            return None
        block = items[start : start + _LINES]
        if not _magnitudes(words, ends, digits, longest, block.view(_WORD)):
            return None
        if signed:
            numpy.negative(block, out=block, where=minus)
        if longest == _DIGITS and ((block < 0) != minus).any():
            return None
    return items


def _edges(text: numpy.ndarray) -> numpy.ndarray:
    """Where each line ends in the padded text, after where the line before the first would."""
    edges = [numpy.array([_PAD - 1])]
    for start in range(0, len(text), _BYTES):
        ends = (text[start : start + _BYTES] == _LINE_END).nonzero()[0]
        ends += _PAD + start
        edges.append(ends)
    return numpy.concatenate(edges)


def _magnitudes(
    words: numpy.ndarray,
    ends: numpy.ndarray,
    digits: numpy.ndarray,
    longest: int,
    numbers: numpy.ndarray,
) -> bool:
    """The numbers of so many digits before each end; False where something else is there."""
    # The 8 bytes before an end are those of one word, shifted down, and of the next, shifted up.
    at = ends - 8
    down = at.view(_WORD) & _WORD(7)
    down <<= _WORD(3)
    up = _WORD(64) - down
    at >>= 3
    outside = 8 - digits
    outside <<= 3
    for eight in range((longest + 7) // 8):
        word = words.take(at, mode="clip")
        at += 1
        other = words.take(at, mode="clip")
        at -= 2
        word >>= down
        other <<= up
        word |= other
        word ^= _ZEROS
        # Shifted by 64 bits, there is nothing left.
        beyond = outside if longest <= 8 else numpy.clip(outside + 64 * eight, 0, 64)
        word >>= beyond.view(_WORD)
        word <<= beyond.view(_WORD)
        # Digits are 0 to 9 now, and whatever else it was has a bit in its upper half, or gets one.
        numpy.add(word, _SIXES, out=other)
        other |= word
        if int(numpy.bitwise_or.reduce(other)) & _NO_DIGITS:
            return False
        for factor, shift, mask in _STEPS:
            word *= factor
            word >>= shift
            word &= mask
        if eight == 0:
            numbers[:] = word
        else:
            word *= _WORD(10 ** (8 * eight))
            numbers += word
    return True
