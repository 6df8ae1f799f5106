"""One module for each kind of work; `cases` of each says what there is to run."""
