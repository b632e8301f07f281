"""The leaderboard: static pages built from reports, which open from a disk and need no server."""
