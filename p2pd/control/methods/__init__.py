"""The methods of the control API, in groups by the first word of their names."""
