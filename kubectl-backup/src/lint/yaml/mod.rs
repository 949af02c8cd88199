//! YAML and JSON as kubectl reads them, with the place of every value in the text: one parse gives both.

pub mod edit;
mod place;
mod scalar;
mod stream;
mod tree;
mod value;

use std::ops::Range;

pub use stream::read;
pub use tree::Document;

/// Something about the text itself: it cannot be read, or is not read as it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// What, and the way out.
    pub message: String,
    /// Whether kubectl refuses the document.
    pub fatal: bool,
}

impl Problem {
    fn fatal(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), fatal: true }
    }

    fn odd(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), fatal: false }
    }
}

#[cfg(test)]
mod tests;
