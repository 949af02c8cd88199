//! End-to-end tests by feature id, on the real cluster.
