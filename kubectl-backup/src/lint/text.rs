//! Findings as a compiler prints them: the message, the place, the line under it with a mark.

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};
use backup_policy::Severity;

use super::{
    report::{Found, Report, Spot},
    source::Position,
};
use crate::output::visible;

/// Columns of a line that are shown around the mark.
const WIDTH: usize = 100;
/// Bytes of a line around the mark; files may have one line of megabytes.
const AROUND: usize = 400;

/// Returns the text of all findings.
pub fn render(report: &Report, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    let mut text = String::new();
    for found in &report.findings {
        text.push_str(&one(report, found, &renderer));
        text.push_str("\n\n");
    }
    text
}

fn one(report: &Report, found: &Found, renderer: &Renderer) -> String {
    let level = match found.severity {
        Severity::Deny => Level::ERROR,
        Severity::Warn => Level::WARNING,
        Severity::Audit | Severity::Off => Level::INFO.with_name("audit"),
    };
    let mut group = level.primary_title(visible(&found.message)).id(found.code).elements([] as [Element<'_>; 0]);
    let window = found.spot.as_ref().and_then(|spot| Window::of(report, spot));
    let name = found.object.as_ref().map(ToString::to_string);
    match (&window, &name) {
        (Some(window), _) => {
            let mark = AnnotationKind::Primary.span(window.mark.clone());
            let Position { line, column } = window.position;
            let snippet = Snippet::source(window.text).line_start(line).fold(false).annotation(mark);
            let name = visible(window.name);
            // In a line that was cut the snippet cannot know the column.
            group = if window.cut {
                group.element(Origin::path(name).line(line).char_column(column)).element(snippet)
            } else {
                group.element(snippet.path(name))
            };
        }
        (None, Some(name)) => group = group.element(Origin::path(visible(name))),
        (None, None) => {}
    }
    for note in notes(found, window.is_some()) {
        group = group.element(Level::NOTE.no_name().message(visible(&note)));
    }
    renderer.render(&[group])
}

fn notes(found: &Found, has_place: bool) -> Vec<String> {
    let mut notes = Vec::new();
    match &found.object {
        Some(name) if has_place && !found.field.is_empty() => notes.push(format!("{name}: {}", found.field)),
        Some(name) if has_place => notes.push(name.to_string()),
        Some(_) => match &found.value {
            Some(value) => notes.push(format!("{}: {value:?}", found.field)),
            None => notes.push(found.field.clone()),
        },
        None => {}
    }
    notes
}

/// The line of a finding, and the mark in it.
struct Window<'a> {
    name: &'a str,
    position: Position,
    text: &'a str,
    mark: std::ops::Range<usize>,
    /// Whether the text is a part of the line only.
    cut: bool,
}

impl<'a> Window<'a> {
    fn of(report: &'a Report, spot: &Spot) -> Option<Self> {
        let source = report.sources.get(spot.source)?;
        let position = source.position(spot.span.start);
        let whole = source.line(position.line);
        let start = spot.span.start.clamp(whole.start, whole.end);
        let end = spot.span.end.clamp(start, whole.end);
        let boundary = |mut at: usize| {
            while !source.text.is_char_boundary(at) {
                at += 1;
            }
            at
        };
        // Only a line that is longer than anybody reads is cut.
        let long = whole.len() > 2 * AROUND;
        let shown = if long {
            boundary(start.saturating_sub(AROUND).max(whole.start))..boundary((start + AROUND).min(whole.end))
        } else {
            whole
        };
        let text = source.text.get(shown.clone())?.trim_start_matches('\u{feff}');
        let cut = shown.len() - text.len();
        let local = |at: usize| at.clamp(shown.start + cut, shown.end) - shown.start - cut;
        Some(Self { name: &source.name, position, text, mark: local(start)..local(end), cut: long })
    }
}

#[cfg(test)]
mod tests {
    use backup_policy::{Config, Facts};

    use super::*;
    use crate::lint::{check, source::Source};

    fn rendered(text: &str) -> String {
        let mut report = Report::default();
        let facts = Facts { requester_exempt: Some(false), ..Facts::default() };
        for object in check::read(&mut report, Source::new("a\x1b[1m.yaml", None, text.as_bytes().to_vec()).unwrap()) {
            check::judge(&mut report, &Config::default(), &facts, &object);
        }
        report.keep(Severity::Audit);
        render(&report, false)
    }

    #[test]
    fn a_finding_shows_its_line() {
        let text = "\u{feff}apiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: \"p\\e[31m\"\r\n  annotations:\r\n    backup.velero.io/backup-volumes: data, x\t# why\r\nspec: {volumes: [{name: data, nfs: {}}, {name: x, nfs: {}}]}\r\n---\r\na: [\r\n";
        insta::assert_snapshot!(rendered(text), @r#"
        error[BKP101]: " x" has a blank beside the comma, which Velero reads as part of the volume's name and so finds no volume; write "data,x"
         --> a^[[1m.yaml:6:38
          |
        6 |     backup.velero.io/backup-volumes: data, x    # why
          |                                      ^^^^^^^
          |
          = Pod p^[[31m: metadata.annotations[backup.velero.io/backup-volumes]

        error[BKP001]: this is no YAML: unclosed bracket '['
         --> a^[[1m.yaml:9:4
          |
        9 | a: [
          |    ^
        "#);
    }

    #[test]
    fn of_a_long_line_the_part_with_the_mark_is_shown() {
        let far = format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"labels\":{{\"l\":\"{}\"}},\"annotations\":{{\"backup.velero.io/backup-volumes\":\"x,\"}}}},\"spec\":{{\"volumes\":[{{\"name\":\"x\",\"nfs\":{{}}}}]}}}}",
            "ü".repeat(100_000)
        );
        insta::assert_snapshot!(rendered(&far).replace("::: \n", ":::\n"), @r#"
        warning[BKP102]: "x," has an empty entry; write "x"
         --> a^[[1m.yaml:1:100112
          |
         :::
        1 | ...ations":{"backup.velero.io/backup-volumes":"x,"}},"spec":{"volumes":[{"name":"x","nfs":{}}]}}
          |                                               ^^^^
          |
          = Pod <unnamed>: metadata.annotations[backup.velero.io/backup-volumes]
        "#);
    }
}
