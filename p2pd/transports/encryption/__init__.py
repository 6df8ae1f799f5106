"""Streams that message stream encryption hides, over any other stream."""
