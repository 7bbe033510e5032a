//! Tables of Markdown.

/// A table, written row by row.
pub(super) struct Table(String);

impl Table {
    /// With these columns; the first is for names, the others for figures.
    pub(super) fn new<S: AsRef<str>>(columns: impl IntoIterator<Item = S>) -> Table {
        let mut table = Table(String::new());
        let count = table.row(columns);
        table.0.push_str("| ---");
        table.0.push_str(&" | ---:".repeat(count.saturating_sub(1)));
        table.0.push_str(" |\n");
        table
    }

    /// Adds a row; returns how many cells it has.
    pub(super) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) -> usize {
        let mut count = 0;
        for cell in cells {
            self.0.push_str(&format!("| {} ", cell.as_ref()));
            count += 1;
        }
        self.0.push_str("|\n");
        count
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// An integer with its thousands apart.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
