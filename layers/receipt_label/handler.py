"""The function's entry: labels the receipts that an event names.

Three kinds of events are understood::

    {"image_id": "…", "receipt_id": 1}              one receipt
    {"receipts": [{"image_id": "…", "receipt_id": 1}, …]}  several
    {"Records": [{"messageId": "…", "body": "<one of the above>"}, …]}  messages of a queue

For messages the answer lists those that failed, so that only they are delivered again.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from receipt_dynamo import DynamoClient, EntityNotFound, ReceiptDynamoError

from receipt_label.errors import BadEvent, ReceiptLabelError
from receipt_label.pipeline import Labeller
from receipt_label.settings import Settings
from receipt_label.storage import read_receipt, write_result

logger = logging.getLogger("receipt_label")

_client: DynamoClient | None = None
_labellers: dict[str, Labeller] = {}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Label the receipts of an event."""
    settings = Settings.from_environment()
    client = _shared_client(settings)
    if "Records" in event:
        return _messages(event["Records"], client, settings)
    return {"results": [_one(target, client, settings) for target in _targets(event)]}


def use_client(client: DynamoClient | None) -> None:
    """Set the client for the calls that follow; tests hand in one with a table in memory."""
    global _client
    _client = client


def _shared_client(settings: Settings) -> DynamoClient:
    global _client
    if _client is None:
        import boto3

        _client = DynamoClient(settings.table, boto3.client("dynamodb"))
    return _client


def _labeller(locale: str) -> Labeller:
    if locale not in _labellers:
        _labellers[locale] = Labeller(locale)
    return _labellers[locale]


def _targets(event: dict[str, Any]) -> list[tuple[str, int]]:
    wanted = event.get("receipts", [event])
    if not isinstance(wanted, list):
        raise BadEvent("receipts must be a list")
    targets = []
    for each in wanted:
        try:
            targets.append((str(each["image_id"]), int(each["receipt_id"])))
        except (KeyError, TypeError, ValueError) as error:
            raise BadEvent(f"a receipt needs image_id and receipt_id: {error!r}") from error
    return targets


def _one(
    target: tuple[str, int], client: DynamoClient, settings: Settings
) -> dict[str, Any]:
    image_id, receipt_id = target
    try:
        receipt = read_receipt(client, image_id, receipt_id)
    except EntityNotFound:
        return {"image_id": image_id, "receipt_id": receipt_id, "status": "not_found"}
    result = _labeller(settings.locale).label(receipt)
    answer: dict[str, Any] = {
        "image_id": image_id,
        "receipt_id": receipt_id,
        "status": "consistent" if result.is_consistent else "needs_review",
        "merchant": result.merchant.merchant.name if result.merchant else None,
        "labels": result.counts(),
        "findings": [finding.message for finding in result.findings],
    }
    if not settings.dry_run:
        report = write_result(client, result)
        answer["written"] = report.labels
        answer["kept"] = report.kept
    logger.info("labelled receipt %s of image %s", receipt_id, image_id)
    return answer


def _messages(
    records: list[dict[str, Any]], client: DynamoClient, settings: Settings
) -> dict[str, Any]:
    failed = []
    for record in records:
        try:
            event = json.loads(record["body"])
            for target in _targets(event):
                _one(target, client, settings)
        except (ReceiptLabelError, ReceiptDynamoError, KeyError, ValueError):
            logger.exception("message %s failed", record.get("messageId"))
            failed.append({"itemIdentifier": record.get("messageId", "")})
    return {"batchItemFailures": failed}
