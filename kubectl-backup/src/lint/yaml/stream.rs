//! A text's documents, cut as kubectl cuts them.

use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScanError, Span};
use serde::de::IgnoredAny;

use super::{
    Problem,
    tree::{Builder, Document},
};

/// Documents of one text.
const MAX_DOCUMENTS: usize = 10_000;

/// Reads all documents. One that is broken becomes a problem, and those behind it are read all the same.
pub fn read(text: &str) -> Vec<Result<Document, Problem>> {
    if let Some(objects) = json_objects(text) {
        return objects.into_iter().flat_map(|object| documents(text, object)).collect();
    }
    documents(text, 0..text.len())
}

/// Objects that follow one another without a separator, as programs print them; `None` for any other text.
fn json_objects(text: &str) -> Option<Vec<Range<usize>>> {
    if !text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('{') {
        return None;
    }
    let start = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut objects = serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<IgnoredAny>();
    let mut ranges = Vec::new();
    let mut from = start;
    while let Some(object) = objects.next() {
        object.ok()?;
        let to = start + objects.byte_offset();
        ranges.push(from..to);
        from = to;
    }
    (ranges.len() > 1 && ranges.len() <= MAX_DOCUMENTS).then_some(ranges)
}

fn documents(text: &str, range: Range<usize>) -> Vec<Result<Document, Problem>> {
    let Some(part) = text.get(range.clone()) else { return Vec::new() };
    let mut parser = Parser::new_from_str_with_options(part, options());
    let place =
        |span: &Span| span.byte_range().map_or(0..0, |bytes| bytes.start + range.start..bytes.end + range.start);
    let mut documents = Vec::new();
    let mut building = Builder::default();
    let mut broken = None;
    loop {
        if documents.len() >= MAX_DOCUMENTS {
            documents.push(Err(Problem::fatal(range.end..range.end, format!("more than {MAX_DOCUMENTS} documents"))));
            return documents;
        }
        match parser.next_event() {
            None => return documents,
            Some(Ok((Event::DocumentStart(explicit, _), span))) => {
                building = Builder::default();
                broken = explicit.then(|| separator(text, place(&span).start)).flatten();
            }
            Some(Ok((Event::DocumentEnd, _))) => {
                let built = std::mem::take(&mut building).finish();
                documents.push(broken.take().map_or(Ok(built), Err));
            }
            Some(Ok((event, span))) => {
                if let Err(problem) = building.event(event, place(&span)) {
                    broken.get_or_insert(problem);
                }
            }
            Some(Err(error)) => {
                documents.push(Err(unreadable(&error, &range)));
                building = Builder::default();
                match parser.proceed_next_document() {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return documents,
                }
            }
        }
    }
}

fn options() -> Options {
    let mut options = granit_parser::options! {
        // JSON has keys of any length.
        simple_key_max_lookahead: 16 * 1024,
    };
    options.set_emit_comments(false);
    options
}

/// kubectl cuts a stream at lines that begin with `---`, and wants nothing else on them.
fn separator(text: &str, start: usize) -> Option<Problem> {
    let line = text.get(start..)?.strip_prefix("---")?.lines().next()?;
    let rest = line.trim();
    (!rest.is_empty() && !rest.starts_with('#')).then(|| {
        let from = start + 3 + (line.len() - line.trim_start().len());
        Problem::fatal(from..from + rest.len(), "kubectl refuses text behind the separator ---: begin a new line")
    })
}

fn unreadable(error: &ScanError, range: &Range<usize>) -> Problem {
    let at = error.marker().byte_offset().map_or(range.end, |offset| (offset + range.start).min(range.end));
    Problem::fatal(at..at, format!("this is no YAML: {}", error.info()))
}
