//! What this module makes of cron expressions, beside what Velero's own two libraries make of them.
//!
//! `tests/golden/cron/main.go` says how `golden.json` is made anew.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Doubt, Schedule,
    dialect::{self, Dialect},
};

const DIALECTS: [(&str, Dialect); 2] = [("older", Dialect::Older), ("newer", Dialect::Newer)];

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/cron/golden.json")).expect("JSON")
}

fn lines(golden: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let lines = golden["lines"].as_array().expect("lines").iter();
    lines.map(|line| (line["expression"].as_str().expect("a text"), line))
}

fn times(list: &Value) -> Vec<Timestamp> {
    let list = list.as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("a text").parse().expect("a time")).collect()
}

fn runs(schedule: &Schedule, start: Timestamp) -> Vec<Timestamp> {
    std::iter::successors(schedule.next_after(start), |at| schedule.next_after(*at)).take(4).collect()
}

#[test]
fn both_libraries_are_followed_to_the_second() {
    let golden = golden();
    let starts = times(&golden["starts"]);
    let mut compared = 0;
    for (expression, line) in lines(&golden) {
        for (name, dialect) in DIALECTS {
            let schedule = dialect::parse(expression, dialect);
            let refused = line[name]["refused"].as_bool().unwrap_or(false);
            assert_eq!(schedule.is_err(), refused, "{name} {expression:?}: {schedule:?}");
            let Ok(schedule) = schedule else { continue };
            for (start, expected) in starts.iter().zip(line[name]["next"].as_array().expect("runs")) {
                assert_eq!(runs(&schedule, *start), times(expected), "{name} {expression:?} after {start}");
                compared += 1;
            }
        }
    }
    assert!(compared > 2_500, "{compared} comparisons");
}

#[test]
fn what_the_libraries_read_differently_is_doubted() {
    let golden = golden();
    for (expression, line) in lines(&golden) {
        let refused = |dialect: &str| line[dialect]["refused"].as_bool().unwrap_or(false);
        let parsed = Schedule::parse(expression);
        let doubt = parsed.as_ref().map(|parsed| parsed.doubt.as_ref());
        let right = match (refused("older"), refused("newer")) {
            (true, true) => doubt.is_err(),
            (true, false) => matches!(doubt, Ok(Some(Doubt::OlderRefuses(_)))),
            (false, true) => matches!(doubt, Ok(Some(Doubt::NewerRefuses(_)))),
            (false, false) if line["older"] == line["newer"] => matches!(doubt, Ok(None)),
            // An hour that the clocks leave out is no doubt worth a word.
            (false, false) if expression.contains("TZ=") => matches!(doubt, Ok(None)),
            (false, false) => matches!(doubt, Ok(Some(Doubt::OlderDiffers(_)))),
        };
        assert!(right, "{expression:?}: {doubt:?}");
    }
}

#[test]
fn intervals_are_the_shortest_and_the_longest() {
    let hours = |expression: &str| {
        let parsed = Schedule::parse(expression).expect("an expression");
        parsed.schedule.intervals().map(|found| (found.shortest / 3600, found.longest / 3600))
    };
    assert_eq!(hours("@daily"), Some((24, 24)));
    assert_eq!(hours("0 3 * * 1-5"), Some((24, 72)));
    assert_eq!(hours("* 8-17 * * *"), Some((0, 14)), "from 17:59 to 8:00");
    assert_eq!(hours("0 0 1 * *"), Some((28 * 24, 31 * 24)));
    assert_eq!(hours("0 0 29 2 *"), Some((1461 * 24, 1461 * 24)));
    assert_eq!(hours("CRON_TZ=Europe/Berlin 0 12 * * *"), Some((23, 25)));
    assert_eq!(hours("@every 90m"), Some((1, 1)));
    assert_eq!(hours("0 0 30 2 *"), None);
    assert_eq!(hours("@manual"), None);
}
