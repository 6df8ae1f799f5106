"""Message stream encryption: a handshake before that of BEP 3 which shows nobody a pattern."""
