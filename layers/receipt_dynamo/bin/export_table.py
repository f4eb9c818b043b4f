#!/usr/bin/env python3
"""Export a table to a file of JSON lines.

    export_table.py receipts-dev --output receipts.jsonl --type RECEIPT --type RECEIPT_WORD

``boto3`` has to be installed; region and credentials come from the environment.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from receipt_dynamo import DynamoClient, ReceiptDynamoError  # noqa: E402
from receipt_dynamo.entities import ENTITY_TYPES  # noqa: E402
from receipt_dynamo.transfer import export_table  # noqa: E402


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(description="Export a table to a file of JSON lines.")
    parser.add_argument("table", help="name of the table")
    parser.add_argument("--output", type=Path, help="file to write; standard output if absent")
    parser.add_argument(
        "--type",
        dest="types",
        action="append",
        choices=sorted(ENTITY_TYPES),
        help="keep only this type of record; may be given several times",
    )
    parser.add_argument("--plain", action="store_true", help="leave attribute types out")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Run the export; returns the exit code."""
    options = arguments(argv)
    try:
        import boto3
    except ImportError:
        print("export_table: boto3 is not installed", file=sys.stderr)
        return 2
    client = DynamoClient(options.table, boto3.client("dynamodb"))
    try:
        if options.output is None:
            report = export_table(client, sys.stdout, options.types, options.plain)
        else:
            with options.output.open("w", encoding="utf-8") as target:
                report = export_table(client, target, options.types, options.plain)
    except ReceiptDynamoError as error:
        print(f"export_table: {error}", file=sys.stderr)
        return 1
    print(report.summary(), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
