//! The control socket of ovs-vswitchd, in the words of `ovs-appctl`.

use std::{io, path::Path, time::Duration};

use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer may be, in bytes.
const LONGEST: usize = 1 << 20;

#[derive(Deserialize)]
struct Answer {
    result: Option<String>,
    error: Option<String>,
}

/// Lets ovs-vswitchd, whose database is at `db`, come to rest after a port or a device came, went or changed; it may
/// not be there.
///
/// Meanwhile it translates all flows anew, and when a device changes it forgets the kernel's routes for a moment: both
/// at once lose packets in tunnels of others. A round over all flows takes some milliseconds; if it is over already, the
/// next one begins within half a second, so no more than `at_most` is waited.
pub async fn settle(db: &str, at_most: Duration) {
    let _ = timeout(at_most, ask(db, "revalidator/wait", &[])).await;
}

/// Has the ovs-vswitchd whose database is at `db` do what `method` says; what it printed.
///
/// # Errors
/// When it is not there, does not answer within a second, or refuses.
pub async fn call(db: &str, method: &str, words: &[&str]) -> io::Result<String> {
    timeout(PATIENCE, ask(db, method, words)).await?
}

async fn ask(db: &str, method: &str, words: &[&str]) -> io::Result<String> {
    let dir = db.strip_prefix("unix:").and_then(|path| Path::new(path).parent()).ok_or(io::ErrorKind::NotFound)?;
    let pid = tokio::fs::read_to_string(dir.join("ovs-vswitchd.pid")).await?;
    let mut socket = UnixStream::connect(dir.join(format!("ovs-vswitchd.{}.ctl", pid.trim()))).await?;
    let request = json!({ "id": 0, "method": method, "params": words });
    socket.write_all(request.to_string().as_bytes()).await?;
    let mut read = Vec::new();
    while read.len() < LONGEST && socket.read_buf(&mut read).await? > 0 {
        // The socket stays open: an answer ends where it is whole.
        let Ok(answer) = serde_json::from_slice::<Answer>(&read) else { continue };
        return match answer.error {
            Some(error) => Err(io::Error::other(error.trim().to_owned())),
            None => Ok(answer.result.unwrap_or_default()),
        };
    }
    Err(io::ErrorKind::InvalidData.into())
}
