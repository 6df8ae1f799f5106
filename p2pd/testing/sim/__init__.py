"""A simulator of swarms: real sessions on virtual time, links with rates, latency and faults."""
