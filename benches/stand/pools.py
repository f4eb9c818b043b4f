"""Bytes to cut files from: program text, machine code and noise, the same from the same seed."""

import random
import string
from itertools import accumulate

# What a file is, and how many of the bytes of a mixed tree are so.
TEXT, CODE, NOISE = "text", "code", "noise"


class Pools:
    """Files of any size, quickly. A pool is cut at random places, and every piece is translated by an alphabet of its
    own: no two pieces share long runs of bytes, so a compressor gains only what lies within a file, as with real ones."""

    def __init__(self, seed, megabytes=8):
        self.random = random.Random(seed)
        size = megabytes << 20
        self.pools = {TEXT: _text(self.random, size), CODE: _code(self.random, size)}

    def piece(self, kind, size):
        """`size` bytes of this kind."""
        if kind == NOISE:
            return self.random.randbytes(size)
        pool, parts = self.pools[kind], []
        while size > 0:
            length = min(size, len(pool) // 8)
            start = self.random.randrange(len(pool) - length)
            parts.append(pool[start : start + length].translate(self._alphabet(kind)))
            size -= length
        return b"".join(parts)

    def _alphabet(self, kind):
        if kind == CODE:
            return bytes(self.random.sample(range(256), 256))
        letters = list(string.ascii_lowercase)
        self.random.shuffle(letters)
        return bytes.maketrans(string.ascii_lowercase.encode(), "".join(letters).encode())


def _zipf(count):
    return [1 / (rank + 3) for rank in range(count)]


def _text(seeded, size):
    """Words of a vocabulary by Zipf's law, in lines with indents, and turns of phrase that come back: compresses as
    program sources do, and the better the longer a compressor looks for what came before."""
    letters = string.ascii_lowercase + "_"
    words = ["".join(seeded.choices(letters, k=seeded.randint(3, 11))) for _ in range(3000)]
    joints = [" ", " ", " = ", "(", ")", ", ", ".", ":\n        ", "\n    ", "\n        ", "\n\n", '"', "[", "] ", "# "]
    return _phrases(seeded, [word + joint for word in words for joint in seeded.sample(joints, 3)], size).encode()


def _code(seeded, size):
    """Instructions by Zipf's law with operands of noise, and sequences that come back: compresses as shared objects
    do."""
    instructions = [seeded.randbytes(seeded.randint(1, 4)) for _ in range(400)]
    operands = [seeded.randbytes(length) for length in seeded.choices([1, 2], k=100)]
    return _phrases(seeded, [first + second for first in instructions for second in seeded.sample(operands, 8)], size)


def _phrases(seeded, words, size):
    empty, ranks = words[0][:0], list(accumulate(_zipf(len(words))))
    phrases = [empty.join(seeded.choices(words, cum_weights=ranks, k=seeded.randint(2, 7))) for _ in range(6000)]
    parts = words + phrases
    ranks += [ranks[-1] + 4 * rank for rank in accumulate(_zipf(len(phrases)))]
    pool = empty
    while len(pool) < size:
        pool += empty.join(seeded.choices(parts, cum_weights=ranks, k=size // 64))
    return pool[:size]
