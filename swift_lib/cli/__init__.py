"""The `swift` command."""
