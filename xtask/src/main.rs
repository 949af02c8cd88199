//! Development tasks: cluster, demo, test, bench, image, krew.

fn main() {}
