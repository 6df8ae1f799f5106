"""p2pctl top: a full-screen live view. The model is pure; widgets are Textual's (extra ``top``)."""
