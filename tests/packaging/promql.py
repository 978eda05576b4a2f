"""What a query of PromQL asks for: metrics, and what it says of their labels. `promtool` parses it; this only looks for names."""

import re
from collections.abc import Iterator

import attrs

# Everything else that a query of ours may have as a word.
WORDS = frozenset({
    "absent", "and", "by", "changes", "histogram_quantile", "increase", "max", "min", "min_over_time", "offset", "or",
    "predict_linear", "rate", "sum", "time", "unless", "vector",
})  # fmt: skip

_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"([a-zA-Z_]\w*)\s*\{{((?:[^\"}}]|{_STRING})*)\}}")
_MATCHER = re.compile(rf"\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*({_STRING})\s*,?")
_GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")
_WORD = re.compile(r"(?<![\w.$])[a-zA-Z_]\w*")


@attrs.frozen
class Matcher:
    """What is wanted of a label."""

    label: str
    operator: str
    value: str


@attrs.frozen(kw_only=True)
class Asked:
    """What a query names."""

    metrics: dict[str, list[Matcher]]
    """Every metric, with the matchers of all its selectors."""
    grouped_by: set[str]


def asked(query: str) -> Asked:
    """Take a query apart.

    Raises:
        ValueError: it has a matcher that this does not understand.
    """
    metrics: dict[str, list[Matcher]] = {}
    for name, inside in _SELECTOR.findall(query):
        metrics.setdefault(name, []).extend(_matchers(inside))
    rest = _SELECTOR.sub(" ", query)
    grouped_by = {label.strip() for inside in _GROUPING.findall(rest) for label in inside.split(",")}
    rest = re.sub(r"\[[^\]]*\]", " ", _GROUPING.sub(" ", rest))
    rest = re.sub(r"\boffset \d+[smhd]", " ", rest)
    for word in _WORD.findall(rest):
        if word not in WORDS and not re.fullmatch(r"e\d+", word):
            metrics.setdefault(word, [])
    return Asked(metrics=metrics, grouped_by=grouped_by)


def _matchers(inside: str) -> Iterator[Matcher]:
    at = 0
    while at < len(inside.rstrip()):
        found = _MATCHER.match(inside, at)
        if found is None:
            raise ValueError(f"no matcher: {inside[at:]}")
        yield Matcher(found[1], found[2], found[3][1:-1])
        at = found.end()


def wanted_values(matcher: Matcher) -> list[str]:
    """The expressions each of which ought to fit some value; one alternative each."""
    return matcher.value.split("|") if "~" in matcher.operator else [re.escape(matcher.value)]
