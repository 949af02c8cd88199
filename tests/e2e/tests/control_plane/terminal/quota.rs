use e2e_tests::{Claim, TestCluster};

use super::{ALL_SCREENS, Recorded};

/// Who else holds slots here differs from run to run, and with them how wide a table must be: what is told is the form. That
/// columns yield on narrow screens is told in the plugin's own tests.
#[test]
fn w1_quota_is_read_at_every_width_and_colour() {
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-quota");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "held-while-quota-is-shown"]).ok();
    for (columns, colours) in ALL_SCREENS {
        let screen = recorded.ended((columns, colours), &["quota"]);
        let mut words = screen.split_whitespace().skip_while(|word| *word != "NAMESPACE");
        assert_eq!(words.by_ref().nth(1), Some("NAME"), "{columns} columns:\n{screen}");
        let row: Vec<_> = words.skip_while(|word| *word != "terminal-quota").take(6).collect();
        let is_age = |word: &&str| word.strip_suffix('s').is_some_and(|age| age.parse::<u32>().is_ok());
        assert_eq!(row.get(1), Some(&"held-while-quota-is-shown"), "{columns} columns:\n{screen}");
        assert!(row.iter().any(is_age), "{columns} columns: {row:?}\n{screen}");
        let warning = if colours { "\n‹bold yellow:Warning:› the limits" } else { "\nWarning: the limits" };
        assert!(screen.contains(warning), "{columns} columns, colours: {colours}\n{screen}");
    }
}
