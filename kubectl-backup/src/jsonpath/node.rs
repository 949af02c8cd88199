//! What a template is made of.

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text between actions.
    Text(String),
    /// `{…}`.
    Action(Vec<Node>),
    /// `{range …}…{end}`; one that is not closed reaches to the template's end.
    Range { over: Vec<Node>, body: Vec<Self>, closed: bool },
    /// `{end}` without a range.
    StrayEnd,
}

/// A step inside an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Text(String),
    Field(String),
    Wildcard,
    Recursive,
    Slice(Slice),
    Union(Vec<Vec<Self>>),
    Filter {
        left: Vec<Self>,
        test: Test,
    },
    Int(i64),
    Float(f64),
    Bool(bool),
    /// A word that is neither `range` nor `end`, such as a field whose dot was forgotten.
    Word(String),
}

/// What a filter asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Exists,
    Compare { operator: String, right: Vec<Node> },
}

/// `[from:to:step]`; `[n]` is the slice of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    pub from: Option<i64>,
    pub to: End,
    pub step: Option<i64>,
}

/// Where a slice ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// Where the array ends.
    Open,
    /// Before this element; from the end when negative.
    At(i64),
    /// After the one element that was asked for: `[n]`.
    AfterFirst,
}
