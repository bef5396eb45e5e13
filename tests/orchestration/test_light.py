"""What need not be loaded is not. At its first parameter DuckDB imports pandas, at its first Python list PyArrow does:
0.2 CPU s and 60 MB in every process, most of which only look into the lake."""

import subprocess
import sys

from orchestration.routes import Hub, sync
from schemas.city import read_city
from tests.orchestration import small_city

LOOK = """
import sys
from pathlib import Path
from answers.standing import facts
from orchestration.routes import Hub, publish
from schemas.city import read_city
hub = Hub.open(Path(sys.argv[1]), read_city(Path(sys.argv[2]), Path(sys.argv[3])))
assert publish(hub).edition
assert facts(hub.lake).done
hub.close()
heavy = {"pandas", "great_expectations", "dagster", "openpyxl"} & set(sys.modules)
assert not heavy, heavy
"""


def test_publishing_and_looking_load_nothing_heavy(tmp_path, monkeypatch):
    home, systems, schemas = small_city.write(tmp_path)
    monkeypatch.setenv("HUB_HOME", str(home))
    rows = [(str(n), f"99999919800101{n:03d}X", f"人{n}", "1", "10", "2026-01-01 00:00:00") for n in range(1, 9)]
    small_city.change(home, "public_security/population", rows, gone=[], marked=True)
    city = read_city(systems, schemas)
    hub = Hub.open(home, city)
    assert not sync(hub, city.system("public_security/population")).failed
    hub.close()
    done = subprocess.run([sys.executable, "-c", LOOK, home, systems, schemas], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
