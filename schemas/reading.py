"""How a system is reached and read: the words every kind has, and the way from what is written to the words of one kind.

connection: {connector: files, …}, read: {…}, reading: {…}  ->  connectors/files/words.py  ->  Connection, Read
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from schemas.documents import Closed, unknown, validated, wrong
from schemas.forms import Duration, Name, Texts
from schemas.kinds import Unread, kind, kinds


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


def connection_of(value: object, *, whole: bool = False, administrator: bool = False) -> object:
    """The connection in the words of its kind. No mistake in it repeats a value: it might be a password.

    A registration may leave every one of them to connections.yml; where it is used, it must be `whole`.
    """
    if not isinstance(value, dict):
        return value
    name = value.get("connector")
    if not isinstance(name, str):
        return validated(Connection, value, quiet=True)
    found = kind(name)
    if found is None:
        known = list(kinds())
        raise wrong(f"没有连接方式 {name}；有：{'、'.join(known)}", f"no connector {name}; there are: {', '.join(known)}", "connector")
    if not whole and not set(value) - set(Connection.model_fields):
        return validated(Connection, value, quiet=True)
    return validated(found.connection, value, quiet=True, administrator=administrator)


class Changes(Closed):
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
        del said
        return frozenset(cls.model_fields)

    @classmethod
    def useless(cls, word: str, said: Mapping[str, Any]) -> tuple[str, str]:
        """Why a word has no use there, in two languages."""
        del word, said
        return "", ""

    @property
    def marks(self) -> Changes | None:
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


def read_of(value: object) -> object:
    """The words of `read:` in those of its kind, with what it inherits."""
    if not isinstance(value, Unread):
        return value
    if value.kind is None:  # the connection is told to be wrong already
        return Read.model_construct()
    model, said = value.kind.read, value.whole
    usable = model.usable(said)
    foreign = [w for w in said if w in model.model_fields and w not in usable]
    if foreign:
        raise unknown(foreign[0], sorted(usable), model.useless(foreign[0], said))
    return validated(model, said)


def towards_its_kind(dataset: Any, connections: Any, shared: Mapping[str, Any]) -> Any:
    """The dataset, its `read:` marked with the kind of the connection it goes by."""
    if not isinstance(dataset, dict) or not isinstance(dataset.get("read"), dict):
        return dataset
    words = dataset["read"]
    via = words.get("via", shared.get("via", "main"))
    way = connections.get(via) if isinstance(connections, dict) and isinstance(via, str) else None
    name = way.get("connector") if isinstance(way, dict) else getattr(way, "connector", None)
    return {**dataset, "read": Unread(kind(name) if isinstance(name, str) else None, words, shared)}


def all_used(shared: Mapping[str, Any], reads: list[Unread]) -> None:
    """Every word of `reading:` is one that at least one dataset can have. Raises ValidationError."""
    known = {word for r in reads if r.kind for word in r.kind.read.usable({**shared, **r.words})}
    for word in shared:
        if known and word not in known:
            raise wrong(
                f"没有一个数据集用得到 reading.{word}；可用：{'、'.join(sorted(known))}",
                f"no dataset has a use for reading.{word}; there are: {', '.join(sorted(known))}",
                "reading", word,
            )  # fmt: skip
