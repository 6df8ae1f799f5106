"""The numbered upgrades of the database."""
