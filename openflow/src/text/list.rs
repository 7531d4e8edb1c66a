//! Parts with commas between.

use std::fmt::{self, Display, Formatter};

/// Writes parts with a comma before each but the first.
pub(super) struct List<'a, 'f> {
    f: &'a mut Formatter<'f>,
    empty: bool,
}

impl<'a, 'f> List<'a, 'f> {
    pub fn new(f: &'a mut Formatter<'f>) -> Self {
        Self { f, empty: true }
    }

    /// Whether no part was written.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Begins the next part.
    pub fn next(&mut self) -> Result<&mut Formatter<'f>, fmt::Error> {
        if !std::mem::take(&mut self.empty) {
            self.f.write_str(",")?;
        }
        Ok(self.f)
    }

    /// Writes a whole part.
    pub fn item(&mut self, part: impl Display) -> fmt::Result {
        let f = self.next()?;
        write!(f, "{part}")
    }

    /// Writes a part if there is something to say.
    pub fn item_if(&mut self, condition: bool, part: impl Display) -> fmt::Result {
        if condition { self.item(part) } else { Ok(()) }
    }
}
