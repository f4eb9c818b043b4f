"""Names and numbers shared by the whole package."""

from __future__ import annotations

from enum import Enum

#: The attribute that names the kind of a record; also the hash key of the type index.
TYPE_ATTRIBUTE = "TYPE"

#: The table's own keys.
PARTITION_KEY = "PK"
SORT_KEY = "SK"

#: DynamoDB's own limits.
MAX_BATCH_WRITE = 25
MAX_BATCH_GET = 100
MAX_TRANSACTION = 100

#: Digits of a number inside a key, so that keys sort as their numbers do.
ID_WIDTH = 5


class Index(str, Enum):
    """A global secondary index of the table."""

    TYPE = "GSITYPE"
    GSI1 = "GSI1"
    GSI2 = "GSI2"
    GSI3 = "GSI3"

    @property
    def hash_key(self) -> str:
        """The attribute that selects a partition of the index."""
        return TYPE_ATTRIBUTE if self is Index.TYPE else f"{self.value}PK"

    @property
    def range_key(self) -> str | None:
        """The attribute that orders a partition of the index, if it has one."""
        return None if self is Index.TYPE else f"{self.value}SK"


class ValidationStatus(str, Enum):
    """How far a record has been checked."""

    NONE = "NONE"
    PENDING = "PENDING"
    VALID = "VALID"
    INVALID = "INVALID"
    NEEDS_REVIEW = "NEEDS_REVIEW"


class JobStatus(str, Enum):
    """Where a job is in its life."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    INTERRUPTED = "INTERRUPTED"

    @property
    def is_final(self) -> bool:
        """Whether a job in this state will never change again."""
        return self in {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}


class JobPriority(str, Enum):
    """How urgent a job is."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class LogLevel(str, Enum):
    """Severity of a job's log line."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class InstanceStatus(str, Enum):
    """Where a worker machine is in its life."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    STOPPED = "STOPPED"


class ImageType(str, Enum):
    """How a picture was taken."""

    SCAN = "SCAN"
    PHOTO = "PHOTO"
    NATIVE = "NATIVE"


class OcrStatus(str, Enum):
    """State of a text recognition request."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class OcrJobType(str, Enum):
    """What a text recognition request is for."""

    FIRST_PASS = "FIRST_PASS"
    REFINEMENT = "REFINEMENT"
    REGION = "REGION"


class BatchType(str, Enum):
    """Which service a batch is sent to."""

    COMPLETION = "COMPLETION"
    EMBEDDING = "EMBEDDING"


class BatchStatus(str, Enum):
    """State of a batch at the service."""

    PENDING = "PENDING"
    VALIDATING = "VALIDATING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class SectionType(str, Enum):
    """A horizontal part of a receipt."""

    HEADER = "HEADER"
    ITEMS = "ITEMS"
    SUMMARY = "SUMMARY"
    PAYMENT = "PAYMENT"
    FOOTER = "FOOTER"


class SearchType(str, Enum):
    """What a place was looked up by."""

    ADDRESS = "ADDRESS"
    PHONE = "PHONE"
    URL = "URL"
    NAME = "NAME"
