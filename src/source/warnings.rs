//! A list of warnings that stays small however much is wrong.

/// So many are kept by name; the rest is counted.
const KEPT: usize = 1000;

/// Warnings in the order they arose.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    kept: Vec<String>,
    more: u64,
}

impl Warnings {
    pub(super) fn push(&mut self, warning: String) {
        if self.kept.len() < KEPT {
            self.kept.push(warning);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.kept.push(format!("and {} more warnings that are not listed", self.more));
        }
        self.kept
    }
}
