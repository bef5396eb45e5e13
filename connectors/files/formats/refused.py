"""A file that is not of the form it is registered with: what it is, and whose move that makes it."""

from __future__ import annotations


class Refused(Exception):
    """The words say what the file is, in two languages, and what to do."""

    def __init__(
        self, zh: str, en: str, next_zh: str = "请提供方另存为 .xlsx 后重新投递", next_en: str = "save it as .xlsx and send it again"
    ) -> None:
        super().__init__(zh)
        self.zh, self.en, self.next_zh, self.next_en = zh, en, next_zh, next_en
