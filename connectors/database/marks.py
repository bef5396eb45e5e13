"""Whether a column can say which rows are new: its values must have an order, and the database must compare them in it.

Numbers, dates and times are compared as what they are. Text is compared character by character, so it may only hold
times of one fixed form; numbers in text ('9' after '10') and mixed forms would let rows be passed over for ever.
"""

from __future__ import annotations

import sqlalchemy as sa

from connectors.database import sqlite
from connectors.database.dialects import Dialect, Field, rows
from connectors.database.window import shape
from connectors.wording import Who
from schemas.errors import SourceChanged


def refusal(who: Who, dialect: Dialect, connection: sa.Connection, table: str, field: Field) -> SourceChanged | None:
    """Why the column cannot be a cursor, or None. Looks at every value of a text column; `table` is quoted."""
    if field.order == "value":
        return None
    if field.order == "none":
        return _refused(who, field, f"类型 {field.type} 没有可用的先后次序", f"the type {field.type} has no order to go by")
    column = dialect.quoted(field.name)
    if dialect.name == "sqlite" and sqlite.numbers(connection, table, column):
        return None
    found = rows(connection, f"SELECT max({column}) FROM {table} WHERE {column} <> ''")[0][0]
    if found is None:
        return None
    like = str(found).rstrip(" ")
    if shape(like) is None:
        return _refused(
            who, field, "是文本，内容却不是时间（例如数字或版本号）", "is text, but does not hold times (numbers or versions, perhaps)"
        )
    others = f"SELECT count(*) FROM {table} WHERE {column} <> '' AND NOT ({dialect.shaped(f'rtrim({column})', like)})"
    if count := int(rows(connection, others)[0][0]):
        return _refused(
            who,
            field,
            f"是文本，其中 {count} 个值与其余的时间写法不同",
            f"is text, and {count} of its values are written otherwise than the rest",
        )
    return None


def _refused(who: Who, field: Field, zh: str, en: str) -> SourceChanged:
    return SourceChanged(
        f"{who}: 列 {field.name} {zh}，不能用作增量列：按字符比较会漏读",
        f"{who}: the column {field.name} {en}; it cannot be the cursor, rows would be passed over",
        next_zh="请系统主管部门提供日期时间或数字类型的更新列；没有的，去掉 read.cursor，每次全量读取",
        next_en="ask the owner for a column of a date, time or number type; without one drop read.cursor and read the table whole",
    )
