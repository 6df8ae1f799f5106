"""Streams under TLS, over any other stream: who is at the other end has a swarm's certificate.

context.py
    what the connections of one swarm are made with: `swarm_context`
openings.py
    streams whose handshake is under way: `TlsAccepted` for who dialled us, `TlsDialled`
handshake_work.py
    the calculations of handshakes, in other threads, and how many there may be
tls_stream.py
    the stream afterwards, `TlsStream`
records.py, direct_records.py
    what is between plain bytes and records: OpenSSL

There is no transport of its own: a stream of tcp_transport.py's, accepted at the port for TLS or
dialled, gets one of the openings on top, as encryption/ does it.
"""
