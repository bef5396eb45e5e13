"""The words of a database: where it is, which table is read, how its rows say what changed."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from connectors.places import Place
from schemas.documents import Closed, wrong
from schemas.kinds import Kind
from schemas.reading import ChangeMarks, Connection, Read


class DatabaseConnection(Connection):
    """The words of `connection:` for a database."""

    model_config = {**Closed.model_config, "alias_generator": lambda name: name.rstrip("_")}  # noqa: RUF012

    connector: Literal["database"] = "database"
    dialect: Literal["postgresql", "mysql", "sqlite"]
    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    database: str | None = None
    schema_: str | None = None
    file: Place | None = None
    ssl: Literal["require", "verify-ca", "verify-full"] | None = None
    path: Literal["fast", "plain"] | None = None  # to force one of the two paths


class DatabaseRead(Read):
    """The words of `read:` for a database."""

    table: str  # a table or view; schema.table outside the connection's schema
    changes: ChangeMarks | None = None

    @property
    def marks(self) -> ChangeMarks | None:
        return self.changes

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if self.changes and not self.key:
            raise wrong("changes 需要 key", "changes needs key", "changes")
        if self.changes and self.cursor:
            raise wrong("cursor 与 changes 只能用一个", "only one of cursor and changes can be used", "changes")
        if self.whole not in (None, "all"):
            raise wrong("database 的 whole 只能是 all", "whole of a database is all", "whole")
        if (self.lag or self.overlap) and not self.incremental:
            raise wrong("lag、overlap 只用于增量读取", "lag and overlap are for incremental reads", "lag" if self.lag else "overlap")
        return self


KIND = Kind(DatabaseConnection, DatabaseRead)
