"""The words that every connector kind has: how a system is reached, how its datasets are read. A kind adds its own (schemas.kinds)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from schemas.documents import Closed, wrong
from schemas.forms import Duration, Name, Texts


class Connection(Closed):
    """How a system is reached: the words every kind has. `$HUB_HOME/connections.yml` may replace an entry whole."""

    connector: Name
    secret: Name | None = None  # a name in the secret store, never a value

    if TYPE_CHECKING:

        def __getattr__(self, word: str) -> Any:
            """The words of its kind."""

    @property
    def options(self) -> dict[str, Any]:
        """The words of its kind that are given, as they are written."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"connector", "secret"})


class ChangeMarks(Closed):
    """前置库: a table that carries its own change marks."""

    kind: str  # the column that says what happened
    insert: Texts = ("I",)
    update: Texts = ("U",)
    delete: Texts = ("D",)
    at: str  # when it happened, second precision; the cursor
    batch: str | None = None
    receipt: str | None = None  # the row status column we write back after the landing commit
    taken: str = "1"  # the value that says: taken
    expected: Annotated[dict[str, str], Field(default_factory=dict)]  # a control table: {table, batch, rows} names its columns


_OF_CURSORS = frozenset({"overlap", "lag", "null_cursor", "reconcile"})


class Read(Closed):
    """What is read, how it is told apart, and what may be concluded from what is missing: the words every kind has."""

    via: Name = "main"  # which of its connections
    key: tuple[str, ...] = ()  # the columns that tell its rows apart; without one, a row is known by all its values
    duplicates: Literal["hold", "newest"] = "hold"  # of differing rows with one key: hold them all, or the newest counts
    newest_by: str | None = None  # which copy is the newest: a column of dates, times or numbers, its text always of one form
    cursor: str | None = None  # a column that grows with every change: only newer rows are read
    overlap: Duration = dt.timedelta(0)  # how far behind the cursor a read begins, for rows that come late
    lag: Duration = dt.timedelta(0)  # rows younger than this may still change: the cursor waits before them
    null_cursor: Literal["read", "skip"] = "read"  # rows without a cursor value: read every time, or never
    whole: Literal["all", "per file", "per batch"] | None = None  # what is delivered whole: a row missing in it is deleted
    append: bool = False  # rows only ever come to it, and have no key
    reconcile: Literal["daily", "weekly", "monthly"] | None = None  # a cursor sees no deletion: read from the beginning that often
    only: dict[str, Texts] = Field(default_factory=dict)  # column: values; other rows are not read
    deleted: dict[str, Texts] = Field(default_factory=dict)  # column: values that say: this row is deleted

    if TYPE_CHECKING:

        def __getattr__(self, word: str) -> Any:
            """The words of its kind."""

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.append and self.key:
            raise wrong("append 用于没有主键的数据；有主键请去掉 append", "append is for rows without a key; drop one of the two", "append")
        if self.newest_by and self.duplicates != "newest":
            raise wrong("newest_by 须同时写 duplicates: newest", "newest_by goes with duplicates: newest", "newest_by")
        if self.cursor and not self.key and not self.append:
            raise wrong("用 cursor 增量读取需要 key（或 append）", "reading by cursor needs key, or append", "cursor")
        return self

    @classmethod
    def usable(cls, said: Mapping[str, Any]) -> frozenset[str]:
        """The words that have a use beside what is said; a kind with several formats takes away those of the others."""
        words = frozenset(cls.model_fields)
        return words if said.get("cursor") or said.get("changes") else words - _OF_CURSORS

    @classmethod
    def useless(cls, word: str, said: Mapping[str, Any]) -> tuple[str, str]:
        """Why a word has no use there, in two languages."""
        del said
        return (f"没有 cursor，用不到 {word}", f"without a cursor there is no use for {word}") if word in _OF_CURSORS else ("", "")

    @property
    def marks(self) -> ChangeMarks | None:
        """The change marks its rows carry themselves."""
        return None

    @property
    def incremental(self) -> bool:
        return bool(self.cursor or self.marks)

    @property
    def columns(self) -> list[str]:
        """The columns without which its rows cannot be told apart, ordered or chosen."""
        own = [c for c in (self.marks.kind, self.marks.at, self.marks.batch) if c] if self.marks else []
        return [*self.key, *(c for c in (self.cursor, self.newest_by) if c), *self.only, *self.deleted, *own]
