//! `--fix` on files.

use crate::process::{BAD_POD, Folder};

/// With a blank in the list that Velero takes for a part of the name.
fn fixable() -> String {
    BAD_POD.replace("volumes: web-data", "volumes: \"data, data\"   # kept")
}

#[test]
fn a_second_fix_changes_nothing() {
    let folder = Folder::new();
    folder.write("web.yaml", fixable());
    folder.lint(&["-f", "web.yaml"]).ends_with(3).says("--fix puts ");
    folder.lint(&["-f", "web.yaml", "--fix"]).ends_with(0).says("web.yaml: put right BKP");
    let once = folder.read("web.yaml");
    assert_eq!(String::from_utf8_lossy(&once), fixable().replace("\"data, data\"", "\"data\""));
    let run = folder.lint(&["-f", "web.yaml", "--fix"]).ends_with(0);
    assert!(!run.stderr.contains("put right"), "{}", run.stderr);
    assert_eq!(folder.read("web.yaml"), once);
}

#[test]
fn a_trial_only_shows_the_change() {
    let folder = Folder::new();
    folder.write("web.yaml", fixable());
    let run = folder.lint(&["-f", "web.yaml", "--fix", "--dry-run=client"]).ends_with(3);
    assert!(run.stdout.contains("-    backup.velero.io/backup-volumes: \"data, data\"   # kept\n"), "{}", run.stdout);
    assert_eq!(folder.read("web.yaml"), fixable().into_bytes());
    let run = folder.lint_with(&["-f", "-", "--fix"], fixable().as_bytes()).ends_with(2);
    run.says("cannot be written back").says("--dry-run=client");
}

#[test]
fn what_has_no_one_right_answer_is_left_to_its_author() {
    let folder = Folder::new();
    let pod = BAD_POD.replace("volumes: web-data", "volumes: nosuch");
    folder.write("web.yaml", &pod);
    let run = folder.lint(&["-f", "web.yaml", "--fix"]).ends_with(3);
    assert!(run.stdout.contains("error[BKP104]"), "{}", run.stdout);
    assert_eq!(folder.read("web.yaml"), pod.into_bytes());
}
