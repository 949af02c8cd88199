//! Tables as kubectl prints them.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr as _;

use super::escape;

/// Blanks between columns, as kubectl has them.
const GAP: usize = 3;

/// A column: its header, and whether only `-o wide` shows it.
#[derive(Clone, Debug)]
pub struct Column {
    title: Cow<'static, str>,
    wide: bool,
    yields: bool,
}

impl Column {
    /// A column that is always shown.
    pub const fn new(title: &'static str) -> Self {
        Self { title: Cow::Borrowed(title), wide: false, yields: false }
    }

    /// A column that is left out where a line would break otherwise.
    pub const fn yielding(title: &'static str) -> Self {
        Self { title: Cow::Borrowed(title), wide: false, yields: true }
    }

    /// A column that only `-o wide` shows.
    pub const fn wide(title: &'static str) -> Self {
        Self { title: Cow::Borrowed(title), wide: true, yields: false }
    }
}

/// Rows under columns.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    room: Option<usize>,
    headless: bool,
}

impl Table {
    /// Returns an empty table.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new(), room: None, headless: false }
    }

    /// Sets how many characters of a line are seen, where that is known: columns come closer when they do not fit.
    pub fn fitting(self, room: Option<usize>) -> Self {
        Self { room, ..self }
    }

    /// Leaves the header out.
    #[must_use]
    pub fn headless(self, headless: bool) -> Self {
        Self { headless, ..self }
    }

    /// Adds a column on the right, with a cell for each row.
    pub fn column(&mut self, title: String, cells: impl IntoIterator<Item = String>) {
        self.columns.push(Column { title: Cow::Owned(title), wide: false, yields: false });
        for (row, cell) in self.rows.iter_mut().zip(cells) {
            row.push(cell);
        }
    }

    /// Adds a row: a cell for each column, wide ones too.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the lines, header first, without blanks at their ends.
    pub fn render(&self, wide: bool) -> String {
        self.render_below(wide, &mut Vec::new())
    }

    /// Returns the columns that are shown: as many as were before, else as many as there is room for. Those that yield leave
    /// from left to right.
    fn shown(&self, wide: bool, before: usize) -> Vec<usize> {
        let mut shown: Vec<usize> =
            (0..self.columns.len()).filter(|&index| wide || !self.columns[index].wide).collect();
        let width = |index: usize| {
            let cells = self.rows.iter().map(|row| row.get(index).map_or(0, |cell| escape::cell(cell).width()));
            cells.max().unwrap_or_default().max(self.columns[index].title.width())
        };
        let is_too_wide = |shown: &[usize]| match (before, self.room) {
            (0, Some(room)) => shown.iter().map(|&index| width(index) + 1).sum::<usize>() > room + 1,
            (0, None) => false,
            (before, _) => shown.len() > before,
        };
        while !wide && is_too_wide(&shown) {
            let Some(place) = shown.iter().position(|&index| self.columns[index].yields) else { break };
            shown.remove(place);
        }
        shown
    }

    /// Returns the lines as they go below those that were rendered with the same widths before: without a header, in the
    /// same columns as far as they fit.
    pub fn render_below(&self, wide: bool, widths: &mut Vec<usize>) -> String {
        let shown = self.shown(wide, widths.len());
        let mut lines: Vec<Vec<String>> = Vec::new();
        if widths.is_empty() {
            if !self.headless {
                lines.push(shown.iter().map(|&index| self.columns[index].title.to_string()).collect());
            }
            widths.resize(shown.len(), 0);
        }
        for row in &self.rows {
            lines.push(shown.iter().map(|&index| escape::cell(row.get(index).map_or("", String::as_str))).collect());
        }
        for (column, width) in widths.iter_mut().enumerate() {
            let widest = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.width()).max();
            *width = widest.unwrap_or_default().max(*width);
        }
        let text: usize = widths.iter().sum();
        let fits = |gap: &usize| self.room.is_none_or(|room| text + gap * widths.len().saturating_sub(1) <= room);
        let gap = (1..=GAP).rev().find(fits).unwrap_or(1);
        let mut out = String::new();
        for line in &lines {
            let mut text = String::new();
            for (cell, width) in line.iter().zip(widths.iter()) {
                text.push_str(cell);
                text.push_str(&" ".repeat(width - cell.width() + gap));
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_wide_ones_wait_for_wide() {
        let mut table = Table::new(vec![Column::new("NAME"), Column::wide("HANDLE"), Column::new("AGE")]);
        table.row(vec!["a-long-name".into(), "h1".into(), "5m".into()]);
        table.row(vec!["日本".into(), "h2\nsecret".into(), "12d".into()]);
        insta::assert_snapshot!(table.render(false), @r"
        NAME          AGE
        a-long-name   5m
        日本          12d
        ");
        insta::assert_snapshot!(table.render(true), @r"
        NAME          HANDLE   AGE
        a-long-name   h1       5m
        日本          h2       12d
        ");
    }

    #[test]
    fn columns_come_closer_where_the_room_is_small() {
        let mut table = Table::new(["NAME", "AGE"].map(Column::new).to_vec());
        table.row(vec!["abcdef".into(), "12d".into()]);
        for (room, gap) in [(None, 3), (Some(12), 3), (Some(11), 2), (Some(10), 1), (Some(5), 1)] {
            let text = table.clone().fitting(room).render(false);
            assert_eq!(text, format!("NAME  {0}AGE\nabcdef{0}12d\n", " ".repeat(gap)), "{room:?}");
        }
    }

    #[test]
    fn columns_that_yield_leave_where_a_line_would_break() {
        let table = |room: usize| {
            let columns =
                vec![Column::new("NAME"), Column::yielding("CLASS"), Column::yielding("GROUP"), Column::new("AGE")];
            let mut table = Table::new(columns);
            table.row(["abcdef", "c1", "g1", "12d"].map(Into::into).into());
            table.fitting(Some(room))
        };
        let header = |room: usize| table(room).render(false).lines().next().unwrap_or_default().to_owned();
        assert_eq!(header(22), "NAME   CLASS GROUP AGE");
        assert_eq!(header(21), "NAME     GROUP   AGE");
        assert_eq!(header(15), "NAME     AGE");
        assert_eq!(header(1), "NAME   AGE");
        assert!(table(1).render(true).contains("GROUP"));
        // What comes later keeps to the columns that are there.
        let mut widths = Vec::new();
        table(15).render_below(false, &mut widths);
        assert_eq!(table(99).render_below(false, &mut widths), "abcdef   12d\n");
    }

    #[test]
    fn what_comes_later_stands_in_the_same_columns() {
        let rows = |name: &str| {
            let mut table = Table::new(vec![Column::new("NAME"), Column::new("AGE")]);
            table.row(vec![name.into(), "5m".into()]);
            table
        };
        let mut widths = Vec::new();
        let text: String =
            ["a-name", "b", "a-longer-name", "c"].map(|name| rows(name).render_below(false, &mut widths)).concat();
        insta::assert_snapshot!(text, @r"
        NAME     AGE
        a-name   5m
        b        5m
        a-longer-name   5m
        c               5m
        ");
    }
}
