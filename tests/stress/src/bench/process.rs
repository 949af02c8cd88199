//! What a process takes, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Processor time and memory of a process.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// In its own code and in the kernel.
    pub cpu: Duration,
    /// Resident now, in megabytes.
    pub memory: f64,
    /// The most that was ever resident, in megabytes.
    pub peak: f64,
}

impl Usage {
    /// Of that process.
    pub fn of(pid: u32) -> Result<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).context("the process has ended");
        let cpu = cpu(&read("stat")?).context("/proc has another form here")?;
        let status = read("status")?;
        let field = |name| megabytes(&status, name).with_context(|| format!("/proc tells no {name}"));
        Ok(Self { cpu, memory: field("VmRSS:")?, peak: field("VmHWM:")? })
    }
}

/// The 14th and 15th field, in hundredths of a second on every Linux that runs this. The name before may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

fn megabytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
        let found = megabytes("VmHWM:\t  1000 kB\nVmRSS:\t  500 kB\n", "VmRSS:").expect("a figure");
        assert!((found - 0.512).abs() < 1e-9);
    }
}
