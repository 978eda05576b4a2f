"""A run as something to read: a page, a summary, JSON and JUnit for programs, and two runs side by side."""
