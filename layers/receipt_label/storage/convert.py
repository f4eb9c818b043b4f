"""Between the table's records and this package's model."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from receipt_dynamo.constants import ValidationStatus
from receipt_dynamo.entities import ReceiptValidation, ReceiptWord, WordLabel

from ..geometry.boxes import Box
from ..model import Label, Line, Receipt, Word
from ..validators import Finding

PROPOSER = "receipt_label"


def to_word(record: ReceiptWord) -> Word:
    """A word as the rules see it."""
    box = record.bounding_box
    return Word(
        record.line_id,
        record.word_id,
        record.text,
        Box.at(box.x, box.y, box.width, box.height),
        record.confidence,
    )


def to_receipt(image_id: str, receipt_id: int, records: Iterable[ReceiptWord]) -> Receipt:
    """A receipt of its words; noise is left out."""
    words = [to_word(record) for record in records if not record.is_noise]
    words.sort(key=lambda word: word.key)
    lines = tuple(
        Line(line_id, tuple(members))
        for line_id, members in groupby(words, key=lambda word: word.line_id)
    )
    return Receipt(image_id, receipt_id, lines)


def to_word_label(receipt: Receipt, label: Label, suspect: bool, now: datetime) -> WordLabel:
    """A label as the table stores it."""
    status = ValidationStatus.NEEDS_REVIEW if suspect else ValidationStatus.PENDING
    return WordLabel(
        image_id=receipt.image_id,
        receipt_id=receipt.receipt_id,
        line_id=label.line_id,
        word_id=label.word_id,
        label=label.name.value,
        proposed_by=f"{PROPOSER}:{label.source}",
        validation_status=status,
        labelled_at=now,
        reasoning=label.reason or None,
        confidence=label.score,
    )


def to_validation(receipt: Receipt, finding: Finding, now: datetime) -> ReceiptValidation:
    """A finding as the table stores it."""
    return ReceiptValidation(
        image_id=receipt.image_id,
        receipt_id=receipt.receipt_id,
        check_name=finding.check,
        passed=False,
        message=finding.message,
        words=[f"{line_id}.{word_id}" for line_id, word_id in finding.words],
        checked_at=now,
        expected=None if finding.expected is None else float(finding.expected),
        actual=None if finding.actual is None else float(finding.actual),
    )
