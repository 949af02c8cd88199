//! `--wait`, `--no-wait` and `--timeout`: whether and how long a command waits for what it has set going.

use std::time::Duration;

use clap::{ArgAction, builder::BoolishValueParser};

use super::parse_duration;

/// The flags; `MINUTES` is the default of `--timeout`, 0 for as long as it takes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct WaitArgs<const MINUTES: u64> {
    /// Wait for the end; --wait=false does not
    #[arg(
        long,
        // As kubectl reads it: alone it takes nothing of what follows.
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set,
        value_parser = BoolishValueParser::new(),
        value_name = "true|false",
        default_value = "true",
        default_missing_value = "true",
        hide_default_value = true,
        hide_possible_values = true
    )]
    wait: bool,
    /// The same as --wait=false
    #[arg(long, conflicts_with_all = ["wait", "timeout"])]
    no_wait: bool,
    /// How long to wait for the end, such as 30m; 0 waits as long as it takes
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = minutes(MINUTES))]
    timeout: Duration,
}

impl<const MINUTES: u64> WaitArgs<MINUTES> {
    /// How long to wait, zero for as long as it takes; `None` for not at all.
    pub fn limit(self) -> Option<Duration> {
        (self.wait && !self.no_wait).then_some(self.timeout)
    }
}

fn minutes(count: u64) -> String {
    if count == 0 { "0".to_owned() } else { format!("{count}m") }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    #[test]
    fn waiting_is_the_default_and_its_limit_the_commands() {
        let limit = |line: &[&str]| {
            let command = WaitArgs::<5>::augment_args(clap::Command::new("x"));
            let matches = command.try_get_matches_from([&["x"], line].concat())?;
            WaitArgs::<5>::from_arg_matches(&matches).map(WaitArgs::limit)
        };
        let five = Some(Duration::from_secs(300));
        assert_eq!(limit(&[]).unwrap(), five);
        assert_eq!(limit(&["--timeout", "0"]).unwrap(), Some(Duration::ZERO));
        for never in [&["--no-wait"][..], &["--wait=false"], &["--wait=false", "--timeout", "1m"]] {
            assert_eq!(limit(never).unwrap(), None, "{never:?}");
        }
        assert_eq!(limit(&["--wait"]).unwrap(), five);
        assert_eq!(limit(&["--wait=true"]).unwrap(), five);
        for wrong in [&["--no-wait", "--timeout", "1m"][..], &["--no-wait", "--wait"], &["--wait=maybe"]] {
            assert!(limit(wrong).is_err(), "{wrong:?}");
        }
    }
}
