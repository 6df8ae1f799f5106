"""One connected peer: its messages, its two directions, its limits, its place."""
