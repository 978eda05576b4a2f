"""Tests of restores below REST and the command line."""
