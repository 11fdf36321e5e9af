"""What several tests share: reading the source of a package, for instance."""
