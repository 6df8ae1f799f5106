"""Scenarios for the simulator of swarms (p2pd.testing.sim): figures, targets, plots."""
