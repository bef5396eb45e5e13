"""Chapters 4 and 5: what only shows across departments, and what an analyst may and may not ask."""

from __future__ import annotations

from demo.expected import DISPUTES_TWICE
from demo.expected_b import overpaid, suspected
from demo.page import Section
from demo.story_telling import Telling
from schemas.errors import QueryRefused
from schemas.said import Said

DEATHS = "SELECT town_code, people, monthly_amount, paid_amount FROM shared.allowance_after_death_by_town ORDER BY monthly_amount DESC, town_code"
TWICE = """SELECT dispute_type, count(*) AS disputes, sum(tickets) AS tickets
FROM shared.dispute_twice GROUP BY dispute_type ORDER BY disputes DESC, dispute_type"""
JOIN = """SELECT p.result, count(DISTINCT d.id_number_pseudonym) AS people, count(*) AS payments, sum(p.amount) AS yuan
FROM shared.death d
JOIN shared.old_age_payment p USING (id_number_pseudonym)
GROUP BY p.result ORDER BY p.result"""
BY_NUMBER = """SELECT p.result, count(DISTINCT d.id_number), count(*), sum(p.amount)
FROM shared.death d JOIN shared.old_age_payment p USING (id_number)
GROUP BY p.result ORDER BY p.result"""


def findings(telling: Telling, section: Section) -> None:
    """Suspicions for people to look at, never decisions."""
    _after_death(telling, section)
    _twice(telling, section)


def _codes(telling: Telling, name: str) -> dict[str, str]:
    return telling.city.codes[name]


def _after_death(telling: Telling, section: Section) -> None:
    found = telling.ask(DEATHS).rows
    people, monthly, paid = (sum(int(row[n]) for row in found) for n in (1, 2, 3))
    section.say(
        f"公安登记死亡之后仍在发高龄津贴：疑似 {people} 人，每月 {monthly:,} 元，登记后累计已发 {paid:,} 元。"
        "只是线索：由民政部门核查，系统不停发任何人的津贴。",
        f"Old-age allowance still paid after the police registered a death: {people} people suspected, {monthly:,} yuan a month, "
        f"{paid:,} yuan since. Only a lead: civil affairs looks into it, and nothing is stopped by itself.",
    )
    towns = _codes(telling, "town")
    rows = [(towns.get(town, town), int(n), int(money), int(since)) for town, n, money, since in found]
    heads = [
        Said("乡镇（街道）", "town"),
        Said("疑似人数", "people"),
        Said("每月金额（元）", "yuan a month"),
        Said("累计已发（元）", "yuan since"),
    ]
    section.show(heads, [*rows, (Said("合计", "sum"), people, monthly, paid)], [""] * len(rows) + ["warn"], numbers=[1, 2, 3])
    section.run(f'hub query "{DEATHS}"')
    planted = suspected(telling.invented)
    same = {town: (int(n), int(money)) for town, n, money, _ in found} == planted and paid == overpaid(telling.invented)
    wanted = sum(n for n, _ in planted.values())
    telling.promise(
        same,
        f"死后领津贴逐乡镇与预埋一致（{wanted} 人）",
        f"allowance after death is what was planted, town by town ({wanted} people)",
    )


def _twice(telling: Telling, section: Section) -> None:
    found = telling.ask(TWICE).rows
    total = sum(int(n) for _, n, _ in found)
    section.say(
        f"同一起纠纷既打了 12345、又到了调解平台：{total} 起。由承办单位决定是否合并办理。",
        f"One dispute that came to the 12345 hotline and to the mediators: {total}. Whoever handles them decides whether to merge.",
    )
    titles = _codes(telling, "dispute_type")
    heads = [Said("纠纷类型", "type of dispute"), Said("纠纷", "disputes"), Said("相关工单", "tickets")]
    section.show(heads, [(titles.get(kind, kind or "—"), int(n), int(t)) for kind, n, t in found], numbers=[1, 2])
    telling.promise(
        total == DISPUTES_TWICE,
        f"一诉多报应为 {DISPUTES_TWICE} 起，得到 {total}",
        f"disputes seen by both: {DISPUTES_TWICE} must come out, got {total}",
    )


def analyst(telling: Telling, section: Section) -> None:
    """Refused by number, answered by pseudonym."""
    number = telling.person or "999999199003070591"
    section.say("分析员按原始证件号码找人，会被拒绝：", "An analyst who looks for somebody by number is refused:")
    _refused(telling, section, f"SELECT * FROM shared.resident WHERE id_number = '{number}'")
    _refused(telling, section, "SELECT name, sfzh FROM shared.resident")
    section.say(
        "按脱敏后的号码关联会把不同的人算成一个，同样被拒绝：",
        "Joining by masked numbers would take different people for one, and is refused, too:",
    )
    _refused(telling, section, "SELECT count(*) FROM shared.death JOIN shared.old_age_payment USING (id_number)")
    section.say(
        "同一个人在各表里有同一个假名，可以照样关联——这里是公安的死亡登记与民政的津贴发放：",
        "One person has one pseudonym in every table, so tables still join: here the police's deaths and civil affairs' payments:",
    )
    answer = telling.ask(JOIN)
    section.run(f'hub query "{JOIN}"')
    results = _codes(telling, "payment_result")
    rows = [(results.get(kind, kind), people, payments, int(money)) for kind, people, payments, money in answer.rows]
    heads = [Said("发放结果", "result"), Said("人数", "people"), Said("笔数", "payments"), Said("金额（元）", "yuan")]
    section.show(heads, rows, numbers=[1, 2, 3])
    section.say(
        f"{answer.seconds:.2f} 秒答出（分析版第 {answer.generation} 代）；每一问都记入审计，被拒绝的也记。",
        f"Answered in {answer.seconds:.2f} s (edition generation {answer.generation}); every question is audited, refused ones too.",
    )
    plain = telling.hub.lake.cursor().execute(BY_NUMBER).fetchall()
    telling.promise(
        bool(plain) and plain == answer.rows,
        "按假名关联与在湖内按原号关联结果相同",
        "joining by pseudonym gives what joining by number gives inside the lake",
    )


def _refused(telling: Telling, section: Section, sql: str) -> None:
    """Ask what is not answered, and show the refusal as it is worded."""
    section.run(f'hub query "{sql}"')
    try:
        telling.ask(sql)
    except QueryRefused as error:
        section.say(f"✗ {error.zh}。下一步：{error.next_zh}", f"✗ {error.en}. Next: {error.next_en}")
        telling.promise(True, "查询被拒绝", "the question is refused")
    else:
        telling.promise(False, f"应当拒绝：{sql}", f"must be refused: {sql}")
