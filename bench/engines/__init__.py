"""One module for each engine that is measured: how it is started, asked and ended."""
