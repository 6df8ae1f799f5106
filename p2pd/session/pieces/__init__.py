"""Pieces on their way from blocks to the disk."""
