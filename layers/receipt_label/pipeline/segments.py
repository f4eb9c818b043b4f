"""Cutting a labelled receipt into its horizontal parts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..labels import LabelName
from .result import LabelResult


class Part(str, Enum):
    """A horizontal part of a receipt, from top to bottom."""

    HEADER = "HEADER"
    ITEMS = "ITEMS"
    SUMMARY = "SUMMARY"
    PAYMENT = "PAYMENT"
    FOOTER = "FOOTER"


_TELLING = {
    LabelName.LINE_TOTAL: Part.ITEMS,
    LabelName.PRODUCT_NAME: Part.ITEMS,
    LabelName.SUBTOTAL: Part.SUMMARY,
    LabelName.TAX: Part.SUMMARY,
    LabelName.GRAND_TOTAL: Part.SUMMARY,
    LabelName.TENDERED: Part.PAYMENT,
    LabelName.CHANGE: Part.PAYMENT,
    LabelName.PAYMENT_METHOD: Part.PAYMENT,
    LabelName.CARD_NUMBER: Part.PAYMENT,
}


@dataclass(frozen=True)
class Segment:
    """Lines of one part, first and last included."""

    part: Part
    first_line_id: int
    last_line_id: int


def segments(result: LabelResult) -> list[Segment]:
    """The parts of a receipt. A part never comes back once a later one has begun."""
    order = list(Part)
    telling: dict[int, Part] = {}
    for label in result.labels:
        part = _TELLING.get(label.name)
        if part is not None:
            known = telling.get(label.line_id)
            if known is None or order.index(part) > order.index(known):
                telling[label.line_id] = part
    last_telling = max(telling, default=0)
    found: list[Segment] = []
    current = Part.HEADER
    for line in result.receipt.lines:
        part = telling.get(line.line_id, current)
        if telling and line.line_id > last_telling:
            part = Part.FOOTER
        if order.index(part) > order.index(current):
            current = part
        if found and found[-1].part is current:
            found[-1] = Segment(current, found[-1].first_line_id, line.line_id)
        else:
            found.append(Segment(current, line.line_id, line.line_id))
    return found
