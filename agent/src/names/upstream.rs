//! The host's own resolvers, as its `resolv.conf` names them.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::PORT;

/// How many of them are asked: as many as the C library takes (resolv.conf(5)).
const MAX: usize = 3;
/// The largest file that is read, in bytes.
const MAX_FILE: usize = 64 << 10;
/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The host's resolvers; the file is read again when it has changed.
#[derive(Debug)]
pub struct Upstreams {
    path: PathBuf,
    looked: Option<(Instant, Option<SystemTime>)>,
    servers: Vec<SocketAddr>,
}

impl Upstreams {
    /// Those that the file at `path` names.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), looked: None, servers: Vec::new() }
    }

    /// Whom to ask, the first one first; nobody at `own`, where we are.
    pub fn servers(&mut self, own: &[IpAddr], now: Instant) -> Vec<SocketAddr> {
        if self.looked.is_none_or(|(at, _)| now.duration_since(at) >= LOOK) {
            let changed = fs::metadata(&self.path).and_then(|meta| meta.modified()).ok();
            if self.looked.is_none_or(|(_, before)| before != changed) {
                let text = fs::read(&self.path).unwrap_or_default();
                self.servers = parse(&String::from_utf8_lossy(text.get(..MAX_FILE).unwrap_or(&text)));
            }
            self.looked = Some((now, changed));
        }
        self.servers.iter().copied().filter(|server| !own.contains(&server.ip())).collect()
    }
}

/// The name servers of a `resolv.conf`. Those of one link only (`fe80::1%eth0`) are left out.
fn parse(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then_some(())?;
        Some(SocketAddr::new(words.next()?.parse().ok()?, PORT))
    };
    text.lines().filter_map(server).take(MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_servers_are_asked_and_never_ourselves() {
        let text = "# nameserver 192.0.2.9\nsearch a b\nnameserver 169.254.77.53\nnameserver  192.0.2.1 # x\n\
                    nameserver fe80::1%eth0\nnameserver nonsense\nnameserver\nnameserver fd00::1\nnameserver 192.0.2.3\n";
        let servers: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["169.254.77.53:53", "192.0.2.1:53", "[fd00::1]:53"]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("resolv.conf");
        let (mut upstreams, now) = (Upstreams::new(&path), Instant::now());
        let own = [[169, 254, 77, 53].into()];
        assert_eq!(upstreams.servers(&own, now), [], "there is no file yet");
        fs::write(&path, text).unwrap();
        assert_eq!(upstreams.servers(&own, now), [], "it was looked at just now");
        assert_eq!(upstreams.servers(&own, now + LOOK).len(), 2);
    }
}
