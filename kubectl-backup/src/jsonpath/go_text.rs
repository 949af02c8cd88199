//! Values as Go's printers write them.

use std::io::Write;

use serde::Serialize as _;
use serde_json::{
    Number, Value,
    ser::{CompactFormatter, Formatter, PrettyFormatter},
};

use super::walk::Found;

/// Returns a result as `-o jsonpath` prints it: objects and arrays as JSON, the rest as text.
pub fn printed(found: &Found<'_>) -> String {
    match found {
        Found::Value(value @ (Value::Object(_) | Value::Array(_))) => json_compact(value),
        Found::Value(Value::Null) => "null".to_owned(),
        other => sprint(other),
    }
}

/// Returns a result as `custom-columns` print it: `map[a:1]` and `[a b]`.
pub fn sprint(found: &Found<'_>) -> String {
    match found {
        Found::Text(text) => (*text).to_owned(),
        Found::Int(number) => number.to_string(),
        Found::Float(number) => float(*number),
        Found::Bool(truth) => truth.to_string(),
        Found::Value(value) => plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.to_string(),
            None => float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect();
            format!("map[{}]", members.join(" "))
        }
    }
}

/// `%v` of a float: the shortest digits that are the number, with an exponent when it is very great or small.
fn float(number: f64) -> String {
    let (digits, exponent) = parts(number);
    if number == 0.0 || (-4..6).contains(&exponent) {
        return number.to_string();
    }
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
}

/// The digits before and the number behind the `e`.
fn parts(number: f64) -> (String, i32) {
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or_default())
}

/// Returns a value as Go's `json.Marshal` writes it: in one line.
fn json_compact(value: &Value) -> String {
    text(value, GoFormatter(CompactFormatter))
}

/// Returns a value as kubectl writes JSON for people: indented by four, with a line break at its end.
pub fn json_indented(value: &Value) -> String {
    text(value, GoFormatter(PrettyFormatter::with_indent(b"    "))) + "\n"
}

fn text(value: &Value, formatter: impl Formatter) -> String {
    let mut bytes = Vec::new();
    // Writing into memory cannot fail, and a value of JSON is always JSON.
    let written = value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter));
    written.ok().and_then(|()| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Numbers and texts as Go writes them: what HTML would take for markup is escaped.
struct GoFormatter<F>(F);

type Written = std::io::Result<()>;

impl<F: Formatter> Formatter for GoFormatter<F> {
    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> Written {
        let (digits, exponent) = parts(value);
        if value == 0.0 || (-6..21).contains(&exponent) {
            return write!(out, "{value}");
        }
        write!(out, "{digits}e{}{}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
    }

    fn write_u64<W: ?Sized + Write>(&mut self, out: &mut W, value: u64) -> Written {
        // Go knows no JSON number beyond 63 bits but as a float.
        match Number::from(value).as_i64() {
            Some(value) => write!(out, "{value}"),
            None => self.write_f64(out, value as f64),
        }
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> Written {
        let special = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        let mut rest = text;
        while let Some(at) = rest.find(special) {
            let c = rest[at..].chars().next().unwrap_or_default();
            write!(out, "{}\\u{:04x}", &rest[..at], c as u32)?;
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Written {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Written {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Written {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Written {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Written {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Written {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Written {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Written {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Written {
        self.0.end_object_value(out)
    }
}
