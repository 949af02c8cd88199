use e2e_tests::{Claim, TestCluster};

use super::{ALL_SCREENS, Recorded};

/// Who else holds slots here differs from run to run: what is told is the form.
#[test]
fn w1_quota_is_read_at_every_width_and_colour() {
    let cluster = TestCluster::control_plane();
    let recorded = Recorded::new(&cluster, "terminal-quota");
    let shop = &recorded.namespace;
    Claim::block(shop, "disk");
    shop.plugin(&["snapshot", "create", "disk", "--name", "held-while-quota-is-shown"]).ok();
    for (columns, colours) in ALL_SCREENS {
        let screen = recorded.ended((columns, colours), &["quota"]);
        let header = screen.lines().find(|line| line.starts_with("RESOURCE") && line.contains("NAMESPACE"));
        assert!(header.is_some_and(|line| line.ends_with("AGE")), "{columns} columns:\n{screen}");
        let row = screen.lines().find(|line| line.contains("held-while-quota-is-shown"));
        assert!(row.is_some_and(|line| line.ends_with('s')), "{columns} columns, no age at the row's end:\n{screen}");
        let warning = if colours { "\n‹bold yellow:Warning:› the limits" } else { "\nWarning: the limits" };
        assert!(screen.contains(warning), "{columns} columns, colours: {colours}\n{screen}");
    }
}
