"""Jobs that the agent runs by itself: their schedules, their runs, and what is written down of both."""
