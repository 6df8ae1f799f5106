"""Which nodes are at the other ends, by keys that they prove, and which the user trusts."""
