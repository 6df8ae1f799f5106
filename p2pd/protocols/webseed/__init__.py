"""What web seeds are asked for and answer: files (BEP 19) and pieces (BEP 17) over HTTP."""
