"""Extensions on BEP 10: one codec a file."""
