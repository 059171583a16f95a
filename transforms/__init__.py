"""Raw to curated, as pure functions and SQL texts: no I/O, no clock, no environment."""
