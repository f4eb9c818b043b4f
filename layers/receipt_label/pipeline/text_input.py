"""Receipts from plain text, for tests, examples and the command line."""

from __future__ import annotations

import re

from ..geometry.boxes import Box
from ..model import Line, Receipt, Word

_LINE_HEIGHT = 0.02


def receipt_from_text(
    text: str, image_id: str = "00000000-0000-4000-8000-000000000000", receipt_id: int = 1
) -> Receipt:
    """Lay a text out as a till prints it: every character has the same width.

    Empty lines take up space but are not counted.
    """
    rows = text.expandtabs(4).splitlines()
    columns = max((len(row.rstrip()) for row in rows), default=0) or 1
    lines = []
    for place, row in enumerate(rows):
        found = list(re.finditer(r"\S+", row))
        if not found:
            continue
        line_id = len(lines) + 1
        bottom = 1.0 - (place + 1) * _LINE_HEIGHT
        words = tuple(
            Word(
                line_id,
                number,
                match.group(),
                Box.at(
                    match.start() / columns,
                    bottom,
                    len(match.group()) / columns,
                    _LINE_HEIGHT * 0.8,
                ),
            )
            for number, match in enumerate(found, start=1)
        )
        lines.append(Line(line_id, words))
    return Receipt(image_id, receipt_id, tuple(lines))
