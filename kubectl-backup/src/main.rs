//! The kubectl plugin: hot backups by CSI snapshots, cold backups by Velero.

fn main() {}
