"""Everything that touches the database, the sidecar or the wire."""
