"""Prometheus' text format, read as far as a test wants it."""

import re

import attrs

_SAMPLE = re.compile(r"^([a-zA-Z_]\w*)(?:\{(.*)\})? \S+$")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


@attrs.define
class Exposition:
    """What was scraped: the names of metrics, and of each label its values by metric."""

    names: set[str] = attrs.field(factory=set)
    labels: dict[str, dict[str, set[str]]] = attrs.field(factory=dict)

    def read(self, text: str) -> None:
        """Take a page in."""
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                self.names.add(line.split()[2])
            elif found := _SAMPLE.match(line):
                values = self.labels.setdefault(found[1], {})
                self.names.add(found[1])
                for label, value in _LABEL.findall(found[2] or ""):
                    values.setdefault(label, set()).add(value)

    def values(self, label: str) -> set[str]:
        """What a label is anywhere."""
        return {value for labels in self.labels.values() for value in labels.get(label, ())}
