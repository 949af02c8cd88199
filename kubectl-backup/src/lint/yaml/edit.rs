//! Changes of single places of a text. Each is as small as it can be: what stands around it, comments too, stays as it is.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::{
    Document,
    scalar::{Meaning, meaning},
};

/// Bytes, and what stands there afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes.
    pub span: Range<usize>,
    /// What replaces them.
    pub text: String,
}

/// Writes a text at a place. `None` where it cannot be done without touching more.
pub fn set(document: &Document, source: &str, pointer: &str, text: &str) -> Option<Edit> {
    let place = document.place(pointer)?;
    if place.shared {
        return None;
    }
    if place.exact {
        let in_a_block = |style: &ScalarStyle| matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let style = place.style.filter(|style| !in_a_block(style) && !place.value.is_empty())?;
        let old = source.get(place.value.clone())?;
        return Some(Edit { text: written(text, style, old), span: place.value });
    }
    insert(document, source, pointer, text)
}

/// Takes a key and its value away. `None` where it cannot be done without touching more.
pub fn remove(document: &Document, source: &str, pointer: &str) -> Option<Edit> {
    let (holder, name) = split(pointer)?;
    let mapping = document.mapping(&holder)?;
    let index = mapping.entries.iter().position(|entry| entry.name == name)?;
    let entry = mapping.entries.get(index)?;
    if mapping.shared || mapping.entries.iter().filter(|other| other.name == name).count() > 1 {
        return None;
    }
    if source.get(mapping.span.start..)?.starts_with('{') {
        let next = mapping.entries.get(index + 1).map(|next| entry.key.start..next.key.start);
        let before = || index.checked_sub(1).and_then(|before| mapping.entries.get(before));
        let span = next
            .or_else(|| before().map(|before| before.value.end..entry.value.end))
            .unwrap_or(entry.key.start..entry.value.end);
        return Some(Edit { span, text: String::new() });
    }
    let start = own_line(source, entry.key.start)?;
    let end = entry.value.end.max(entry.key.end);
    if source.get(..end)?.ends_with('\n') {
        return Some(Edit { span: start..end, text: String::new() });
    }
    let rest = source.get(end..)?;
    let line = rest.split_inclusive('\n').next().unwrap_or_default();
    // An empty value ends before its colon.
    let after = line.trim_start().strip_prefix(':').unwrap_or(line).trim();
    (after.is_empty() || after.starts_with('#')).then(|| Edit { span: start..end + line.len(), text: String::new() })
}

/// A new first line of a mapping that is written in lines.
fn insert(document: &Document, source: &str, pointer: &str, text: &str) -> Option<Edit> {
    let (holder, name) = split(pointer)?;
    let mapping = document.mapping(&holder)?;
    let first = mapping.entries.first()?;
    if mapping.shared || source.get(mapping.span.start..)?.starts_with('{') {
        return None;
    }
    let start = own_line(source, first.key.start)?;
    let indent = source.get(start..first.key.start)?;
    let line = source.get(start..)?.split_inclusive('\n').next()?;
    let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
    let key = written(&name, ScalarStyle::Plain, "");
    let text = format!("{indent}{key}: {}{end}", written(text, ScalarStyle::Plain, ""));
    Some(Edit { span: start..start, text })
}

/// The beginning of the line, when nothing stands before the byte.
fn own_line(source: &str, at: usize) -> Option<usize> {
    let start = source.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    source.get(start..at)?.trim_start_matches('\u{feff}').trim().is_empty().then_some(start)
}

fn split(pointer: &str) -> Option<(String, String)> {
    let (holder, token) = pointer.rsplit_once('/')?;
    Some((holder.to_owned(), token.replace("~1", "/").replace("~0", "~")))
}

/// A text in the manner of the one that it replaces.
fn written(text: &str, style: ScalarStyle, old: &str) -> String {
    let double = || serde_json::Value::from(text).to_string();
    match style {
        ScalarStyle::SingleQuoted if !text.contains(char::is_control) => format!("'{}'", text.replace('\'', "''")),
        ScalarStyle::Plain if is_plain(text, old) => text.to_owned(),
        _ => double(),
    }
}

/// Whether the text needs no quotation marks; within brackets a comma is more than a letter.
fn is_plain(text: &str, old: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c) || (c == ',' && old.contains(','));
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(letters) && meaning(text) == Meaning::Text
}
