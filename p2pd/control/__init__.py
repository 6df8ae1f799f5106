"""The control API over HTTP: JSON-RPC 2.0 in Transmission's vocabulary, for people and programs.

Control knows the session only through `p2pd.session.api` and the settings that it names; it holds
no state about torrents.
"""
