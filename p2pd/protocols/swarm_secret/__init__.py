"""Swarms that are for those who know a secret: what it is, how it is proved, and what follows."""
