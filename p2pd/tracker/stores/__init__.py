"""Where a tracker keeps its swarms."""
