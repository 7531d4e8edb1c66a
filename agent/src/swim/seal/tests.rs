use super::*;

fn key(byte: u8) -> GossipKey {
    GossipKey::new([byte; GossipKey::LEN])
}

fn ring(send: u8, accept: Option<u8>) -> Keyring {
    Keyring::new(&GossipKeys { send: key(send), accept: accept.map(key) })
}

const A: Identity = Identity { node: 1, life: Life::from_bits(0x0000_0007_1111_1111) };
const B: Identity = Identity { node: 2, life: Life::from_bits(0x0000_0009_2222_2222) };

fn open(keys: &Keyring, datagram: &[u8], receiver: Identity) -> Result<Vec<u8>, Rejection> {
    let (header, sealed) = Header::parse(datagram)?;
    keys.open(&header, sealed, receiver)
}

#[test]
fn opens_for_its_receiver_only() {
    let keys = ring(1, None);
    let datagram = keys.seal(A, To::Life(B), 5, b"facts");
    assert_eq!(datagram.len(), OVERHEAD + 5);
    assert!(!datagram.windows(5).any(|w| w == b"facts"));
    assert_eq!(open(&keys, &datagram, B).unwrap(), b"facts");
    let third = Identity { node: 3, life: B.life };
    assert_eq!(open(&keys, &datagram, third), Err(Rejection::Forged));
    let renewed = Identity { life: Life::new(10, B.life.session()), ..B };
    assert_eq!(open(&keys, &datagram, renewed), Err(Rejection::Forged));
    let restarted = Identity { life: Life::new(10, 3), ..B };
    assert_eq!(open(&keys, &datagram, restarted), Err(Rejection::Stale));
}

#[test]
fn a_hello_opens_in_any_life_of_its_receiver() {
    let keys = ring(1, None);
    let hello = keys.seal(A, To::Node(2), 0, &[]);
    assert!(open(&keys, &hello, B).unwrap().is_empty());
    assert!(open(&keys, &hello, Identity { life: Life::new(77, 7), ..B }).unwrap().is_empty());
    assert_eq!(open(&keys, &hello, A), Err(Rejection::Forged));
}

#[test]
fn every_changed_bit_and_every_missing_byte_is_seen() {
    let keys = ring(1, None);
    let datagram = keys.seal(A, To::Life(B), 5, b"facts");
    for bit in 0..datagram.len() * 8 {
        let mut changed = datagram.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&keys, &changed, B).is_err(), "bit {bit}");
    }
    for length in 0..datagram.len() {
        assert!(open(&keys, &datagram[..length], B).is_err(), "{length} bytes");
    }
}

#[test]
fn keys_can_be_changed_under_way() {
    let (old, both, new) = (ring(1, Some(2)), ring(2, Some(1)), ring(2, None));
    let says = |from: &Keyring, to: &Keyring| open(to, &from.seal(A, To::Life(B), 5, b"x"), B);
    for (from, to) in [(&old, &both), (&both, &old), (&both, &new), (&new, &both), (&old, &old)] {
        assert!(says(from, to).is_ok());
    }
    assert_eq!(says(&old, &new), Err(Rejection::UnknownKey));
}

#[test]
fn senders_do_not_share_keys() {
    let keys = ring(1, None);
    let mut datagram = keys.seal(A, To::Life(B), 5, b"facts");
    datagram[5] = 3;
    assert_eq!(open(&keys, &datagram, B), Err(Rejection::Forged));
}
