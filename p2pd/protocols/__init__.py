"""Network protocols as pure state machines and codecs: bytes in, events out, no sockets."""
