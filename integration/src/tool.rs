//! Runs the system's own tools and turns their failure into one line.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Runs `command` and returns its standard output.
///
/// # Errors
/// When it cannot be started or exits with another status than 0; the message ends in the last line
/// that it wrote to standard error.
pub fn run(command: &mut Command) -> Result<String> {
    let what = name(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {what}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().rev().find(|line| !line.trim().is_empty());
    // Most tools say who they are.
    let reason = reason.map(|line| line.trim_start_matches(&what).trim_start_matches(": "));
    ensure!(output.status.success(), "{what}: {}", reason.unwrap_or("failed and said nothing"));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs one `ip -batch` with `lines`, in the caller's namespace.
///
/// # Errors
/// When one of the lines fails; the ones after it were not done then.
pub fn ip_batch(lines: &[String]) -> Result<()> {
    feed(Command::new("ip").args(["-batch", "-"]), lines)
}

/// Runs `nft -f -` with `text`, in the caller's namespace.
///
/// # Errors
/// When nft refuses it; nothing has changed then.
pub fn nft(text: &str) -> Result<()> {
    feed(Command::new("nft").args(["-f", "-"]), &[text.to_owned()])
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn feed(command: &mut Command, lines: &[String]) -> Result<()> {
    let what = name(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {what}"))?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A tool that gave up early closes its end; its own words say why.
    let _ = stdin.write_all((lines.join("\n") + "\n").as_bytes());
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{what}: {}", said.lines().next().unwrap_or("failed"));
    }
    Ok(())
}

/// Turns off transmit checksum offload of `device`: a userspace datapath sees packets before any
/// hardware would have completed them.
///
/// # Errors
/// When ethtool fails.
pub fn tx_offload_off(device: &str) -> Result<()> {
    run(Command::new("ethtool").args(["-K", device, "tx", "off"])).map(drop)
}

/// Writes `/proc/sys/net/KEY` in the caller's namespace.
///
/// # Errors
/// When there is no such key or no right to write it.
pub fn sysctl(key: &str, value: &str) -> Result<()> {
    let path = PathBuf::from("/proc/sys/net").join(key);
    std::fs::write(&path, value).with_context(|| format!("cannot write {}", path.display()))
}

/// Waits until `done` says so, looking every few milliseconds.
///
/// # Errors
/// When `limit` is over, naming `what`.
pub fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !done() {
        ensure!(Instant::now() < deadline, "{what}: not within {} s", limit.as_secs());
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
