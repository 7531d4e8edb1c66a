//! Gossip's socket and clock: the shell of [`swim`](crate::swim).

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use api::{AgentConfig, GossipCounts, GossipKey, GossipKeys, MemberView};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use tokio::{
    net::UdpSocket,
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tracing::{info, warn};

use crate::{
    Error,
    follow::Configs,
    state::State,
    swim::{Event, Identity, Life, Swim, tuning::MAX_DATAGRAM},
    trouble::Trouble,
    udp,
};

/// How often counts are brought up to date.
const COUNT: Duration = Duration::from_secs(1);
/// The pause after a failure to begin.
const PAUSE: Duration = Duration::from_secs(1);
/// How many datagrams are taken in before what is due is done.
const BURST: usize = 256;

/// Who is there, as gossip has it.
#[derive(Clone, Debug)]
pub struct Members {
    /// When this was so.
    pub at: Instant,
    /// The other hosts that are known.
    pub list: Arc<Vec<MemberView>>,
    /// What became of datagrams so far.
    pub counts: GossipCounts,
}

impl Default for Members {
    fn default() -> Self {
        Self { at: Instant::now(), list: Arc::default(), counts: GossipCounts::default() }
    }
}

/// The answer to `GET /v1/members` on the agent's socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MembersAnswer {
    /// The other hosts that are known.
    pub members: Vec<MemberView>,
    /// What became of datagrams since the agent started.
    pub gossip: GossipCounts,
}

impl Members {
    /// The hosts as of `now`.
    pub fn aged(&self, now: Instant) -> Vec<MemberView> {
        let more = now.saturating_duration_since(self.at).as_secs_f64();
        let older = |view: &MemberView| MemberView { since_seconds: view.since_seconds + more, ..view.clone() };
        self.list.iter().map(older).collect()
    }
}

/// Where to gossip.
#[derive(Clone, Debug)]
pub struct Place {
    /// This host's address on the underlay.
    pub underlay: IpAddr,
    /// The port, which is the same on every host.
    pub port: u16,
    /// Holds the key while the controller gives none.
    pub key_file: Option<PathBuf>,
}

/// Gossips for ever, as soon as there is a key; what it finds out goes to `members`.
pub async fn keep(place: &Place, state: &State, mut configs: Configs, members: &watch::Sender<Members>) {
    let mut trouble = Trouble::new("gossip");
    let mut silent = false;
    loop {
        let current = configs.borrow_and_update().clone();
        let Some(current) = current else {
            if configs.changed().await.is_err() {
                return;
            }
            continue;
        };
        match place.keys(&current.config) {
            Ok(Some(keys)) => {
                silent = false;
                match begin(place, state, &current.config) {
                    Ok((swim, socket)) => {
                        trouble.over();
                        if gossip(swim, &socket, place, keys, state, &mut configs, members).await.is_none() {
                            return;
                        }
                        members.send_replace(Members::default());
                        continue;
                    }
                    Err(e) => trouble.note(e),
                }
            }
            Ok(None) if !silent => {
                silent = true;
                info!("the controller gives no gossip key and there is no --gossip-key-file: gossip is off");
            }
            Ok(None) => {}
            Err(e) => trouble.note(e),
        }
        tokio::select! {
            changed = configs.changed() => if changed.is_err() { return },
            () = sleep(PAUSE), if !silent => {}
        }
    }
}

impl Place {
    /// The controller's keys, or else the file's.
    fn keys(&self, config: &AgentConfig) -> Result<Option<GossipKeys>, Error> {
        match (&config.gossip_keys, &self.key_file) {
            (Some(keys), _) => Ok(Some(keys.clone())),
            (None, Some(path)) => Ok(Some(GossipKeys { send: read_key(path)?, accept: None })),
            (None, None) => Ok(None),
        }
    }
}

fn read_key(path: &Path) -> Result<GossipKey, Error> {
    let wrong = |reason: &dyn std::fmt::Display| Error::kernel(path.display().to_string(), reason);
    let text = std::fs::read_to_string(path).map_err(|e| wrong(&e))?;
    text.parse().map_err(|e: api::Invalid| wrong(&e))
}

/// A new life of this agent, and its socket.
fn begin(place: &Place, state: &State, config: &AgentConfig) -> Result<(Swim, UdpSocket), Error> {
    let kernel = |e: io::Error| Error::kernel(format!("UDP port {} of {}", place.port, place.underlay), e);
    let socket = udp::open(place.underlay, place.port, None).map_err(kernel)?;
    let mut random = [[0; 4], [0; 4], [0; 4]];
    for part in &mut random {
        SystemRandom::new().fill(part).map_err(|_| Error::kernel("the random number generator", "failed"))?;
    }
    let [session, high, low] = random.map(u32::from_be_bytes);
    // What was kept makes it grow whatever the clock does; the clock makes it grow when nothing was kept.
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as u32);
    let number = clock.max(state.life().saturating_add(1));
    state.keep_life(number).map_err(|e| Error::kernel("the state directory", e))?;
    let me = Identity { node: config.node.id, life: Life::new(number, session) };
    let seed = u64::from(high) << 32 | u64::from(low);
    Ok((Swim::new(me, place.port, seed, Instant::now().into_std()), socket))
}

/// Gossips until this host has another number or no key any more; none when the agent ends.
async fn gossip(
    mut swim: Swim,
    socket: &UdpSocket,
    place: &Place,
    mut keys: GossipKeys,
    state: &State,
    configs: &mut Configs,
    members: &watch::Sender<Members>,
) -> Option<()> {
    // One byte more than a datagram shows what is too long.
    let mut buffer = [0; MAX_DATAGRAM + 1];
    let mut count_due = Instant::now();
    swim.set_keys(Some(&keys));
    configs.mark_changed();
    loop {
        let now = Instant::now();
        drain(&mut swim, socket, state, members, now).await;
        if now >= count_due {
            count_due = now + COUNT;
            members.send_if_modified(|members| {
                members.counts = swim.counts().clone();
                false
            });
        }
        let due = swim.poll_timeout().map_or(count_due, |(at, _)| Instant::from_std(at).min(count_due));
        tokio::select! {
            // What came in meanwhile may be just what a timer waits for.
            biased;
            changed = configs.changed() => {
                changed.ok()?;
                let current = configs.borrow_and_update().clone()?;
                if current.config.node.id != swim.identity().node {
                    return Some(());
                }
                match place.keys(&current.config).ok().flatten() {
                    Some(wanted) if wanted == keys => {}
                    Some(wanted) => {
                        keys = wanted;
                        swim.set_keys(Some(&keys));
                    }
                    None => return Some(()),
                }
                swim.set_peers(&current.config.peers, Instant::now().into_std());
            }
            readable = socket.readable() => if readable.is_ok() {
                receive(&mut swim, socket, &mut buffer);
            },
            () = sleep_until(due) => swim.handle_timeout(Instant::now().into_std()),
        }
    }
}

fn receive(swim: &mut Swim, socket: &UdpSocket, buffer: &mut [u8]) {
    for _ in 0..BURST {
        let Ok((length, from)) = socket.try_recv_from(buffer) else { return };
        swim.handle_input(from, buffer.get(..length).unwrap_or_default(), Instant::now().into_std());
    }
}

async fn drain(swim: &mut Swim, socket: &UdpSocket, state: &State, members: &watch::Sender<Members>, now: Instant) {
    while let Some(transmit) = swim.poll_transmit() {
        // A datagram that cannot be sent is one that is lost.
        let _ = socket.send_to(&transmit.payload, transmit.to).await;
    }
    let mut changed = false;
    while let Some(event) = swim.poll_event() {
        match event {
            Event::Member(peer, from, to) => {
                changed = true;
                info!(%peer, from = from.map_or("unknown", |s| s.as_str()), to = to.as_str(), "member");
            }
            Event::Life(number) => {
                info!("the others had given this host up; it is back");
                if let Err(reason) = state.keep_life(number) {
                    warn!(%reason, "cannot keep the number of this life");
                }
            }
        }
    }
    if changed {
        let list = Arc::new(swim.members(now.into_std()));
        members.send_replace(Members { at: now, list, counts: swim.counts().clone() });
    }
}
