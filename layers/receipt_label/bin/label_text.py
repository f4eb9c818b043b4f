#!/usr/bin/env python3
"""Label a receipt in a text file, and show what was found.

    label_text.py receipt.txt
    label_text.py --json - < receipt.txt
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from receipt_label import Labeller, LabelResult, receipt_from_text  # noqa: E402
from receipt_label.errors import ReceiptLabelError  # noqa: E402


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(description="Label a receipt in a text file.")
    parser.add_argument("file", help="the text; - for standard input")
    parser.add_argument("--locale", default="default", help="customs if the shop is unknown")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args(argv)


def show(result: LabelResult) -> None:
    """Print a result for people."""
    shop = result.merchant.merchant.name if result.merchant else "unknown"
    print(f"shop: {shop}")
    for label in result.labels:
        word = result.receipt.by_key[label.key]
        print(f"{label.line_id:>3}.{label.word_id:<2} {word.text:<20} "
              f"{label.name.value:<15} {label.score:.2f}  {label.reason}")
    for finding in result.findings:
        print(f"{finding.severity.value.lower()}: {finding.message}")


def main(argv: Sequence[str]) -> int:
    """Label one text; returns 0 if all is consistent, 1 if not, 2 if it could not be read."""
    options = arguments(argv)
    try:
        if options.file == "-":
            text = sys.stdin.read()
        else:
            text = Path(options.file).read_text(encoding="utf-8")
        result = Labeller(options.locale).label(receipt_from_text(text))
    except (OSError, ReceiptLabelError) as error:
        print(f"label_text: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(result.to_dict(), indent=2, sort_keys=True))
    else:
        show(result)
    return 0 if result.is_consistent else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
