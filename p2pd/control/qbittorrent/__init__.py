"""The qBittorrent Web API, version 2, at `/api/v2`: a dialect over the session's facade."""
