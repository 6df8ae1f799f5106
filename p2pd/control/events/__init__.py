"""/rpc/events: what changes, told over a WebSocket to whoever follows."""
