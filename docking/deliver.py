"""Hand one package over to its platform.

$HUB_HOME/packages/<platform>/<resource>/<number>/  ->  the platform's exchange  ->  sent, in the ledger
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from docking.platforms import Exchange
from docking.way import Way
from ledger.models import Delivery
from schemas.errors import HubError


class PackageDamaged(HubError):
    """The file is not what its manifest says; it does not leave."""


def deliver(way: Way, exchange: Exchange, delivery: Delivery) -> Delivery:
    """Send one package; returns the delivery as the ledger has it now. Nothing happens to one that has been answered."""
    now = way.ledger.delivery(delivery.id)
    assert now is not None
    if now.status not in ("prepared", "sent"):
        return now
    folder = way.folder(now.resource) / f"{now.sequence:06d}"
    exchange.send(folder, _manifest(folder, now))
    way.ledger.sent(now.id)
    return way.ledger.delivery(now.id) or now


def _manifest(folder: Path, delivery: Delivery) -> dict[str, Any]:
    """The manifest, once the file is proven to be the one it names."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        with (folder / manifest["file"]["name"]).open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == manifest["file"]["sha256"]
    except (OSError, ValueError, KeyError):
        manifest, whole = {}, False
    if not whole or manifest["sha256"] != delivery.sha256 or manifest["batch"] != delivery.batch:
        raise PackageDamaged(
            f"数据包 {delivery.batch} 的文件与清单不符，未报送",
            f"the files of package {delivery.batch} are not what the manifest says; nothing was sent",
            next_zh=f"删除 {folder} 后重新运行 hub deliver，将从数据湖重新生成",
            next_en=f"remove {folder} and run hub deliver again; it is made again from the lake",
        )
    return manifest
