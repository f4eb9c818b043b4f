"""Every error the package raises, and how the service's errors become them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ReceiptDynamoError(Exception):
    """The root of the package's errors."""


class InvalidEntity(ReceiptDynamoError, ValueError):
    """A field of a record has a value it must not have."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


class InvalidItem(ReceiptDynamoError, ValueError):
    """An item read from the table is not the record it claims to be."""


class EntityNotFound(ReceiptDynamoError, LookupError):
    """There is no such record."""


class EntityExists(ReceiptDynamoError):
    """A record to be added is in the table already."""


class ConditionFailed(ReceiptDynamoError):
    """A condition of a write did not hold."""


class TransactionCancelled(ReceiptDynamoError):
    """A transaction was refused as a whole; ``reasons`` names each action's cause."""

    def __init__(self, message: str, reasons: list[str]) -> None:
        super().__init__(message)
        self.reasons = reasons


class TableUnavailable(ReceiptDynamoError):
    """The service could not be reached, or refused the request for now."""


class AccessDenied(ReceiptDynamoError):
    """The caller may not do that."""


class BatchIncomplete(ReceiptDynamoError):
    """Some requests of a batch were still unprocessed after the last attempt."""

    def __init__(self, unprocessed: int, attempts: int) -> None:
        super().__init__(f"{unprocessed} requests left unprocessed after {attempts} attempts")
        self.unprocessed = unprocessed
        self.attempts = attempts


class CursorError(ReceiptDynamoError, ValueError):
    """A page cursor was not one of ours."""


_BY_CODE: dict[str, type[ReceiptDynamoError]] = {
    "ConditionalCheckFailedException": ConditionFailed,
    "AccessDeniedException": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "ResourceNotFoundException": TableUnavailable,
    "ProvisionedThroughputExceededException": TableUnavailable,
    "RequestLimitExceeded": TableUnavailable,
    "ThrottlingException": TableUnavailable,
    "InternalServerError": TableUnavailable,
    "ServiceUnavailable": TableUnavailable,
    "ValidationException": InvalidItem,
}

_RETRYABLE = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "InternalServerError",
        "ServiceUnavailable",
    }
)


def error_code(error: BaseException) -> str | None:
    """The service's code of an error shaped like botocore's ``ClientError``."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return None
    return response.get("Error", {}).get("Code")


def is_retryable(error: BaseException) -> bool:
    """Whether the same request may succeed a little later."""
    return error_code(error) in _RETRYABLE


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn an error of the service into one of ours, saying what was being done."""
    try:
        yield
    except ReceiptDynamoError:
        raise
    except Exception as error:
        code = error_code(error)
        if code is None:
            raise
        if code == "TransactionCanceledException":
            given = error.response.get("CancellationReasons", [])  # type: ignore[attr-defined]
            reasons = [reason.get("Code", "None") for reason in given]
            raise TransactionCancelled(f"{action}: {error}", reasons) from error
        kind = _BY_CODE.get(code, ReceiptDynamoError)
        raise kind(f"{action}: {error}") from error
