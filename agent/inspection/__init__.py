"""The agent's half of a path's evidence: what one attempt to connect showed, and how it is told."""
