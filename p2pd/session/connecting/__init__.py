"""From a call or a dial to a peer that shook hands."""
