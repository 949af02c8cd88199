//! No rule without a case: the corpus of `tests/parity`, which every door is tried with, finds each of them.
#![allow(clippy::expect_used, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use backup_policy::rules::CATALOGUE;

/// Rules that no case can show at any door, each with its reason.
const WITHOUT_CASE: [(&str, &str); 0] = [];

/// What lint says of a text; it is no rule about an object.
const OF_TEXTS: [&str; 2] = ["BKP001", "BKP002"];

/// The codes in the first lines of the cases, each with the cases that find it.
fn found() -> BTreeMap<String, BTreeSet<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity");
    let folders = fs::read_dir(root).expect("the corpus").map(|entry| entry.expect("an entry").path());
    let files = folders.filter(|folder| folder.is_dir()).flat_map(|folder| {
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    });
    let mut found: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for file in files {
        let text = fs::read(&file).expect("a case");
        let text = String::from_utf8_lossy(&text);
        for line in text.lines().filter_map(|line| line.trim_start_matches('\u{feff}').strip_prefix("# finds: ")) {
            for code in line.split([' ', ',']).filter(|word| word.starts_with("BKP")) {
                found.entry(code.to_owned()).or_default().insert(file.clone());
            }
        }
    }
    found
}

#[test]
fn every_rule_is_found_by_a_case_or_says_why_not() {
    let found = found();
    for rule in CATALOGUE {
        let excused = WITHOUT_CASE.iter().any(|(code, _)| *code == rule.code);
        let has_case = found.contains_key(rule.code);
        assert!(has_case || excused, "{}: {} has no case in tests/parity", rule.code, rule.title);
        assert!(!(has_case && excused), "{} has a case and is no exception any more", rule.code);
    }
    for (code, reason) in WITHOUT_CASE {
        assert!(CATALOGUE.iter().any(|rule| rule.code == code), "there is no rule {code}");
        assert!(!reason.is_empty(), "{code}: an exception needs its reason");
    }
}

#[test]
fn what_a_case_expects_is_a_rule() {
    for (code, files) in found() {
        let known = CATALOGUE.iter().any(|rule| rule.code == code) || OF_TEXTS.contains(&code.as_str());
        assert!(known, "there is no rule {code}: {files:?}");
    }
}
