"""Files and the threads that read and write them: the only room that touches torrents' data."""
