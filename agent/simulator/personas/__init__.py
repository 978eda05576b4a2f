"""Agents that misbehave on purpose, each with the FG code that it must meet with; docs/load-testing.md lists them (`table`)."""

from typing import Final

from agent.simulator.personas import credentials, identities, wire
from agent.simulator.personas.stage import Notes, Persona, Stage, StageError

__all__ = ["PERSONAS", "Notes", "Persona", "Stage", "StageError"]

PERSONAS: Final[dict[str, Persona]] = {
    each.name: each for each in (*identities.PERSONAS, *wire.PERSONAS, *credentials.PERSONAS)
}
