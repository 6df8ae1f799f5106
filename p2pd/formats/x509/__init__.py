"""X.509 certificates of private swarms: pure, the time is handed in as a datetime."""
