//! `Key:  value` lines of `describe`.

use super::escape;

/// Columns before a value.
const KEY_WIDTH: usize = 18;

/// A text that grows by fields.
#[derive(Clone, Debug, Default)]
pub struct Report {
    text: String,
}

impl Report {
    /// Adds a field; further lines of a value stand below its first.
    pub fn field(&mut self, key: &str, value: &str) -> &mut Self {
        let mut head = format!("{key}:");
        let value = if value.is_empty() { "<none>" } else { value };
        for line in value.lines() {
            self.text.push_str(&format!("{head:<KEY_WIDTH$}{}\n", escape::visible(line)));
            head.clear();
        }
        self
    }

    /// Adds a text as it is, such as a table.
    pub fn block(&mut self, key: &str, text: &str) -> &mut Self {
        if text.is_empty() {
            return self.field(key, "");
        }
        self.text.push_str(&format!("{key}:\n"));
        for line in text.lines() {
            self.text.push_str(&format!("  {line}\n"));
        }
        self
    }

    /// Returns the text.
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_line_up_and_cannot_drive_the_terminal() {
        let mut report = Report::default();
        report.field("Name", "web").field("Labels", "a=1\nb=2").field("Error", "\x1b[31mred").field("Group", "");
        report.block("Events", "REASON   AGE\nBad      1s\n").block("PVCs", "");
        insta::assert_snapshot!(report.finish(), @r"
        Name:             web
        Labels:           a=1
                          b=2
        Error:            ^[[31mred
        Group:            <none>
        Events:
          REASON   AGE
          Bad      1s
        PVCs:             <none>
        ");
    }
}
