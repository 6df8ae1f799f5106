"""p2pctl, the command line."""
