"""Labels into the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from receipt_dynamo import DynamoClient
from receipt_dynamo.constants import ValidationStatus

from ..pipeline import LabelResult
from .convert import PROPOSER, to_validation, to_word_label

_SETTLED = frozenset({ValidationStatus.VALID, ValidationStatus.INVALID})


@dataclass(frozen=True)
class WriteReport:
    """What was written, and what was left as people had settled it."""

    labels: int
    removed: int
    kept: int
    findings: int


def _now() -> datetime:
    return datetime.now(timezone.utc)


def write_result(
    client: DynamoClient, result: LabelResult, now: Callable[[], datetime] = _now
) -> WriteReport:
    """Replace our earlier labels of a receipt by new ones.

    Labels that were confirmed or refused stay, and so do labels of other proposers. A word
    with a confirmed label gets no further one.
    """
    receipt = result.receipt
    existing = client.list_word_labels_of_receipt(receipt.image_id, receipt.receipt_id).items
    settled = [label for label in existing if label.validation_status in _SETTLED]
    confirmed = {
        (label.line_id, label.word_id)
        for label in settled
        if label.validation_status is ValidationStatus.VALID
    }
    taken = {label.key for label in settled}
    moment = now()
    new = [
        record
        for label in result.labels
        if label.key not in confirmed
        and (record := to_word_label(receipt, label, label.key in result.suspects, moment))
        and record.key not in taken
    ]
    new_keys = {record.key for record in new}
    outdated = [
        label
        for label in existing
        if label.validation_status not in _SETTLED
        and label.proposed_by.startswith(PROPOSER)
        and label.key not in new_keys
    ]
    client.delete_word_labels(outdated)
    client.put_word_labels(new)
    findings = {f.check: to_validation(receipt, f, moment) for f in result.findings}
    client.put_receipt_validations(findings.values())
    return WriteReport(len(new), len(outdated), len(settled), len(findings))
