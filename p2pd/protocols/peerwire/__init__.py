"""The peer wire protocol: BEP 3, 6, 10, 52 and the extensions, from bytes to events and back."""
