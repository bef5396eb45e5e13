"""A newcomer's day over a small city: register, check, try, sync, look, publish, ask, trace back."""

import json
import re
import shutil
import sqlite3
import stat

from tests.hub.small_city import OTHER, REGISTRATION, id_number


def test_from_registration_to_a_figure_that_adds_up(city):
    city.people(range(21, 22), SFZH="12345")
    city.people(range(22, 23), XB="未知")
    assert "2 个样例通过" in city.hub("systems", "validate").output
    assert "✓ T_PERSON 可读" in city.hub("check", "civil_affairs/assistance").output
    tried = city.hub("try", "civil_affairs/assistance/person", "--rows", "30")
    assert tried.exit_code == 0
    assert "通过 21 行，未通过 1 行，留空的值 1 个" in tried.output
    assert not (city.home / "lake").exists()
    assert not list(city.home.glob("try.*"))
    synced = city.hub("sync")
    assert synced.exit_code == 0, synced.output
    assert re.search(r"assistance/person +有变化 +22 +22 +0 +0 +1 +21", synced.output)
    assert city.hub("publish").exit_code == 0
    answer = city.hub("query", "SELECT count(*) AS n, count(id_number_pseudonym) AS p FROM shared.person", "--json")
    assert json.loads(answer.stdout) == [{"n": 21, "p": 21}]
    why = city.hub("why", "recipients", "--json")
    told = json.loads(why.stdout)
    assert (told["value"], told["adds_up"], [s["count"] for s in told["steps"]]) == (21, True, [22, -1])
    assert "✓ 相符" in city.hub("why", "recipients").output
    opened = city.hub("why", "recipients", "--rows", "2").output
    assert re.search(r"civil_affairs/assistance/person +21 +id_number: bad_id_number", opened)


def test_personal_values_are_masked_unless_plain_is_asked_for(city):
    city.people(range(21, 22), SFZH="99999919800101999X")
    city.hub("sync")
    city.hub("publish")
    number, name = id_number(1), "张1丰"
    commands = (
        ("try", "civil_affairs/assistance"),
        ("quarantine", "--rows"),
        ("quarantine", "--csv", "-"),
        ("why", f"person/{number}"),
        ("why", "civil_affairs/assistance/person/1"),
        ("why", "civil_affairs/assistance/person/21"),
        ("why", "recipients", "--rows", "1"),
    )
    for words in commands:
        masked = city.hub(*words)
        assert masked.exit_code == 0, masked.output
        for secret in (name, "张21丰", number, "99999919800101999X", "19900001234"):
            assert secret not in masked.stdout, (words, secret)
    assert name in city.hub("why", "civil_affairs/assistance/person/1", "--plain").stdout
    assert "99999919800101999X" in city.hub("quarantine", "--rows", "--plain").stdout


def test_try_shows_what_is_wrong_with_a_row_in_words(city):
    city.people(range(21, 22), SFZH="12345")
    said = city.hub("try", "civil_affairs/assistance/person", "--rows", "50").output
    assert "主键 21 · 未通过" in said
    assert "公民身份号码位数、日期或校验码不符" in said


def test_one_unreachable_system_leaves_the_others_done(city):
    city.write("civil_affairs/homes", OTHER)
    synced = city.hub("sync")
    assert synced.exit_code == 1
    assert re.search(r"assistance/person +有变化 +20", synced.output)
    assert "127.0.0.1:1" in synced.output
    assert "该谁处理：枢纽自动重试" in synced.output
    status = {s["path"]: s for s in json.loads(city.hub("status", "--json").stdout)}
    assert status["civil_affairs/homes"]["state"] == "failed"
    assert status["civil_affairs/homes"]["following"]["zh"]
    assert status["civil_affairs/assistance"]["state"] == "fine"
    assert city.hub("check", "civil_affairs/homes").exit_code == 1
    assert city.hub("discover", "civil_affairs/homes").exit_code == 1


def test_every_dataset_says_its_own_state_error_and_next_step(city):
    city.write("civil_affairs/assistance", REGISTRATION.replace("table: T_NOTE, key: [ID]", "table: T_GONE, key: [ID]"))
    city.people(range(21, 22), SFZH="12345")
    assert city.hub("sync").exit_code == 1
    [standing] = json.loads(city.hub("status", "civil_affairs", "--json").stdout)
    person, note = standing["datasets"]
    assert (standing["state"], person["state"], note["state"]) == ("failed", "held", "failed")
    assert person["error"] is None
    assert "T_GONE" in note["error"]["zh"]
    assert note["failing_since"]
    shown = city.hub("status", "civil_affairs/assistance").output
    assert "civil_affairs/assistance/note  失败" in shown
    assert "hub quarantine civil_affairs/assistance/person" in shown
    city.write("civil_affairs/assistance", REGISTRATION)
    assert city.hub("sync").exit_code == 0
    [standing] = json.loads(city.hub("status", "civil_affairs", "--json").stdout)
    assert [d["state"] for d in standing["datasets"]] == ["held", "fine"]


def test_a_wrong_registration_stops_its_own_system_and_what_is_shared_stays(city):
    city.write("civil_affairs/other", REGISTRATION.replace("救助", "救济").replace("title: 备注", "title: 附注"))
    connections = city.home / "connections.yml"
    connections.write_text(
        connections.read_text("utf-8")
        + f'"civil_affairs/other": {{main: {{connector: database, dialect: sqlite, file: "{city.source}"}}}}\n',
        "utf-8",
    )
    assert city.hub("sync").exit_code == 0
    assert city.hub("publish").exit_code == 0
    city.write("civil_affairs/other", "title: x\nnonsense: 1\n")
    city.people(range(30, 31))
    synced = city.hub("sync")
    assert synced.exit_code == 1
    assert re.search(r"assistance/person +有变化 +21", synced.output)
    assert "nonsense" in synced.output
    published = city.hub("publish")
    assert published.exit_code == 2
    assert "共享库保持原样" in published.output
    rows = json.loads(city.hub("query", "SELECT count(*) AS n FROM shared.person", "--json").stdout)
    assert rows == [{"n": 20}]


def test_a_shrink_is_blocked_until_a_person_lets_it_pass_and_the_reason_is_kept(city):
    city.people(range(1, 81))
    city.hub("sync")
    city.sql("DELETE FROM T_PERSON WHERE CAST(BH AS INTEGER) > 8")
    blocked = city.hub("sync", "civil_affairs/assistance")
    assert blocked.exit_code == 1
    assert "8 行，上次接受 80 行" in blocked.output
    assert "hub accept civil_affairs/assistance/person" in blocked.output
    [standing] = json.loads(city.hub("status", "civil_affairs", "--json").stdout)
    assert standing["state"] == "blocked"
    assert [d["standard"] for d in standing["datasets"]] == [80, None]
    again = city.hub("sync", "civil_affairs/assistance")
    assert again.exit_code == 1
    assert "8 行，上次接受 80 行" in again.output
    city.hub("publish")
    for command in ("publish", "deliver"):
        said = city.hub(command).output
        assert "civil_affairs/assistance/person 的最新数据被拦下" in said
        assert "已是最新" not in said
    assert city.hub("accept", "civil_affairs/assistance/person", "--because", " ").exit_code == 2
    assert city.hub("accept", "civil_affairs/assistance/person", "--because", "核实过：名单已清理").exit_code == 0
    [standing] = json.loads(city.hub("status", "civil_affairs", "--json").stdout)
    assert (standing["state"], standing["datasets"][0]["standard"]) == ("fine", 8)
    from ledger.opening import open_ledger

    ledger = open_ledger(city.home)
    [decision] = ledger.decisions("civil_affairs_assistance__person")
    ledger.close()
    assert decision.because == "核实过：名单已清理"
    assert "无需放行" in city.hub("accept", "civil_affairs/assistance/person", "--because", "再来").output


def test_what_a_person_let_pass_is_published_without_asking_again(city):
    city.people(range(1, 81))
    city.hub("sync")
    city.hub("publish")
    city.sql("DELETE FROM T_PERSON WHERE CAST(BH AS INTEGER) > 8")
    city.hub("sync")
    city.hub("accept", "civil_affairs/assistance/person", "--because", "核实过")
    assert city.hub("publish").exit_code == 0
    assert json.loads(city.hub("query", "SELECT count(*) AS n FROM shared.person", "--json").stdout) == [{"n": 8}]


def test_a_record_type_shrinks_only_with_a_persons_word(city):
    city.people(range(1, 81))
    city.hub("sync")
    city.hub("publish")
    for left in (66, 57):  # each step is believed, and both together are more than a fifth
        city.sql(f"DELETE FROM T_PERSON WHERE CAST(BH AS INTEGER) > {left}")
        city.hub("sync")
    refused = city.hub("publish")
    assert refused.exit_code == 1
    assert "--confirmed" in refused.output
    assert city.hub("publish", "--confirmed").exit_code == 2
    assert city.hub("publish", "--confirmed", "--because", "核实过").exit_code == 0
    assert json.loads(city.hub("query", "SELECT count(*) AS n FROM shared.person", "--json").stdout) == [{"n": 57}]


def test_a_foreign_database_is_registered_with_one_file_and_lands_as_it_is(city):
    far = city.home / "far"
    far.mkdir()
    con = sqlite3.connect(far / "shop.sqlite")
    con.executescript("""
        CREATE TABLE InvoiceLine (InvoiceLineId INTEGER PRIMARY KEY, Name TEXT); INSERT INTO InvoiceLine VALUES (1, 'a'), (2, 'b');
        CREATE TABLE "Order Details" (A INTEGER, B INTEGER, PRIMARY KEY (A, B)); INSERT INTO "Order Details" VALUES (1, 1), (1, 2);
        CREATE TABLE 空表 (编号 INTEGER PRIMARY KEY, 内容 TEXT); CREATE TABLE "NO" ("NO" TEXT PRIMARY KEY); INSERT INTO "NO" VALUES ('x');
        CREATE TABLE Nokey (A TEXT); INSERT INTO Nokey VALUES ('p'), ('p'), ('q');
    """)
    con.close()
    before = "# ours\ntitle: 商店\nconnector: database\nconnection: {dialect: sqlite, file: shop.sqlite}\n"
    file = city.write("civil_affairs/shop", before)
    assert "hub discover civil_affairs/shop --write" in city.hub("status", "civil_affairs/shop").output
    assert city.hub("discover", "civil_affairs/shop", "--write", "--only", "Invoice").exit_code == 0
    assert city.hub("discover", "civil_affairs/shop", "--write").exit_code == 0
    text = file.read_text("utf-8")
    assert text.startswith(before)
    assert "  invoice_line:" in text
    assert "key: [A, B]" in text
    assert city.hub("discover", "civil_affairs/shop", "--write").exit_code == 0
    assert file.read_text("utf-8") == text
    assert city.hub("systems", "validate").exit_code == 0
    synced = city.hub("sync", "civil_affairs/shop")
    assert synced.exit_code == 0, synced.output
    rows = json.loads(
        city.hub(
            "lake", "query", "SELECT table_name AS t, estimated_size AS n FROM duckdb_tables() WHERE schema_name = 'landing'", "--json"
        ).stdout
    )
    found = {r["t"].removeprefix("civil_affairs_shop__"): r["n"] for r in rows}
    assert found == {"invoice_line": 2, "order_details": 2, "table_1": 0, "table_no": 1, "nokey": 2}  # a copy is counted, not repeated


def test_quarantine_counts_opens_and_downloads(city, tmp_path):
    city.people(range(21, 24), SFZH="12345")
    city.people(range(24, 25), XM="=cmd|'/c calc'!A1", SFZH="1")
    city.hub("sync")
    counts = json.loads(city.hub("quarantine", "--json").stdout)
    assert [(c["field"], c["reason"], c["rows"], c["holds"]) for c in counts] == [("id_number", "bad_id_number", 4, True)]
    file = tmp_path / "rows.csv"
    assert city.hub("quarantine", "--csv", str(file), "--plain").exit_code == 0
    lines = file.read_text("utf-8-sig").splitlines()
    assert len(lines) == 5
    assert "公民身份号码位数、日期或校验码不符" in lines[1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert city.hub("quarantine", "--reason", "nothing").output.strip() == "没有被隔离的行"


def test_a_spreadsheet_runs_no_formula_from_a_foreign_row(tmp_path):
    from hub.tables import write_csv

    file = tmp_path / "x.csv"
    write_csv(file, ["a"], [["=1+1"], ["-5.20"], ["@x"], ["+8613900000000"], ["plain"], [None], ["-"]])
    assert file.read_text("utf-8-sig").split() == ["a", "'=1+1", "-5.20", "'@x", "+8613900000000", "plain", '""', "-"]


def test_the_lake_answers_engineers_one_select_and_leaves_a_line(city):
    city.hub("sync")
    assert city.hub("lake", "query", "DELETE FROM landing.civil_affairs_assistance__person").exit_code == 1
    assert city.hub("lake", "query", "SELECT 1; SELECT 2").exit_code == 1
    assert city.hub("lake", "query", "SELECT nonsense").exit_code == 1
    assert city.hub("lake", "query", "SELECT count(*) FROM landing.civil_affairs_assistance__note").exit_code == 0
    lines = [json.loads(line) for line in (city.home / "audit" / "lake.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 4
    assert city.hub("lake", "info").exit_code == 0
    assert city.hub("lake", "maintain", "--dry-run").exit_code == 0
    assert city.hub("lake", "maintain", "--keep-days", "0").exit_code == 1


def test_stages_and_agreements_are_dated_in_the_ledger(city):
    assert city.hub("stage", "civil_affairs/assistance", "nowhere").exit_code == 2
    done = city.hub("stage", "civil_affairs/assistance", "trial", "--note", "联调通过")
    assert done.exit_code == 0
    assert "联调通过" in done.output
    assert "登记文件里仍是 in_service" in done.output
    assert city.hub("agree", "civil_affairs/assistance", "--note", "x").exit_code == 2
    assert city.hub("agree", "civil_affairs/assistance/person", "--note", "2026 第 3 号").exit_code == 0


def test_the_funnel_counts_every_system_that_reached_a_stage(city):
    city.write("civil_affairs/homes", "title: 养老\nstage: surveyed\n")
    assert json.loads(city.hub("status", "--funnel", "--json").stdout)["known"] == 2
    counts = json.loads(city.hub("status", "--funnel", "--json").stdout)
    assert (counts["surveyed"], counts["asked"], counts["in_service"]) == (2, 1, 1)  # whoever is in service was once surveyed
    assert city.hub("sync", "civil_affairs/homes").exit_code == 2
    assert "尚未接入" in city.hub("status").output
    city.write("education/_department", "title: 教育局\n")
    city.write("education/pupils", "title: 学籍\nstage: surveyed\n")
    assert city.hub("sync", "education").exit_code == 2


def test_nothing_synced_yet_is_said_with_the_next_step(city):
    for words in (("why", "recipients"), ("quarantine",), ("quality",), ("lake", "info"), ("query", "SELECT 1")):
        done = city.hub(*words)
        assert done.exit_code == 1
        assert "hub sync" in done.output
    assert city.hub("status").exit_code == 0


def test_the_schema_export_accepts_what_the_model_accepts(city):
    made = json.loads(city.hub("systems", "schema").stdout)
    assert "connector" in made["properties"]
    assert "path" not in made["properties"]
    assert made["additionalProperties"] is False
    file = city.home / "schema.json"
    assert city.hub("systems", "schema", str(file)).exit_code == 0
    assert json.loads(file.read_text("utf-8")) == made


def test_names_that_are_nowhere_are_answered_with_what_is_near(city):
    city.hub("sync")
    for words in (
        ("sync", "civil_affairs/asistance"),
        ("try", "civil_affairs/assistance/persons"),
        ("systems", "show", "civil_affairs/x"),
        ("status", "nowhere"),
    ):
        done = city.hub(*words)
        assert done.exit_code == 2, (words, done.output)
        assert "civil_affairs" in done.output
    assert "recipients" in city.hub("why", "recipient").output
    shutil.rmtree(city.home / "editions", ignore_errors=True)
    assert "hub publish" in city.hub("query", "SELECT 1").output


def test_a_sample_that_does_not_become_what_it_should_is_a_wrong_registration(city):
    city.write(
        "civil_affairs/assistance",
        REGISTRATION.replace('sex: "1", born', 'sex: "2", born').replace("rejected: id_number", "rejected: name"),
    )
    done = city.hub("systems", "validate")
    assert done.exit_code == 2
    assert "sample 1: sex 应为 2，实际为 1" in done.output
    assert "sample 2: 应因 name 被拒绝，实际通过" in done.output


def test_secrets_never_reach_the_screen(city):
    secrets = city.home / "secrets.yml"
    secrets.write_text("homes: {user: reader, password: hunter2-secret}\n", "utf-8")
    secrets.chmod(0o600)
    city.write("civil_affairs/homes", OTHER.replace("connection: {", "connection: {secret: homes, "))
    for words in (
        ("check", "civil_affairs/homes"),
        ("sync", "civil_affairs/homes"),
        ("status",),
        ("systems", "show", "civil_affairs/homes", "--json"),
    ):
        assert "hunter2" not in city.hub(*words).output
    secrets.chmod(0o644)
    refused = city.hub("check", "civil_affairs/homes")
    assert refused.exit_code == 1
    assert "chmod 600" in refused.output


def test_why_goes_back_from_a_derived_row_and_from_a_pseudonym(city):
    (city.schemas / "derived" / "high_income.yml").write_text(
        "title: 高收入\nkey: [id_number]\nuses: [person]\ncolumns:\n  id_number: {title: 证件, type: id_number, mask: id_number}\n", "utf-8"
    )
    (city.schemas / "derived" / "high_income.sql").write_text("SELECT id_number FROM shared.person WHERE income > 50", "utf-8")
    city.hub("sync")
    city.hub("publish")
    plain = city.hub("why", f"high_income/{id_number(3)}", "--plain").output
    for said in ("共享库 · high_income", "共享库 · person", "归集库 · civil_affairs/assistance/person", id_number(3)):
        assert said in plain
    assert id_number(3) not in city.hub("why", f"high_income/{id_number(3)}").output
    [[pseudonym]] = [list(r.values()) for r in json.loads(city.hub("query", "SELECT _id FROM person LIMIT 1", "--json").stdout)]
    for table in ("person", "high_income"):
        assert "归集库 · civil_affairs/assistance/person" in city.hub("why", f"{table}/{pseudonym}").output
    assert city.hub("why", "high_income/nobody").exit_code == 1
