"""Extensions over BEP 10: who speaks which, and one codec a file. When to speak is not known."""
