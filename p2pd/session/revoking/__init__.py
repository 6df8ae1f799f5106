"""Certificates that their CA took back, or that end: who is told, and who is let in no more."""
