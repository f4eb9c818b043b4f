"""Tests of the table in memory: it has to refuse what DynamoDB refuses."""

from __future__ import annotations

import unittest

from receipt_dynamo.memory import MemoryTable, ServiceError
from receipt_dynamo.memory.expressions import ExpressionError, Parser, tokens

ITEM = {
    "PK": {"S": "A"},
    "SK": {"S": "1"},
    "name": {"S": "milk"},
    "price": {"N": "2.50"},
    "tags": {"L": [{"S": "dairy"}]},
}


def holds(expression: str, **values: object) -> bool:
    """Whether an expression holds for the example item."""
    given = {f":{name}": value for name, value in values.items()}
    return Parser(expression, {"#n": "name"}, given).parse()(ITEM)


class ExpressionTest(unittest.TestCase):
    def test_comparisons(self) -> None:
        self.assertTrue(holds("#n = :v", v={"S": "milk"}))
        self.assertTrue(holds("price = :v", v={"N": "2.5"}))
        self.assertTrue(holds("price BETWEEN :a AND :b", a={"N": "1"}, b={"N": "10"}))
        self.assertFalse(holds("price < :v", v={"N": "2.5"}))
        self.assertFalse(holds("price = :v", v={"S": "2.50"}))
        self.assertTrue(holds("missing <> :v", v={"S": "x"}))

    def test_functions(self) -> None:
        self.assertTrue(holds("attribute_exists(price)"))
        self.assertTrue(holds("attribute_not_exists(colour)"))
        self.assertTrue(holds("begins_with(#n, :v)", v={"S": "mi"}))
        self.assertTrue(holds("contains(tags, :v)", v={"S": "dairy"}))

    def test_logic_and_precedence(self) -> None:
        yes, no = "attribute_exists(PK)", "attribute_exists(colour)"
        self.assertTrue(holds(f"{yes} OR {yes} AND {no}"))
        self.assertFalse(holds(f"({yes} OR {yes}) AND {no}"))
        self.assertTrue(holds(f"NOT {no} and {yes}"))

    def test_refuses_bad_expressions(self) -> None:
        for expression in ("", "PK", "PK = ", "PK = :missing", "#x = PK", "size(PK)", "(PK = SK"):
            with self.subTest(expression), self.assertRaises(ExpressionError):
                holds(expression)

    def test_tokens(self) -> None:
        self.assertEqual(tokens("a<=:b  AND(#c)"), ["a", "<=", ":b", "AND", "(", "#c", ")"])


class TableTest(unittest.TestCase):
    def setUp(self) -> None:
        self.table = MemoryTable("t", page_size=3)
        for number in range(1, 6):
            self.table.put_item(TableName="t", Item={**ITEM, "SK": {"S": str(number)}})

    def test_pages(self) -> None:
        request = {
            "KeyConditionExpression": "PK = :p",
            "ExpressionAttributeValues": {":p": {"S": "A"}},
        }
        first = self.table.query(TableName="t", **request)
        self.assertEqual(first["Count"], 3)
        second = self.table.query(ExclusiveStartKey=first["LastEvaluatedKey"], **request)
        self.assertEqual([item["SK"]["S"] for item in second["Items"]], ["4", "5"])
        self.assertNotIn("LastEvaluatedKey", second)
        newest = self.table.query(ScanIndexForward=False, Limit=1, **request)
        self.assertEqual(newest["Items"][0]["SK"]["S"], "5")

    def test_items_are_copies(self) -> None:
        key = {"PK": {"S": "A"}, "SK": {"S": "1"}}
        self.table.get_item(Key=key)["Item"]["name"]["S"] = "changed"
        self.assertEqual(self.table.get_item(Key=key)["Item"]["name"]["S"], "milk")

    def test_conditions(self) -> None:
        with self.assertRaises(ServiceError) as caught:
            self.table.put_item(Item=ITEM, ConditionExpression="attribute_not_exists(PK)")
        code = caught.exception.response["Error"]["Code"]
        self.assertEqual(code, "ConditionalCheckFailedException")

    def test_transactions_roll_back(self) -> None:
        new = {**ITEM, "SK": {"S": "9"}}
        actions = [
            {"Put": {"Item": new}},
            {"Put": {"Item": ITEM, "ConditionExpression": "attribute_not_exists(PK)"}},
        ]
        with self.assertRaises(ServiceError):
            self.table.transact_write_items(TransactItems=actions)
        self.assertEqual(len(self.table), 5)

    def test_refuses_other_tables_and_indexes(self) -> None:
        with self.assertRaises(ServiceError):
            self.table.scan(TableName="other")
        with self.assertRaises(ServiceError):
            self.table.query(IndexName="GSI9", KeyConditionExpression="PK = PK")


if __name__ == "__main__":
    unittest.main()
