"""Five services that meet only in `protos/`; none imports another."""
