//! A CSI driver over a folder of real files, for tests: snapshots and clones copy real bytes.

fn main() {}
