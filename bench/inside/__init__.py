"""What runs inside a measured process, or drives one from a process of its own."""
