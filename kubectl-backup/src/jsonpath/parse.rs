//! From text to a template.

use super::{
    JsonPathError,
    node::{End, Node, Piece, Slice, Test},
    quote,
};

/// How deep filters and unions may stand in each other.
const DEPTH: usize = 16;

/// Parses a template.
pub fn template(text: &str) -> Result<Vec<Piece>, JsonPathError> {
    let mut flat = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        if open > 0 {
            flat.push(Flat::Text(rest[..open].to_owned()));
        }
        let mut action = Action { input: &rest[open + 1..], at: 0, depth: 0 };
        flat.push(action.read()?);
        rest = &rest[open + 1 + action.at..];
    }
    if !rest.is_empty() {
        flat.push(Flat::Text(rest.to_owned()));
    }
    let mut flat = flat.into_iter();
    let mut pieces = Vec::new();
    // An end that closes nothing is no mistake of the text but of its use: kubectl says so when it gets there.
    while !nest(&mut flat, &mut pieces, 0)? {
        pieces.push(Piece::StrayEnd);
    }
    Ok(pieces)
}

/// A part before ranges are put together.
enum Flat {
    Text(String),
    Action(Vec<Node>),
    Range(Vec<Node>),
    End,
}

/// Reads up to an `{end}`; returns whether the text ended instead.
fn nest(flat: &mut std::vec::IntoIter<Flat>, pieces: &mut Vec<Piece>, depth: usize) -> Result<bool, JsonPathError> {
    if depth > DEPTH {
        return Err(JsonPathError::new(format!("more than {DEPTH} ranges in each other")));
    }
    while let Some(part) = flat.next() {
        match part {
            Flat::Text(text) => pieces.push(Piece::Text(text)),
            Flat::Action(nodes) => pieces.push(Piece::Action(nodes)),
            Flat::End => return Ok(false),
            Flat::Range(over) => {
                let mut body = Vec::new();
                let ended = nest(flat, &mut body, depth + 1)?;
                pieces.push(Piece::Range { over, body, closed: !ended });
                if ended {
                    return Ok(true);
                }
            }
        }
    }
    Ok(true)
}

/// The inside of `{…}`, read from behind its opening brace.
struct Action<'a> {
    input: &'a str,
    at: usize,
    depth: usize,
}

impl Action<'_> {
    /// Reads up to the closing brace.
    fn read(&mut self) -> Result<Flat, JsonPathError> {
        let (mut ranges, mut ends) = (false, false);
        let nodes = self.nodes(&mut |word| {
            ranges |= word == "range";
            ends |= word == "end";
            matches!(word, "range" | "end")
        })?;
        Ok(match (ends, ranges) {
            (true, _) => Flat::End,
            (_, true) => Flat::Range(nodes),
            _ => Flat::Action(nodes),
        })
    }

    fn nodes(&mut self, keyword: &mut dyn FnMut(&str) -> bool) -> Result<Vec<Node>, JsonPathError> {
        let mut nodes: Vec<Node> = Vec::new();
        loop {
            let start = self.at;
            if self.takes("[?(") {
                nodes.push(self.filter()?);
                continue;
            }
            if self.takes("..") {
                if nodes.last() == Some(&Node::Recursive) {
                    return Err(JsonPathError::new("invalid multiple recursive descent"));
                }
                nodes.push(Node::Recursive);
                if self.peek().is_some_and(is_word) {
                    nodes.push(self.field());
                }
                continue;
            }
            match self.next() {
                None | Some('\r' | '\n') => return Err(JsonPathError::new("unclosed action")),
                Some('}') => return Ok(nodes),
                Some(' ' | '@' | '$') => {}
                Some('[') => nodes.extend(self.brackets(start)?),
                Some(quote @ ('"' | '\'')) => nodes.push(self.quoted(start, quote)?),
                Some('.') => nodes.push(self.field()),
                Some(c) if c == '+' || c == '-' || c.is_numeric() => nodes.push(self.number(start)?),
                Some(c) if is_word(c) => {
                    while self.peek().is_some_and(|c| !is_terminator(c)) {
                        self.next();
                    }
                    match &self.input[start..self.at] {
                        "true" => nodes.push(Node::Bool(true)),
                        "false" => nodes.push(Node::Bool(false)),
                        word if keyword(word) => {}
                        word => nodes.push(Node::Word(word.to_owned())),
                    }
                }
                Some(c) => {
                    return Err(JsonPathError::new(format!(
                        "unrecognized character in action: U+{:04X} '{c}'",
                        c as u32
                    )));
                }
            }
        }
    }

    /// A name after a dot; a backslash takes the next character as it is.
    fn field(&mut self) -> Node {
        let start = self.at;
        while let Some(c) = self.peek().filter(|&c| !is_terminator(c)) {
            self.next();
            if c == '\\' {
                self.next();
            }
        }
        match &self.input[start..self.at] {
            "*" => Node::Wildcard,
            name => Node::Field(name.replace('\\', "")),
        }
    }

    fn number(&mut self, start: usize) -> Result<Node, JsonPathError> {
        while self.peek().is_some_and(|c| c == '.' || c.is_numeric()) {
            self.next();
        }
        let text = &self.input[start..self.at];
        let int = text.parse().map(Node::Int);
        int.or_else(|_| text.parse().map(Node::Float))
            .map_err(|_| JsonPathError::new(format!("cannot parse number {text}")))
    }

    fn quoted(&mut self, start: usize, quote: char) -> Result<Node, JsonPathError> {
        let mut before = quote;
        loop {
            match self.next() {
                None | Some('\n') => return Err(JsonPathError::new("unterminated quoted string")),
                Some(c) if c == quote && before != '\\' => break,
                Some(c) => before = c,
            }
        }
        let text = &self.input[start..self.at];
        let unquoted = quote::unquote(&text[1..text.len() - 1], quote);
        unquoted
            .map(Node::Text)
            .ok_or_else(|| JsonPathError::new(format!("unquote string {text} error invalid syntax")))
    }

    /// What follows `[`: an index, a slice, a name in quotes, or several of these.
    fn brackets(&mut self, start: usize) -> Result<Vec<Node>, JsonPathError> {
        loop {
            match self.next() {
                None | Some('\n') => return Err(JsonPathError::new("unterminated array")),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text = &self.input[start + 1..self.at - 1];
        if text.contains(',') {
            let each = |part: &str| self.inner(&format!("[{}]", part.trim_matches(' ')));
            return Ok(vec![Node::Union(text.split(',').map(each).collect::<Result<_, _>>()?)]);
        }
        let name = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        if let Some(name) = name.filter(|name| !name.contains('\'')) {
            return self.inner(&format!(".{name}"));
        }
        slice(if text == "*" { ":" } else { text }).map(|slice| vec![Node::Slice(slice)])
    }

    /// What follows `[?(`.
    fn filter(&mut self) -> Result<Node, JsonPathError> {
        let start = self.at;
        let mut pair = None;
        let (mut closed, mut before) = (false, '(');
        loop {
            let c = self.next();
            match c {
                None | Some('\n') => return Err(JsonPathError::new("unterminated filter")),
                Some(quote @ ('"' | '\'')) => match pair {
                    None => pair = Some(quote),
                    Some(open) => closed |= open == quote && before != '\\',
                },
                // Only the first string is looked at, as in kubectl: a bracket in a second one ends the filter.
                Some(')') if pair.is_some() == closed => break,
                Some(_) => {}
            }
            before = c.unwrap_or_default();
        }
        if self.next() != Some(']') {
            return Err(JsonPathError::new("unclosed array expect ]"));
        }
        let text = &self.input[start..self.at - 2];
        let Some((left, operator, right)) = comparison(text) else {
            return Ok(Node::Filter { left: self.inner(text)?, test: Test::Exists });
        };
        let test = Test::Compare { operator: operator.to_owned(), right: self.inner(right)? };
        Ok(Node::Filter { left: self.inner(left)?, test })
    }

    /// Parses a text that stands in this action as if it were one of its own.
    fn inner(&self, text: &str) -> Result<Vec<Node>, JsonPathError> {
        if self.depth >= DEPTH {
            return Err(JsonPathError::new(format!("more than {DEPTH} brackets in each other")));
        }
        let input = format!("{text}}}");
        Action { input: &input, at: 0, depth: self.depth + 1 }.nodes(&mut |_| false)
    }

    fn takes(&mut self, prefix: &str) -> bool {
        let found = self.input[self.at..].starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn peek(&self) -> Option<char> {
        self.input[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }
}

/// Splits `left == right`.
fn comparison(text: &str) -> Option<(&str, &str, &str)> {
    let sign = |c: char| matches!(c, '!' | '<' | '>' | '=');
    let start = text.find(sign).filter(|&start| start > 0)?;
    let mut end = text[start..].find(|c| !sign(c)).map_or(text.len(), |length| start + length);
    if end == text.len() {
        // Something must be left to compare with.
        end -= 1;
    }
    (end > start).then(|| (&text[..start], &text[start..end], &text[end..]))
}

/// Parses `from:to:step`.
fn slice(text: &str) -> Result<Slice, JsonPathError> {
    let wrong = || JsonPathError::new(format!("invalid array index {text}"));
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return Err(wrong());
    }
    let number = |index: usize| {
        let part = parts.get(index).copied().unwrap_or_default();
        let digits = part.strip_prefix('-').unwrap_or(part);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let read = || part.parse().map_err(|_| JsonPathError::new(format!("array index {part} is not a number")));
        if part.is_empty() { Ok(None) } else { read().map(Some) }
    };
    let to = match (parts.len(), number(1)?) {
        (1, _) => End::AfterFirst,
        (_, None) => End::Open,
        (_, Some(at)) => End::At(at),
    };
    Ok(Slice { from: number(0)?, to, step: number(2)? })
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_numeric()
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}
