"""What a lexicon is and how it is searched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..text.distance import edit_distance
from ..text.normalise import key_form


@dataclass(frozen=True)
class Entry:
    """A term, its category, and the other forms it appears in."""

    term: str
    category: str
    variants: tuple[str, ...] = ()

    def forms(self) -> Iterable[str]:
        """All forms, as they are searched by."""
        yield key_form(self.term)
        for variant in self.variants:
            yield key_form(variant)


class Lexicon:
    """Entries, found by any of their forms."""

    def __init__(self, name: str, entries: Iterable[Entry]) -> None:
        self.name = name
        self.entries = tuple(entries)
        self._by_form: dict[str, Entry] = {}
        for entry in self.entries:
            for form in entry.forms():
                self._by_form.setdefault(form, entry)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, text: str) -> bool:
        return key_form(text) in self._by_form

    @cached_property
    def canonical(self) -> dict[str, str]:
        """From every form to the term it stands for."""
        return {form: entry.term for form, entry in self._by_form.items()}

    @cached_property
    def longest(self) -> int:
        """The most words any form has."""
        return max((len(form.split()) for form in self._by_form), default=0)

    def terms_of(self, category: str) -> frozenset[str]:
        """All forms of the entries of one category."""
        return frozenset(
            form for form, entry in self._by_form.items() if entry.category == category
        )

    def find(self, text: str) -> Entry | None:
        """The entry of a text in any of its forms."""
        return self._by_form.get(key_form(text))

    def find_near(self, text: str, most: int = 1) -> Entry | None:
        """The entry of a text that may have misread letters.

        Short words are compared exactly: in them, one letter makes another word.
        """
        exact = self.find(text)
        form = key_form(text)
        if exact is not None or len(form) < 5:
            return exact
        best: Entry | None = None
        for known, entry in self._by_form.items():
            distance = edit_distance(form, known, most)
            if distance <= most:
                best, most = entry, distance - 1
                if most < 0:
                    break
        return best

    def find_in(self, text: str) -> Entry | None:
        """The entry of the longest run of words of a text that is in the lexicon."""
        words = key_form(text).split()
        for size in range(min(self.longest, len(words)), 0, -1):
            for start in range(len(words) - size + 1):
                entry = self._by_form.get(" ".join(words[start : start + size]))
                if entry is not None:
                    return entry
        return None
