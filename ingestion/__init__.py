"""The way in: publisher, event log, lander, and mapped files."""
