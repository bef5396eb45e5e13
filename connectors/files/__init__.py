"""Files that others put into a folder: CSV and Excel, whole exports, batches of several parts, control files."""

from connectors.files.reading import WORDS, Files, Options, connect

__all__ = ["WORDS", "Files", "Options", "connect"]
