"""What is said to trackers and what they answer, over HTTP and UDP: pure codecs."""
