"""The blocklist in force, where it comes from, and who is hung up on."""
