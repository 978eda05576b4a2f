"""The REST interface against its own description: a short run of what `make fuzz-rest` does for ten minutes."""

from tests.e2e.fuzzing_rest import LEAST, fuzz


def test_the_interface_is_what_its_description_says() -> None:
    """No 5xx, nothing that is not described, and most operations reached; the same cases in every run."""
    findings = fuzz(examples=2, seconds=0, seed=1)
    told = "\n".join(findings.lines())

    assert findings.problems == {}, told
    assert len(findings.reached) >= LEAST * len(findings.statuses), told
