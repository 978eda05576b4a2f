"""The embedded journal keeps the contract."""

from pathlib import Path

import pytest

from gateway.journal import JournalReader, JournalWriter
from tests.gateway.journal.contract import JournalContract


class SegmentFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def writer(self) -> JournalWriter:
        return JournalWriter(self.folder, segment_bytes=1000)

    def reader(self) -> JournalReader:
        return JournalReader(self.folder)

    def another(self) -> "SegmentFiles":
        return SegmentFiles(self.folder.with_name("another"))


class TestSegmentFiles(JournalContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> SegmentFiles:
        return SegmentFiles(tmp_path / "journals" / "edge")
