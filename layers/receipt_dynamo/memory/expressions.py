"""Condition expressions: parsing and evaluation.

The grammar is DynamoDB's without ``IN`` and ``size``::

    condition := and-term { OR and-term }
    and-term  := factor { AND factor }
    factor    := NOT factor | ( condition ) | function | comparison
    function  := name ( path [, operand] )
    comparison := operand (= | <> | < | <= | > | >=) operand
                | operand BETWEEN operand AND operand
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Item = Mapping[str, Any]
Predicate = Callable[[Item], bool]
Operand = Callable[[Item], Any]

_TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>(),]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class ExpressionError(ValueError):
    """An expression that DynamoDB would refuse."""


def tokens(expression: str) -> list[str]:
    """The words and signs of an expression."""
    found: list[str] = []
    place = 0
    stripped = expression.rstrip()
    while place < len(stripped):
        match = _TOKEN.match(stripped, place)
        if match is None:
            raise ExpressionError(f"unexpected {stripped[place:place + 10]!r}")
        found.append(match.group(1))
        place = match.end()
    return found


def comparable(value: Mapping[str, Any] | None) -> Any:
    """An attribute value as something Python compares the way DynamoDB does."""
    if value is None:
        return None
    ((kind, content),) = value.items()
    if kind == "N":
        return (kind, Decimal(content))
    if kind in {"L", "M"}:
        return (kind, repr(content))
    return (kind, content)


class Parser:
    """Turns one expression into a predicate over items."""

    def __init__(
        self,
        expression: str,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        self._tokens = tokens(expression)
        self._place = 0
        self._names = names or {}
        self._values = values or {}

    def parse(self) -> Predicate:
        """The whole expression."""
        predicate = self._or()
        if self._place != len(self._tokens):
            raise ExpressionError(f"unexpected {self._peek()!r}")
        return predicate

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise ExpressionError("the expression ends too early")
        self._place += 1
        return token

    def _expect(self, wanted: str) -> None:
        token = self._next()
        if token.upper() != wanted:
            raise ExpressionError(f"expected {wanted}, found {token}")

    def _accept(self, word: str) -> bool:
        if self._peek().upper() == word:
            self._place += 1
            return True
        return False

    def _or(self) -> Predicate:
        terms = [self._and()]
        while self._accept("OR"):
            terms.append(self._and())
        return terms[0] if len(terms) == 1 else lambda item: any(t(item) for t in terms)

    def _and(self) -> Predicate:
        factors = [self._factor()]
        while self._accept("AND"):
            factors.append(self._factor())
        return factors[0] if len(factors) == 1 else lambda item: all(f(item) for f in factors)

    def _factor(self) -> Predicate:
        if self._accept("NOT"):
            inner = self._factor()
            return lambda item: not inner(item)
        if self._accept("("):
            inner = self._or()
            self._expect(")")
            return inner
        following = self._tokens[self._place + 1 : self._place + 2]
        if following == ["("]:
            return self._function()
        return self._comparison()

    def _function(self) -> Predicate:
        name = self._next()
        self._expect("(")
        path = self._path(self._next())
        if name == "attribute_exists":
            self._expect(")")
            return lambda item: path in item
        if name == "attribute_not_exists":
            self._expect(")")
            return lambda item: path not in item
        self._expect(",")
        operand = self._operand()
        self._expect(")")
        if name == "begins_with":
            return lambda item: path in item and _begins(item[path], operand(item))
        if name == "contains":
            return lambda item: path in item and _contains(item[path], operand(item))
        raise ExpressionError(f"unknown function {name}")

    def _comparison(self) -> Predicate:
        left = self._operand()
        if self._accept("BETWEEN"):
            low = self._operand()
            self._expect("AND")
            high = self._operand()
            return lambda item: _compare("<=", low(item), left(item)) and _compare(
                "<=", left(item), high(item)
            )
        sign = self._next()
        if sign not in _COMPARISONS:
            raise ExpressionError(f"expected a comparison, found {sign}")
        right = self._operand()
        return lambda item: _compare(sign, left(item), right(item))

    def _operand(self) -> Operand:
        token = self._next()
        if token.startswith(":"):
            if token not in self._values:
                raise ExpressionError(f"no value for {token}")
            constant = self._values[token]
            return lambda item: constant
        path = self._path(token)
        return lambda item: item.get(path)

    def _path(self, token: str) -> str:
        if not token.startswith("#"):
            return token
        if token not in self._names:
            raise ExpressionError(f"no name for {token}")
        return self._names[token]


def _compare(sign: str, left: Any, right: Any) -> bool:
    first, second = comparable(left), comparable(right)
    if first is None or second is None or first[0] != second[0]:
        return sign == "<>"
    return _COMPARISONS[sign](first[1], second[1])


def _begins(value: Mapping[str, Any], prefix: Mapping[str, Any]) -> bool:
    return "S" in value and value["S"].startswith(prefix["S"])


def _contains(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if "S" in value:
        return wanted["S"] in value["S"]
    return wanted in value.get("L", [])


def predicate(request: Mapping[str, Any], name: str) -> Predicate | None:
    """The predicate of a request's expression, if it has one."""
    expression = request.get(name)
    if expression is None:
        return None
    return Parser(
        expression,
        request.get("ExpressionAttributeNames"),
        request.get("ExpressionAttributeValues"),
    ).parse()
