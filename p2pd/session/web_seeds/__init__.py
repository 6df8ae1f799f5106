"""Web seeds of torrents (BEP 19, BEP 17): servers that give the data out by HTTP."""
