"""Policies of a swarm: which block to ask whom for, whom to serve, whom to dial.

Pure: no sockets, no clock, no threads. Time enters as `now`, chance as a `random.Random`.
"""
