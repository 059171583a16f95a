"""The `lake` command: parses, calls, prints."""
