"""The labels a word can get."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class LabelName(str, Enum):
    """A label. Its value is what is stored."""

    MERCHANT_NAME = "MERCHANT_NAME"
    STORE_NUMBER = "STORE_NUMBER"
    STORE_HOURS = "STORE_HOURS"
    ADDRESS_LINE = "ADDRESS_LINE"
    PHONE_NUMBER = "PHONE_NUMBER"
    WEBSITE = "WEBSITE"
    EMAIL = "EMAIL"
    DATE = "DATE"
    TIME = "TIME"
    CASHIER = "CASHIER"
    TRANSACTION_ID = "TRANSACTION_ID"
    PRODUCT_NAME = "PRODUCT_NAME"
    QUANTITY = "QUANTITY"
    UNIT_PRICE = "UNIT_PRICE"
    LINE_TOTAL = "LINE_TOTAL"
    DISCOUNT = "DISCOUNT"
    SUBTOTAL = "SUBTOTAL"
    TAX = "TAX"
    TIP = "TIP"
    GRAND_TOTAL = "GRAND_TOTAL"
    TENDERED = "TENDERED"
    CHANGE = "CHANGE"
    PAYMENT_METHOD = "PAYMENT_METHOD"
    CARD_NUMBER = "CARD_NUMBER"
    LOYALTY_ID = "LOYALTY_ID"


@dataclass(frozen=True)
class LabelInfo:
    """What is known about a label in general.

    Attributes:
        is_amount: the word must read as an amount of money.
        is_unique: a receipt has at most one value of it.
        is_required: a receipt without it is incomplete.
        rank: among equal scores the label with the lower rank wins.
    """

    is_amount: bool = False
    is_unique: bool = False
    is_required: bool = False
    rank: int = 50


_INFO: dict[LabelName, LabelInfo] = {
    LabelName.MERCHANT_NAME: LabelInfo(is_required=True, rank=10),
    LabelName.DATE: LabelInfo(is_required=True, rank=10),
    LabelName.GRAND_TOTAL: LabelInfo(True, True, True, rank=5),
    LabelName.SUBTOTAL: LabelInfo(True, True, rank=15),
    LabelName.TAX: LabelInfo(True, rank=20),
    LabelName.TIP: LabelInfo(True, True, rank=20),
    LabelName.TENDERED: LabelInfo(True, rank=25),
    LabelName.CHANGE: LabelInfo(True, True, rank=25),
    LabelName.DISCOUNT: LabelInfo(True, rank=30),
    LabelName.LINE_TOTAL: LabelInfo(True, rank=40),
    LabelName.UNIT_PRICE: LabelInfo(True, rank=45),
    LabelName.PRODUCT_NAME: LabelInfo(rank=90),
}


def info(name: LabelName) -> LabelInfo:
    """What is known about a label."""
    return _INFO.get(name, LabelInfo())


def required_labels() -> list[LabelName]:
    """The labels that no receipt should lack."""
    return [name for name in LabelName if info(name).is_required]


def amount_labels() -> frozenset[LabelName]:
    """The labels of amounts of money."""
    return frozenset(name for name in LabelName if info(name).is_amount)
