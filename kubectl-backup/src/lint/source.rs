//! A text that manifests are read from.

use std::{ops::Range, path::PathBuf};

/// A text, where it came from, and where its lines begin.
#[derive(Debug)]
pub struct Source {
    /// What messages call it: a path, or `<stdin>`.
    pub name: String,
    /// The file, when it is one that can be written back as it was read.
    pub file: Option<PathBuf>,
    /// The text.
    pub text: String,
    lines: Vec<usize>,
}

/// A place as editors count: from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Source {
    /// Reads bytes as kubectl does: UTF-8, or UTF-16 with a byte order mark.
    ///
    /// # Errors
    /// When they are neither.
    pub fn new(name: impl Into<String>, file: Option<PathBuf>, bytes: Vec<u8>) -> Result<Self, String> {
        let name = name.into();
        let wide = |convert: fn([u8; 2]) -> u16| {
            let (units, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().skip(1).map(|unit| convert(*unit)).collect();
            String::from_utf16(&units).ok().filter(|_| rest.is_empty())
        };
        let decoded = match bytes.as_slice() {
            [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
            [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
            _ => {
                return match String::from_utf8(bytes) {
                    Ok(text) => Ok(Self::of(name, file, text)),
                    Err(error) => Err(format!(
                        "{name} is no text in UTF-8: byte {} fits nowhere",
                        error.utf8_error().valid_up_to() + 1
                    )),
                };
            }
        };
        // Written back it would be another file.
        decoded.map(|text| Self::of(name.clone(), None, text)).ok_or_else(|| format!("{name} is no text in UTF-16"))
    }

    fn of(name: String, file: Option<PathBuf>, text: String) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name, file, text, lines }
    }

    /// The same source once more.
    pub fn again(&self) -> Self {
        Self::of(self.name.clone(), self.file.clone(), self.text.clone())
    }

    /// The same source with another text.
    pub fn with_text(self, text: String) -> Self {
        Self::of(self.name, self.file, text)
    }

    /// The place of a byte.
    pub fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.line_start(line);
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
        Position { line, column: before.trim_start_matches('\u{feff}').chars().count() + 1 }
    }

    /// The byte that a line begins with.
    pub fn line_start(&self, line: usize) -> usize {
        line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(self.text.len())
    }

    /// The bytes of a line, without its end.
    pub fn line(&self, line: usize) -> Range<usize> {
        let start = self.line_start(line);
        let end = self.line_start(line + 1);
        let text = self.text.get(start..end).unwrap_or_default();
        start..start + text.trim_end_matches(['\n', '\r']).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> Source {
        Source::new("x", None, bytes.to_vec()).unwrap()
    }

    #[test]
    fn places_are_counted_in_characters() {
        let source = source("a: b\r\nü: c\n".as_bytes());
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(3), Position { line: 1, column: 4 });
        assert_eq!(source.position(10), Position { line: 2, column: 4 });
        assert_eq!(source.position(99), Position { line: 3, column: 1 });
        assert_eq!(&source.text[source.line(1)], "a: b");
        assert_eq!(&source.text[source.line(2)], "ü: c");
        assert_eq!(&source.text[source.line(9)], "");
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        assert_eq!(source("\u{feff}a: b".as_bytes()).position(3), Position { line: 1, column: 1 });
    }

    #[test]
    fn wide_text_is_read_and_never_written() {
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend("kind: ü".encode_utf16().flat_map(u16::to_le_bytes));
        let source = Source::new("x", Some("x".into()), bytes).unwrap();
        assert_eq!((source.text.as_str(), source.file), ("kind: ü", None));
        assert!(Source::new("x", None, vec![0xff, 0xfe, 0x00]).is_err());
        assert_eq!(Source::new("x", None, vec![b'a', 0xff]).unwrap_err(), "x is no text in UTF-8: byte 2 fits nowhere");
    }
}
