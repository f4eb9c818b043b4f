"""How cash registers shorten words, and how to recognise it."""

from __future__ import annotations

_VOWELS = frozenset("aeiou")


def abbreviate(word: str, length: int = 4) -> str:
    """The form a cash register would print: the first letter, then consonants.

    >>> abbreviate("chicken")
    'CHCK'
    >>> abbreviate("milk")
    'MILK'
    """
    if len(word) <= length:
        return word.upper()
    kept = [word[0]] + [char for char in word[1:] if char not in _VOWELS]
    squeezed = [kept[0]]
    for char in kept[1:]:
        if char != squeezed[-1]:
            squeezed.append(char)
    return "".join(squeezed)[:length].upper()


def could_abbreviate(short: str, word: str) -> bool:
    """Whether ``short`` keeps the first letter of ``word`` and leaves out letters after it.

    >>> could_abbreviate("bnls", "boneless")
    True
    >>> could_abbreviate("bls", "chicken")
    False
    """
    if not short or not word or short[0] != word[0] or len(short) > len(word):
        return False
    rest = iter(word)
    return all(char in rest for char in short)
