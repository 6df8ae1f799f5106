"""How a node gets its certificate for a private swarm from the node that has the swarm's CA."""
