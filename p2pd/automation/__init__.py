"""What the daemon does by itself, by rules of its user, over the session's facade."""
