//! Waiting for what no watch of kubectl's tells.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Asks again and again until it holds; panics, naming what was waited for, when it did not in that time.
#[track_caller]
pub fn until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let asked = Instant::now();
    while !holds() {
        assert!(asked.elapsed() < within, "not within {} s: {what}", within.as_secs());
        thread::sleep(Duration::from_millis(100));
    }
}
