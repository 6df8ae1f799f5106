"""Who is served: one policy a file, each stating what it needs to know of a peer (BEP 3)."""
