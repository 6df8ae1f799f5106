"""What outlives the process: torrents and their progress, settings, totals, the control token."""
