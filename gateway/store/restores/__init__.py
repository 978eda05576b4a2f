"""Restores: who looked into which restore point, who got what back, and what came of it."""
