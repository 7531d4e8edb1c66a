//! What the targets share; `tests/vectors.rs` replays their corpora with it.

pub mod checks;
pub mod frames;
