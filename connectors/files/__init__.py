"""Files that others put into a folder: CSV and Excel, whole exports, batches of several parts, control files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.files.reading import Files
    from connectors.files.words import FilesConnection
    from schemas.registration import System
    from schemas.secrets import Secret


def connect(connection: FilesConnection, system: System, secret: Secret) -> Files:
    from connectors.files.reading import Files

    del secret  # a local folder needs none
    return Files(Path(connection.folder), system)
