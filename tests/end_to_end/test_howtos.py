"""Every page of docs/howto that shows commands is followed as it is written, by somebody with an empty hub."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from openpyxl import Workbook

from tests.end_to_end import foreign_database
from tests.end_to_end.newcomer import Newcomer
from tests.warehouse.far_side import id_number
from warehouse.lake import Lake

SYSTEM = "market_regulation/street_shops"


@pytest.mark.slow
def test_the_page_is_true_and_every_row_of_a_foreign_database_arrives(tmp_path):
    newcomer = Newcomer(tmp_path, "market_regulation")
    rows = foreign_database.build(newcomer.far / "shops.sqlite")
    assert newcomer.follow("add-a-system.md").count("sh") >= 6
    lake = Lake(newcomer.home, read_only=True)
    landed = {
        t: lake.con.execute(f'SELECT coalesce(sum(_copies), 0) FROM landing."market_regulation_street_shops__{t}"').fetchone()[0]
        for t in ("shop", "order", "shop_goods", "empty_stall", "photo", "table_1", "visits", "select")
    }
    assert list(landed.values()) == list(rows.values())
    assert lake.con.execute('SELECT "Good\'s Name" FROM landing.market_regulation_street_shops__shop_goods ORDER BY 1').fetchone() == (
        'it\'s "hot"',
    )
    assert lake.con.execute("SELECT count(*), count(founded_on), count(representative) FROM shared.market_entity").fetchone() == (
        11,
        11,
        11,
    )
    lake.close()
    shown = subprocess.run(
        [Path(sys.executable).with_name("hub"), "status", SYSTEM],
        env={**os.environ, "HUB_HOME": str(newcomer.home), "HUB_SYSTEMS": str(newcomer.systems), "COLUMNS": "200"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0
    assert "街边小店登记" in shown.stdout


@pytest.mark.slow
def test_the_page_on_folders_is_true(tmp_path):
    newcomer = Newcomer(tmp_path, "civil_affairs")
    folder = newcomer.far / "allowance"
    folder.mkdir()
    for month in (1, 2):
        people = [f"{id_number(n)},人{n},农商行,{100 + n}.00,正常" for n in range(1, 30)]
        text = "\r\n".join(["身份证号,姓名,开户行,金额,状态", *people, "合计,,,3335.00,", ""])
        (folder / f"高龄津贴_2026{month:02d}.csv").write_bytes(text.encode("gb18030"))
    book = Workbook()
    for line in (
        ["乡镇残疾人名册"],
        [],
        ["证号", "姓名", "级别"],
        *([id_number(100 + n), f"残{n}", "1"] for n in range(5)),
        ["合计", None, 5],
    ):
        book.active.append(line)
    book.save(folder / "残疾人_八里.xlsx")
    for file in folder.iterdir():
        os.utime(file, (time.time() - 3600,) * 2)
    newcomer.follow("add-a-folder.md")
    lake = Lake(newcomer.home, read_only=True)
    assert lake.con.execute("SELECT count(*), sum(monthly_amount) FROM standard.civil_affairs_drop__csv").fetchone() == (29, 3335)
    lake.close()


class Recipients(BaseHTTPRequestHandler):
    """Forty rows, page by page, since a time."""

    def do_GET(self):
        asked = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
        rows = [{"id": str(n), "name": f"人{n}", "updatedAt": f"2026-03-{n % 28 + 1:02d} 08:00:00"} for n in range(40)]
        rows = [r for r in rows if r["updatedAt"] >= asked.get("from", "")]
        page, size = int(asked.get("page", 1)), int(asked.get("size", 15))
        body = json.dumps({"data": {"total": len(rows), "list": rows[(page - 1) * size : page * size]}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_the_page_on_interfaces_is_true(tmp_path):
    newcomer = Newcomer(tmp_path, "civil_affairs")
    with ThreadingHTTPServer(("127.0.0.1", 0), Recipients) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = newcomer.home / "connections.yml"
        place.write_text(f"civil_affairs/api: {{main: {{connector: rest, url: 'http://127.0.0.1:{server.server_port}/api'}}}}\n", "utf-8")
        place.chmod(0o600)
        newcomer.follow("add-an-interface.md")
        server.shutdown()


@pytest.mark.slow
def test_the_page_on_record_types_is_true(tmp_path):
    newcomer = Newcomer(tmp_path, "civil_affairs")
    folder = newcomer.far / "canteens"
    folder.mkdir()
    lines = [
        "编号,名称,联系人,座位,类型,开办",
        "S1,东街食堂,样例甲,40,社区,2024.05.01",
        "S2,西街食堂,样例乙,50,社区,2023.01.01",
        "S3,南街助餐点,,30,助餐点,2025.12.31",
    ]
    (folder / "canteens.csv").write_text("\n".join(lines) + "\n", "utf-8")
    os.utime(folder / "canteens.csv", (time.time() - 3600,) * 2)
    newcomer.follow("add-a-record-type.md")
