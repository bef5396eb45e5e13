"""前置库 batches: a batch that its control table does not confirm yet is left for later, with everything after it.

control table {table, batch, rows}  ->  the time before which rows may be read
"""

from __future__ import annotations

import sqlalchemy as sa

from connectors.contract import Cursor
from connectors.database.dialects import Dialect, Field, path, rows
from schemas.reading import ChangeMarks


def first_incomplete(
    dialect: Dialect, connection: sa.Connection, table: str, changes: ChangeMarks, at: Field, since: Cursor | None
) -> str | None:
    """The earliest time of a row in an incomplete batch; None when all are complete or nothing is promised.

    Only batches with rows at or after the last cursor are judged: the far side may clear away what we have taken.
    """
    if not changes.expected or not changes.batch:
        return None
    control = path(dialect, changes.expected["table"])
    batch, when = dialect.quoted(changes.batch), dialect.quoted(at.name)
    named, promised = dialect.quoted(changes.expected["batch"]), dialect.quoted(changes.expected["rows"])
    last = since.get("value") if since else None
    new = f"HAVING max(CASE WHEN t.{when} > {dialect.value(at, last)} THEN 1 ELSE 0 END) = 1" if last is not None else ""
    found = rows(
        connection,
        f"WITH delivered AS (SELECT t.{batch} AS batch, count(*) AS n, min(t.{when}) AS {when} FROM {table} t"
        f" WHERE t.{batch} IS NOT NULL GROUP BY t.{batch} {new}),"
        f" first AS (SELECT min(d.{when}) AS {when} FROM delivered d LEFT JOIN {control} c ON c.{named} = d.batch"
        f" WHERE c.{promised} IS NULL OR d.n < c.{promised})"
        f" SELECT {at.text} FROM first",
    )
    return None if found[0][0] is None else str(found[0][0])
