"""Why a row or a value was left out, in people's words. The machine word stays what quarantine stores.

    null_key  ->  主键为空 · 请系统主管部门补全主键

A word nobody has described yet is shown as it is, never hidden.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One machine word: what it means and what to do next."""

    word: str
    zh: str
    en: str
    next_zh: str = ""
    next_en: str = ""


_OWNER = ("请系统主管部门在源系统中更正，下次同步自动收回", "the owning department corrects it at the source; the next sync takes it up")
_MAPPING = (
    "请登记人核对字段映射与 format；确为错值的请主管部门更正",
    "check the mapping and its format; a wrong value is the owner's to correct",
)

_ALL = (
    Reason("null_key", "主键为空", "the key is empty", *_OWNER),
    Reason(
        "differing_copies",
        "同一主键有多条且内容不同",
        "one key, several rows that differ",
        "请系统主管部门去重；若应取最新一条，登记人可写 duplicates: newest",
        "the owner removes the surplus; if the newest should win, write duplicates: newest",
    ),
    Reason(
        "undecodable",
        "含有无法按登记编码解读的字节",
        "bytes that the declared encoding cannot read",
        "登记人核对 read.encoding；原始字节已保留",
        "check read.encoding; the bytes are kept",
    ),
    Reason(
        "ragged",
        "列数与表头不符",
        "another number of columns than the header",
        "请提供方检查分隔符与引号后重新导出",
        "the sender checks delimiters and quotes, then exports again",
    ),
    Reason(
        "bad_quote",
        "引号之外还有文字，这一行不是完整的记录",
        "text stands beside a quoted value; the line is no whole record",
        "请提供方检查引号：值里的引号写成两个；用反斜杠转义的请登记人写 read.escape",
        "the sender doubles quotes inside values; where a backslash escapes them, write read.escape",
    ),
    Reason(
        "open_quote",
        "引号打开后没有关上",
        "a quote is opened and never closed",
        "请提供方补上引号后重新导出",
        "the sender closes the quote and exports again",
    ),
    Reason("unreadable", "无法读取", "could not be read", *_OWNER),
    Reason("required", "必填字段为空", "a required field is empty", *_OWNER),
    Reason("not_text", "不是文本", "not a text", *_MAPPING),
    Reason("not_integer", "不是整数", "not a whole number", *_MAPPING),
    Reason("not_decimal", "不是金额或数值（最多两位小数）", "not a number of at most two places", *_MAPPING),
    Reason("not_date", "不是存在的日期，或格式未登记", "not an existing date, or in a form that is not registered", *_MAPPING),
    Reason("not_datetime", "不是存在的时间，或格式未登记", "not an existing time, or in a form that is not registered", *_MAPPING),
    Reason("not_boolean", "不是“是/否”", "neither yes nor no", *_MAPPING),
    Reason(
        "unmapped_code",
        "代码未登记对应关系",
        "a code that is not mapped",
        "登记人在 codes 中写明该值对应的标准代码",
        "say under codes which standard code this value is",
    ),
    Reason("bad_id_number", "公民身份号码位数、日期或校验码不符", "an id number of wrong length, date or check character", *_OWNER),
    Reason("bad_uscc", "统一社会信用代码位数或校验码不符", "a USCC of wrong length or check character", *_OWNER),
    Reason("bad_phone", "电话号码格式不符", "not a telephone number", *_OWNER),
    Reason(
        "private_use",
        "含有自造字（私用区字符）",
        "characters of a private-use area",
        "请系统主管部门提供自造字对照表",
        "the owner supplies the table of its own characters",
    ),
    Reason(
        "error_cell",
        "单元格是表格软件的错误值（如 #N/A、#DIV/0!）",
        "the cell holds a spreadsheet error such as #N/A or #DIV/0!",
        "请提供方改正该单元格的公式或引用，再重新导出",
        "the sender mends the formula of that cell and exports again",
    ),
    Reason(
        "formula_without_value",
        "单元格是公式，文件中没有保存计算结果",
        "the cell is a formula whose value was not kept in the file",
        "请提供方用表格软件打开、保存后重新投递，或粘贴为数值",
        "the sender opens and saves it in a spreadsheet program, or pastes the values",
    ),
    Reason(
        "lost_digits",
        "数字过长，末位已在表格软件中丢失",
        "a number too long: its last digits were lost in a spreadsheet",
        "请提供方将该列设为文本后重新导出",
        "the sender makes the column text and exports again",
    ),
)
REASONS: dict[str, Reason] = {r.word: r for r in _ALL}


def reason(word: str) -> Reason:
    """The word described; an unknown word describes itself."""
    return REASONS.get(word, Reason(word, word, word))
