//! Columns as Go's tabwriter aligns them with kubectl's settings, to the byte.

/// Blanks behind the widest cell of a column.
const PADDING: usize = 3;
/// Least width of a column, its padding included.
const LEAST: usize = 6;

/// Returns the rows with their cells below each other. The last cell of a row is as wide as its text. A cell with a line
/// break in it ends its line there, and what follows begins a block of its own, as in kubectl.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let lines: Vec<Vec<&str>> = rows.iter().flat_map(|row| lines(row)).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|line| vec![0; line.len().saturating_sub(1)]).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default().saturating_sub(1);
    for column in 0..columns {
        // A column is a run of lines that all have a cell there with another behind it.
        let mut start = 0;
        while start < lines.len() {
            let run = widths[start..].iter().take_while(|line| line.len() > column).count();
            let cells = lines[start..start + run].iter().map(|line| line[column].chars().count() + PADDING);
            let width = cells.max().unwrap_or_default().max(LEAST);
            widths[start..start + run].iter_mut().for_each(|line| line[column] = width);
            start += run.max(1);
        }
    }
    let mut out = String::new();
    for (line, widths) in lines.iter().zip(&widths) {
        for (index, cell) in line.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(index) {
                out.push_str(&" ".repeat(width - cell.chars().count()));
            }
        }
        out.push('\n');
    }
    out
}

/// The row's cells, as lines: more than one where a cell breaks.
fn lines(row: &[String]) -> Vec<Vec<&str>> {
    let mut lines = vec![Vec::new()];
    for cell in row {
        for (index, part) in cell.split('\n').enumerate() {
            if index > 0 {
                lines.push(Vec::new());
            }
            if let Some(line) = lines.last_mut() {
                line.extend(part.split('\t'));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn narrow_columns_have_a_least_width_and_the_last_has_none() {
        let rows = [["A", "LONGER", "Z"], ["b", "c", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "A     LONGER   Z\nb     c        \n");
    }
}
