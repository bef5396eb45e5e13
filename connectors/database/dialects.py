"""What differs between databases: how columns are read so that both paths give the same values.

    a column of the far side  ->  Field: one SQL expression, one Arrow type

The expression is computed at the far side, whichever path runs it. What Arrow could not carry faithfully comes as text.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import pyarrow as pa
import sqlalchemy as sa

from schemas.registration import Limits
from schemas.secrets import Secret

Family = Literal["instant", "moment", "day", "number", "text"]  # with a zone, without, a date
Order = Literal["value", "text", "none"]  # compared as what it is; character by character; not by us


@dataclass(frozen=True, slots=True)
class Field:
    """How one column is read."""

    name: str
    type: str  # the far side's own word
    select: str
    arrow: pa.DataType
    family: Family = "text"
    text: str = ""  # the column as exact text, for cursors and for values Arrow cannot carry
    odd: str = ""  # true for a value Arrow cannot carry: then the whole column comes as text
    hexed: bool = False  # bytes travel as hexadecimal
    order: Order = "none"
    highest: str = ""  # where the product counts NaN or infinity above every number: the largest that is one
    nullable: bool = True
    key: bool = False
    title: str = ""

    def as_text(self) -> Field:
        return replace(self, select=self.text, arrow=pa.string(), odd="")


class Dialect(Protocol):
    """One database product. Everything it returns is SQL of that product."""

    name: str
    scanner: str  # DuckDB's extension
    query: str  # its function that runs a query at the far side

    def url(self, options: Any, secret: Secret) -> sa.URL: ...

    def arguments(self, options: Any, limits: Limits, timezone: str) -> dict[str, Any]:
        """What the driver is told when it connects: time-outs, encoding, time zone, read only."""

    def begin(self, connection: sa.Connection, seconds: float) -> None:
        """Start a read-only transaction that sees one state, where the product can; answers are limited to `seconds`."""

    def attach(self, options: Any, limits: Limits, timezone: str, seconds: float) -> tuple[str, list[str]]:
        """The text to attach with, and the settings before it, for the scanner."""

    def fields(self, connection: sa.Connection, table: str) -> list[Field]:
        """The columns of a table; empty when there is no such table or it may not be read."""

    def tables(self, connection: sa.Connection) -> list[tuple[str, int | None]]:
        """Tables and views with an estimate of their rows."""

    def estimate(self, connection: sa.Connection, table: str) -> int | None: ...

    def quoted(self, name: str) -> str: ...

    def literal(self, text: str) -> str: ...

    def value(self, field: Field, text: str) -> str:
        """That text as a value of the column's type."""

    def among(self, field: Field, values: Sequence[str]) -> str:
        """A condition: the column has one of these values, compared as values of its type. Raises ValueError for what is none."""

    def shaped(self, column: str, digits: str) -> str:
        """A condition: the text is written like `digits`, in which every digit stands for any."""

    def clock(self, connection: sa.Connection) -> dt.datetime | None:
        """The far side's clock in UTC; None where it has none of its own."""

    def encoding(self, connection: sa.Connection) -> str: ...


def path(dialect: Dialect, table: str) -> str:
    """`schema.table` quoted part by part."""
    return ".".join(dialect.quoted(part) for part in table.split("."))


def number(text: str) -> str:
    """A number as SQL writes it. Raises ValueError."""
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text.strip()):
        raise ValueError("not a number")
    return text.strip()


def boolean(text: str) -> bool:
    """1, true, t, yes, y, 是 and their opposites. Raises ValueError."""
    word = text.strip().lower()
    if word in ("1", "true", "t", "yes", "y", "是"):
        return True
    if word in ("0", "false", "f", "no", "n", "否"):
        return False
    raise ValueError("not a boolean")


def plain(name: str, mark: str) -> str:
    if "\x00" in name or not name:
        raise ValueError("not a name")
    return mark + name.replace(mark, mark * 2) + mark


def rows(connection: sa.Connection, sql: str) -> Sequence[Any]:
    """A small answer. The text is ours and holds no placeholder, so a percent sign means itself."""
    return connection.execution_options(no_parameters=True).exec_driver_sql(sql).fetchall()
