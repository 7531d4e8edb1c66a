//! Clocks of the product's daemons that can be set while they run, by libfaketime: each daemon reads what time it is from a
//! file. Its monotonic clock goes on as it is.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::plan::{Config, Place};
use crate::state::StateDir;

/// Where Debian puts libraries, architecture by architecture.
const LIBRARIES: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Has the daemon at `place` go by a clock that [`set`] sets, where the testbed has such clocks.
///
/// # Errors
/// When libfaketime is not installed.
pub fn prepare(config: &Config, state: &StateDir, place: &Place, command: &mut Command) -> Result<()> {
    if !config.settable_clocks {
        return Ok(());
    }
    let file = file(state, place);
    if !file.exists() {
        fs::write(&file, "+0\n").context("cannot write the clock's file")?;
    }
    command.env("LD_PRELOAD", library()?).env("FAKETIME_TIMESTAMP_FILE", file);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Ok(())
}

/// Sets the clock of the daemon at `place` so many seconds ahead of the machine's, or behind it.
///
/// # Errors
/// When the file cannot be written.
pub fn set(state: &StateDir, place: &Place, ahead: i64) -> Result<()> {
    let (file, new) = (file(state, place), state.path().join(format!("clock-{place}.new")));
    fs::write(&new, format!("{ahead:+}\n"))?;
    fs::rename(new, file).context("cannot write the clock's file")
}

fn file(state: &StateDir, place: &Place) -> PathBuf {
    state.path().join(format!("clock-{place}"))
}

fn library() -> Result<PathBuf> {
    let directories = fs::read_dir(LIBRARIES)?.filter_map(|entry| Some(entry.ok()?.path().join(LIBRARY)));
    let mut found = directories.filter(|path| path.exists());
    found.next().context("libfaketime is not installed: integration/deps faults does that")
}
