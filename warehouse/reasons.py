"""Why a row or a value was left out, in people's words. The machine word stays what quarantine stores.

    null_key  ->  主键为空 · 请系统主管部门补全主键

A word nobody has described yet is shown as it is, never hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from schemas.said import NOTHING, Said


@dataclass(frozen=True)
class Reason:
    """One machine word: what it means and what to do next."""

    word: str
    zh: str
    en: str
    next_zh: str = ""
    next_en: str = ""
    instead: Said = NOTHING  # what the department writes in that place


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
_INSTEAD = {
    "null_key": Said("请填写", "fill it in"),
    "differing_copies": Said("同一条记录只保留一行", "keep one row of each"),
    "undecodable": Said("请重新输入这一行中显示不出的字", "type the characters of this line again that do not show"),
    "ragged": Said("请核对这一行：值里的逗号、换行要放在引号内", "put commas and line breaks inside values in quotes"),
    "bad_quote": Said("请把值里的引号写成两个", "write quotes inside values twice"),
    "open_quote": Said("请补上少了的引号", "close the quote"),
    "unreadable": Said("请重新导出这一行", "export this line again"),
    "required": Said("请填写", "fill it in"),
    "not_text": Said("请改为文字", "write a text"),
    "not_integer": Said("请改为整数，例如 12", "write a whole number such as 12"),
    "not_decimal": Said("请改为数字，最多两位小数，例如 1234.50", "write a number of at most two places such as 1234.50"),
    "not_date": Said("请改为存在的日期，例如 2026-03-02", "write a date there is, such as 2026-03-02"),
    "not_datetime": Said("请改为存在的时间，例如 2026-03-02 15:00:00", "write a time there is, such as 2026-03-02 15:00:00"),
    "not_boolean": Said("请改为“是”或“否”", "write 是 or 否"),
    "unmapped_code": Said("请改为代码表中的代码", "write a code of the list"),
    "bad_id_number": Said("请核对证件，填写 18 位公民身份号码", "look at the card and write all 18 characters of the number"),
    "bad_uscc": Said("请核对证照，填写 18 位统一社会信用代码", "look at the licence and write all 18 characters of the code"),
    "bad_phone": Said("请改为 11 位手机号，或带区号的座机，例如 0394-1234567", "write a mobile number of 11 digits, or a landline such as 0394-1234567"),
    "private_use": Said("请改为标准汉字，或提供自造字对照表", "write a standard character, or give us the table of your own"),
    "error_cell": Said("请改正公式，或填写数值", "mend the formula, or write the value"),
    "formula_without_value": Said("请用表格软件打开并保存，或粘贴为数值", "open and save it in a spreadsheet program, or paste the value"),
    "lost_digits": Said("请把该列设为文本格式，重新填写完整的号码", "make the column text and write the whole number again"),
}  # fmt: skip
REASONS: dict[str, Reason] = {r.word: replace(r, instead=_INSTEAD[r.word]) for r in _ALL}


def reason(word: str) -> Reason:
    """The word described; an unknown word describes itself."""
    return REASONS.get(word, Reason(word, word, word))
