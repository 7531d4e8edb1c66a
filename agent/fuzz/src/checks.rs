//! What must hold of any input, one function for each decoder: fuzz targets call them with what
//! they find, the test `corpus` with what was found before.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use agent::names::{
    answer::{self, Outcome},
    book::Book,
    client::Client,
    zone::Zone,
};
use agent::swim::{Header, Identity, Keyring, Life, Payload, Swim, To};
use api::{
    Found, GossipKey, GossipKeys, Name, NameKey, NameKeys, Named, NamesAnswer, NamesConfig, NamesNetwork, Peer, Target,
};

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
        direct: None,
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

/// A query of any bytes from an endpoint: the answer is no larger than it may be, and says whose it is.
pub fn names(data: &[u8]) {
    let network = Name::new("default").expect("a name");
    let config = NamesConfig {
        domain: "sdn.internal".into(),
        address: [169, 254, 77, 53].into(),
        address6: None,
        networks: [(network.clone(), NamesNetwork { internal: false })].into(),
        ranges: vec!["10.244.0.0/16".parse().expect("a range")],
    };
    let client = Client { network: network.clone(), forwards: true };
    let zone = Zone::new(&config, network.clone()).expect("a domain");
    let target =
        |n: u8| Target { name: Name::new(format!("web-{n}")).expect("a name"), ips: vec![[10, 244, 0, n].into()] };
    let found = |key: &NameKey| Found {
        name: Name::new("web").expect("a name"),
        ips: if matches!(key, NameKey::Name(name) if name.len() % 2 == 0) {
            vec![]
        } else {
            vec![[10, 96, 0, 1].into()]
        },
        ports: vec!["80".parse().expect("a port")],
        backends: (1..200).map(target).collect(),
        service: true,
    };
    let now = Instant::now();
    for tcp in [false, true] {
        let mut book = Book::default();
        for _ in 0..2 {
            match answer::answer(data, tcp, &client, &zone, &mut book, (now, 1)) {
                Outcome::Reply(reply) => {
                    assert!(reply.len() >= 12 && reply[..2] == data[..2] && reply[2] & 0x80 != 0);
                    assert!(reply.len() <= if tcp { 65_535 } else { 1_232 });
                }
                Outcome::Need(network, key) => {
                    let wanted: NameKeys = [(network.clone(), [key.clone()].into())].into();
                    let named = Named { network, found: Some(found(&key)), key };
                    book.learn(NamesAnswer { revision: 1, names: vec![named] }, &wanted, now);
                    continue;
                }
                Outcome::Forward(_) | Outcome::Drop => {}
            }
            break;
        }
        if let Some(reply) = answer::fail(data, tcp) {
            assert!(reply[..2] == data[..2] && reply[2] & 0x80 != 0);
        }
    }
}
