//! What must hold of any input, one function for each decoder: fuzz targets call them with what
//! they find, the test `corpus` with what was found before.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use agent::swim::{Header, Identity, Keyring, Life, Payload, Swim, To};
use api::{GossipKey, GossipKeys, Name, Peer};

const ME: Identity = Identity { node: 1, life: Life::from_bits(1 << 32 | 5) };
const PORT: u16 = 6681;

fn keys() -> GossipKeys {
    GossipKeys { send: GossipKey::new([7; GossipKey::LEN]), accept: None }
}

fn address(node: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node as u8], PORT))
}

/// Two peers, so that one may speak of the other.
fn swim() -> Swim {
    let now = Instant::now();
    let peer = |node: u32| Peer {
        name: Name::new(format!("h{node}")).expect("a name"),
        id: node,
        address: address(node).ip(),
        gateway: [10, 244, 0, 1].into(),
    };
    let mut swim = Swim::new(ME, PORT, 1, now);
    swim.set_keys(Some(&keys()));
    swim.set_peers(&[peer(2), peer(3)], now);
    swim
}

/// A datagram as it comes from the wire, from whoever has no key: it is rejected, whatever it is.
pub fn datagram(data: &[u8]) {
    if let Ok((header, sealed)) = Header::parse(data) {
        assert!(Keyring::new(&keys()).open(&header, sealed, ME).is_err());
    }
    let mut swim = swim();
    swim.handle_input(address(2), data, Instant::now());
    assert_eq!(swim.counts().rejected.values().sum::<u64>(), 1);
}

/// The content of a datagram that is sealed properly: what can be read is written back the same.
pub fn payload(data: &[u8]) {
    let sender = Identity { node: 2, ..ME };
    if let Ok(payload) = Payload::decode(data, sender, ME) {
        let again = Payload::decode(&payload.encode(), sender, ME).expect("it was just written");
        assert_eq!(again, payload);
        assert_eq!(Payload::from_foca(&payload.to_foca()).expect("it was just written"), payload);
    }
}

/// A member that has the key and says anything at all, at any time: chunks of a length, a pause, and content.
pub fn gossip(mut data: &[u8]) {
    let keys = Keyring::new(&keys());
    let (mut swim, mut now) = (swim(), Instant::now());
    let mut counter = 0;
    while let [length, pause, who, rest @ ..] = data {
        let (content, rest) = rest.split_at(rest.len().min((*length).into()));
        data = rest;
        now += Duration::from_millis(u64::from(*pause) * 4);
        swim.handle_timeout(now);
        let sender = Identity { node: 2 + u32::from(who & 1), life: Life::new(u32::from(who >> 4), 9) };
        let to = if who & 2 == 0 { To::Life(swim.identity()) } else { To::Node(ME.node) };
        swim.handle_input(address(sender.node), &keys.seal(sender, to, counter, content), now);
        counter += 1;
        let mut answers = 0;
        while let Some(transmit) = swim.poll_transmit() {
            assert!(transmit.payload.len() <= 1400);
            answers += 1;
        }
        assert!(answers < 100, "{answers} datagrams for one");
        while swim.poll_event().is_some() {}
        assert!(swim.members(now).len() <= 2);
        assert!(swim.poll_timeout().is_some());
    }
}
