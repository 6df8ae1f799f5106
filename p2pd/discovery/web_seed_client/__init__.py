"""How web seeds are asked: HTTP and HTTPS, by the way out that trackers are asked by."""
