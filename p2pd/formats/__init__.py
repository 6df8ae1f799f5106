"""Bytes of the field's file formats, in and out: bencode, metainfo, magnets, Merkle trees; pure."""
