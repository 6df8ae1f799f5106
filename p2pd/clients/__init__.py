"""Programs for people. They talk HTTP with the daemon and never import its session."""
