"""Byte streams between peers: dial, listen, read large, write many buffers at once."""
