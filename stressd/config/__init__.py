"""Configuration: YAML in, one frozen `Config` out, or every problem of the file with its place."""
