//! What a user sees: screens of 80 and of 120 columns, with colours and without.

mod create;
mod delete;
mod list;
mod pause;
mod quota;
mod restore;
mod rollback;

use e2e_tests::{Namespace, Terminal, TestCluster};

/// Each width with colours and without.
const ALL_SCREENS: [(u16, bool); 4] = [(80, false), (80, true), (120, false), (120, true)];

struct Recorded<'a> {
    cluster: &'a TestCluster,
    namespace: Namespace<'a>,
    kubeconfig: tempfile::TempDir,
}

impl<'a> Recorded<'a> {
    /// A namespace and a context whose names have the same length in every run: they stand in the columns.
    fn new(cluster: &'a TestCluster, namespace: &str) -> Self {
        let kubeconfig = tempfile::tempdir().unwrap();
        let path = kubeconfig.path().join("config");
        std::fs::copy(cluster.cluster().kubeconfig(), &path).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let context = cluster.kubectl(&["config", "current-context"]);
        cluster.kubectl(&["config", "rename-context", context.trim(), "demo", "--kubeconfig", &path]);
        Self { cluster, namespace: cluster.namespace_named(namespace), kubeconfig }
    }

    fn start(&self, (columns, colours): (u16, bool), args: &[&str]) -> Terminal {
        let kubeconfig = self.kubeconfig.path().join("config");
        let mut variables =
            vec![("KUBECONFIG", kubeconfig.to_str().unwrap()), ("TERM", "xterm-256color"), ("HOME", "/nonexistent")];
        if !colours {
            variables.push(("NO_COLOR", "1"));
        }
        Terminal::start(
            self.cluster.plugin_path(),
            &[args, &["-n", self.namespace.name()]].concat(),
            &variables,
            columns,
        )
    }

    /// The screens of a command: the narrow one without colours and the wide one with them. The other two are seen to say the same.
    #[track_caller]
    fn each(command: impl FnMut((u16, bool)) -> String) -> [String; 2] {
        let [narrow, narrow_coloured, wide, wide_coloured] = ALL_SCREENS.map(command);
        for (plain, coloured) in [(&narrow, &narrow_coloured), (&wide, &wide_coloured)] {
            assert!(!plain.contains('‹'), "colours on a screen without:\n{plain}");
            assert_eq!(form(plain), form(&without_colours(coloured)));
        }
        [narrow, wide_coloured]
    }

    /// The last screen of a command that ends by itself.
    #[track_caller]
    fn ended(&self, screen: (u16, bool), args: &[&str]) -> String {
        self.start(screen, args).end().1
    }
}

/// The screen without the marks of colours.
fn without_colours(screen: &str) -> String {
    let mut parts = screen.split('‹');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(':').map_or(part, |(_, rest)| rest)).replace('›', "")
}

/// The screen with one form of all numbers, for ages, times and the names that are made of them differ, and of all spinners.
fn form(screen: &str) -> String {
    let digits = |a: char, b: char| a.is_ascii_digit() && b.is_ascii_digit();
    let mut text = String::new();
    for char in screen.chars() {
        match text.chars().next_back() {
            Some(last) if digits(last, char) || (last == ' ' && char == ' ') => {}
            _ => text.push(match char {
                '0'..='9' => '0',
                // A spinner, which turns.
                '⠁'..='⣿' => '*',
                other => other,
            }),
        }
    }
    text
}

/// What differs from run to run, replaced by something of the same width.
fn settings() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (pattern, text) in [
        (r"20\d{12}", "20261121101500"),
        (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-21T10:15:00Z"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "01234567-89ab-cdef-0123-456789abcdef"),
        (r"\(\d+s ago\)", "(5s ago)"),
        (r"after \d+s", "after 5s"),
        (r"\b\d+s +(keep|delete)", "5s    $1"),
        // The age at the end of a row, and how long a bar has been there.
        (r"(?m)\b\d+s$", "5s"),
        (r"[⠁-⣿]", "*"),
    ] {
        settings.add_filter(pattern, text);
    }
    settings.bind_to_scope()
}
