"""Bandwidth limits: token buckets in a tree, and peers that take their turns at them."""
