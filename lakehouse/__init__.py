"""What the road runs on: store, catalogue, engine, releases, lease."""
