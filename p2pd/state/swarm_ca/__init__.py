"""The authorities of private swarms that a node, or a person, keeps in a folder."""
