"""What is used, as a chain of what agents reported and as what it amounts to now; and the reports that were made of it."""
