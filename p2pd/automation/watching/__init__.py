"""Folders in which whatever is put is added."""
