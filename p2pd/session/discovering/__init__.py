"""Sources of peers that belong to the session, and what all of them tell."""
