//! How results are laid out for people: tables, counts, and bytes that `--show-values` allows to be shown.

use std::io::{self, Write};

/// A table with a heading: text columns are aligned to the left, number columns to the right.
#[derive(Debug)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    numbers: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns by their headings; a heading that starts with `#` is of a column of numbers (the sign is not shown).
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self {
            heading: columns
                .iter()
                .map(|column| column.trim_start_matches('#'))
                .collect(),
            numbers: columns
                .iter()
                .map(|column| column.starts_with('#'))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, with one cell for each column.
    pub(crate) fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        let row: Vec<String> = cells.into_iter().collect();
        debug_assert_eq!(row.len(), self.heading.len());
        self.rows.push(row);
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it, without blanks at the ends of lines.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let heading: Vec<String> = self.heading.iter().map(ToString::to_string).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let widths: Vec<usize> = (0..heading.len())
            .map(|column| {
                lines
                    .iter()
                    .map(|line| line[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for line in lines {
            let mut text = String::new();
            for (column, cell) in line.iter().enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                let width = widths[column];
                if self.numbers[column] {
                    text.push_str(&format!("{gap}{cell:>width$}"));
                } else {
                    text.push_str(&format!("{gap}{cell:<width$}"));
                }
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// `1 finding`, `2 findings`.
pub(crate) fn count(number: u64, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {one}{s}")
}

/// A part of a whole in per cent with one decimal, or `-` where there is no whole.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_string(),
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of records stay far below 2^52"
        )]
        _ => format!("{:.1}", 100.0 * part as f64 / whole as f64),
    }
}

/// Bytes of a haystack on one line: UTF-8 stands as it is, control characters and other bytes are escaped.
///
/// Only for what the user asked to see with `--show-values`.
pub(crate) fn bytes(value: &[u8]) -> String {
    let mut text = String::new();
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align() {
        let mut table = Table::new(&["rule", "#findings", "action"]);
        table.row(["github.pat".to_string(), "7".to_string(), "tag".to_string()]);
        table.row(["a.b".to_string(), "1000000000".to_string(), String::new()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let expected =
            "rule          findings  action\ngithub.pat           7  tag\na.b         1000000000\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn bytes_stay_on_one_line() {
        assert_eq!(bytes(b"a\nb\xffc\x1b[0m"), r"a\nb\xffc\u{1b}[0m");
        assert_eq!(bytes("é".as_bytes()), "é");
    }

    #[test]
    fn shares() {
        assert_eq!(percent(1, 3), "33.3");
        assert_eq!(percent(0, 0), "-");
        assert_eq!(
            (count(1, "file"), count(0, "file")),
            ("1 file".into(), "0 files".into())
        );
    }
}
