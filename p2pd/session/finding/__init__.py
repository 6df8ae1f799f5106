"""Data of torrents that are added, when it is on a disk already."""
