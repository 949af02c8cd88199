//! The admission webhook: quotas, pod volume annotations, defaults.

fn main() {}
